//! The tenants.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::body::{object, present};
use kit::id::OrganisationId;
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize};

use super::new_password;

/// A row of `account.organisations`.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = crate::schema::organisations)]
pub struct OrganisationRow {
    /// Its id.
    pub id: OrganisationId,
    /// Unique, whatever its case.
    pub name: String,
    /// What it subscribes to.
    pub plan_code: String,
    /// The ETag.
    pub version: i64,
    /// When it signed up.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// An organisation as the contract shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// Unique, whatever its case.
    pub name: String,
    /// The plan's code.
    pub plan: String,
    /// `active`, `overdue` or `frozen`: Billing's word.
    pub standing: String,
    /// The ETag.
    pub version: i64,
    /// When it signed up.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Organisation {
    /// The row with how it stands; without a row of Billing's it is active.
    pub fn new(row: OrganisationRow, standing: Option<String>) -> Self {
        Self {
            id: row.id,
            name: row.name,
            plan: row.plan_code,
            standing: standing.unwrap_or_else(|| "active".into()),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
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
