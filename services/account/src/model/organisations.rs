//! The tenants.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::body::{object, present};
use kit::id::OrganisationId;
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize, Serializer};

use super::{PASSWORDS, new_password};

/// An organisation and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// Unique, whatever its case.
    pub name: String,
    /// The plan's code.
    pub plan: String,
    /// `active`, `overdue` or `frozen`, in Billing's words; without a row of Billing's it is active.
    #[serde(serialize_with = "or_active")]
    pub standing: Option<String>,
    /// The ETag.
    pub version: i64,
    /// When it signed up.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

fn or_active<S: Serializer>(standing: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(standing.as_deref().unwrap_or("active"))
}

/// A sign-up.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewOrganisation {
    /// Unique, whatever its case.
    pub name: String,
    /// The plan's code.
    pub plan: String,
    /// Who may sign in from the start.
    #[serde(deserialize_with = "object")]
    pub admin: FirstAdmin,
}

/// The first admin of an organisation.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FirstAdmin {
    /// Unique platform-wide.
    pub email: String,
    /// Hashed before anything else happens to it.
    pub password: String,
}

impl Validate for NewOrganisation {
    const AS_TYPED: &'static [&'static str] = PASSWORDS;

    fn validate(&self, invalid: &mut Invalid) {
        invalid.name("name", &self.name, 200).name("plan", &self.plan, 40).email("admin.email", &self.admin.email);
        new_password(invalid, "admin.password", &self.admin.password);
    }
}

/// What of an organisation an admin may change.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OrganisationPatch {
    /// A new name.
    #[serde(default, deserialize_with = "present")]
    pub name: Option<String>,
    /// Another plan.
    #[serde(default, deserialize_with = "present")]
    pub plan: Option<String>,
}

impl Validate for OrganisationPatch {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.optional_name("name", self.name.as_deref(), 200).optional_name("plan", self.plan.as_deref(), 40);
    }
}
