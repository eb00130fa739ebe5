//! Who may sign in.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::body::{email, present, present_email};
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::hashing::Hash;

use super::{PASSWORDS, another_password, claimed_password, new_password};

/// A login without its hash: only sign-in reads that.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Serialize)]
#[serde(rename_all = "camelCase")]
#[diesel(table_name = crate::schema::logins)]
pub struct Login {
    /// None for operators; not shown.
    #[serde(skip)]
    pub organisation_id: Option<OrganisationId>,
    /// Its id, a token's `sub`.
    pub id: LoginId,
    /// Unique platform-wide among those that are accepted.
    pub email: String,
    /// The person who signs in with it.
    pub profile_id: Option<ProfileId>,
    /// `member`, `admin` or `operator`.
    pub scope: String,
    /// Since when signing in is refused.
    #[serde(rename = "disabled", serialize_with = "is_some")]
    pub disabled_at: Option<DateTime<Utc>>,
    /// What the owner of the address has yet to accept: until then nobody can sign in with it. No secret.
    #[serde(rename = "invited", serialize_with = "is_some")]
    pub invitation_id: Option<Uuid>,
    /// When the password stops to be enough.
    pub password_expires_at: DateTime<Utc>,
    /// The ETag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Login {
    /// A login to be written, of no organisation and no person yet, that needn't be accepted.
    pub fn new(email: &str, scope: &str, password: &Hash, now: DateTime<Utc>) -> Self {
        Self {
            organisation_id: None,
            id: LoginId::new(now),
            email: email.to_owned(),
            scope: scope.to_owned(),
            profile_id: None,
            disabled_at: None,
            invitation_id: None,
            password_expires_at: password.expires_at(now),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The same, for the owner of the address to accept.
    #[must_use]
    pub fn invited(self, now: DateTime<Utc>) -> Self {
        Self { invitation_id: Some(kit::id::uuid_v7(now)), ..self }
    }

    /// Can somebody sign in with it?
    pub fn works(&self) -> bool {
        self.disabled_at.is_none() && self.invitation_id.is_none()
    }

    /// Can this login administrate its organisation?
    pub fn is_working_admin(&self) -> bool {
        self.scope == "admin" && self.works()
    }
}

/// Shown as `disabled` and `invited`: whether, not since when or by which.
fn is_some<T, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(value.is_some())
}

/// A new login of an organisation.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewLogin {
    /// Its owner accepts the login.
    #[serde(deserialize_with = "email")]
    pub email: String,
    /// Hashed before anything else happens to it.
    pub password: String,
    /// The person who signs in with it.
    #[serde(default)]
    pub profile_id: Option<ProfileId>,
    /// `member` or `admin`.
    pub scope: String,
}

impl Validate for NewLogin {
    const AS_TYPED: &'static [&'static str] = PASSWORDS;

    fn validate(&self, invalid: &mut Invalid) {
        invalid.email("email", &self.email);
        new_password(invalid, "password", &self.password);
        scope(invalid, &self.scope);
    }
}

/// What of a login an admin may change.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LoginPatch {
    /// Another address, whose owner accepts the login anew.
    #[serde(default, deserialize_with = "present_email")]
    pub email: Option<String>,
    /// A new password, for who has forgotten theirs.
    #[serde(default, deserialize_with = "present")]
    pub password: Option<String>,
    /// Another person; null unlinks.
    #[serde(default, deserialize_with = "present")]
    pub profile_id: Option<Option<ProfileId>>,
    /// `member` or `admin`.
    #[serde(default, deserialize_with = "present")]
    pub scope: Option<String>,
    /// Refuse, or allow again, to sign in.
    #[serde(default, deserialize_with = "present")]
    pub disabled: Option<bool>,
}

impl LoginPatch {
    /// The login as it is to be; the password apart.
    pub fn apply(&self, login: &Login, now: DateTime<Utc>) -> Login {
        let mut next = login.clone();
        if let Some(email) = &self.email {
            next.email.clone_from(email);
            if !email.eq_ignore_ascii_case(&login.email) {
                next = next.invited(now);
            }
        }
        if let Some(scope) = &self.scope {
            next.scope.clone_from(scope);
        }
        if let Some(profile_id) = self.profile_id {
            next.profile_id = profile_id;
        }
        next.disabled_at = match self.disabled {
            Some(true) => login.disabled_at.or(Some(now)),
            Some(false) => None,
            None => login.disabled_at,
        };
        next
    }
}

impl Validate for LoginPatch {
    const AS_TYPED: &'static [&'static str] = PASSWORDS;

    fn validate(&self, invalid: &mut Invalid) {
        if let Some(email) = &self.email {
            invalid.email("email", email);
        }
        if let Some(password) = &self.password {
            new_password(invalid, "password", password);
        }
        if let Some(text) = &self.scope {
            scope(invalid, text);
        }
    }
}

/// Operators belong to no organisation: no organisation can make one.
fn scope(invalid: &mut Invalid, scope: &str) {
    invalid.require(matches!(scope, "member" | "admin"), "scope", "unknown_value", "must be member or admin");
}

/// A change of one's own password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PasswordChange {
    /// The password until now.
    pub current: String,
    /// The password from now on.
    pub new: String,
}

impl Validate for PasswordChange {
    const AS_TYPED: &'static [&'static str] = PASSWORDS;

    fn validate(&self, invalid: &mut Invalid) {
        claimed_password(invalid, "current", &self.current);
        new_password(invalid, "new", &self.new);
        another_password(invalid, "new", &self.new, &self.current);
    }
}
