//! The tenants.

use chrono::{DateTime, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromStaticSqlRow, Queryable};
use kit::body::{email, object, present};
use kit::id::OrganisationId;
use kit::{Invalid, Validate};
use serde::{Deserialize, Serialize, Serializer};

use super::{PASSWORDS, new_password};

/// APIs, domains, sub domains, people: in use (none: nothing), or allowed (none: any number).
pub type Counts = (Option<i32>, Option<i32>, Option<i32>, Option<i32>);

/// Something of which more is in use than the plan allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excess {
    resource: &'static str,
    limit: i32,
    used: i32,
}

/// Everything of which more is in use than a plan allows.
pub fn excess(limits: Counts, used: Counts) -> Vec<Excess> {
    let all = [
        ("apis", limits.0, used.0),
        ("domains", limits.1, used.1),
        ("subDomains", limits.2, used.2),
        ("users", limits.3, used.3),
    ];
    let above = |(resource, limit, used): (_, Option<i32>, Option<i32>)| {
        let (limit, used) = (limit?, used.unwrap_or(0));
        (used > limit).then_some(Excess { resource, limit, used })
    };
    all.into_iter().filter_map(above).collect()
}

/// An organisation and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// What is above its plan: creates at the time of a downgrade, or a plan whose limits were lowered, may leave that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excess: Vec<Excess>,
}

/// As a row of the store's statements has it.
type Row = (OrganisationId, String, String, Option<String>, i64, DateTime<Utc>, DateTime<Utc>, Counts, Counts);

impl<DB: Backend, ST> Queryable<ST, DB> for Organisation
where
    Row: FromStaticSqlRow<ST, DB>,
{
    type Row = Row;

    fn build(row: Row) -> deserialize::Result<Self> {
        let (id, name, plan, standing, version, created_at, updated_at, limits, used) = row;
        Ok(Self { id, name, plan, standing, version, created_at, updated_at, excess: excess(limits, used) })
    }
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
    #[serde(deserialize_with = "email")]
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
