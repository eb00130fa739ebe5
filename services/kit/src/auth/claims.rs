//! What a token says.

use serde::{Deserialize, Serialize};

use crate::id::{LoginId, OrganisationId, ProfileId};

crate::words! {
    /// What a login may do.
    pub enum Scope {
        /// Reads everything of the organisation, writes Registry data and the own profile.
        Member = "member",
        /// Does the rest within the organisation.
        Admin = "admin",
        /// The platform's own staff; belongs to no organisation.
        Operator = "operator",
    }
}

/// The claims of a token; Account writes them, all verify them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who signed.
    pub iss: String,
    /// For whom: [`super::AUDIENCE`].
    pub aud: String,
    /// The login.
    pub sub: LoginId,
    /// Its organisation; none for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrganisationId>,
    /// The person behind the login, if linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileId>,
    /// What it may do.
    pub scope: Scope,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// From when on it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
}
