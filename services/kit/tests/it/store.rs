//! The sample's store: organisations of `account`, enough of them to try everything kit does.

use chrono::{DateTime, Utc};
use diesel::{OptionalExtension, PgConnection, RunQueryDsl};
use kit::changes::{self, Change};
use kit::id::OrganisationId;
use kit::{Answer, Error, Idempotency, IfMatch, Invalid, Json, Keyset, Meta, OnConstraint, Page, Paged, Validate};
use kit::{idempotency, reply};
use serde::{Deserialize, Serialize};

pub const SCHEMA: &str = "account";

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Organisation {
    pub id: OrganisationId,
    pub name: String,
    pub version: i64,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewOrganisation {
    pub name: String,
    /// Fails after everything was written, so that a test sees it undone.
    #[serde(default)]
    pub fail: bool,
}

impl Validate for NewOrganisation {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.name("name", &self.name, 200);
    }
}

kit::statement! {
    /// One organisation; `$1` stands twice to show that it may.
    pub struct FindOrganisation(id: OrganisationId as Uuid) -> (Uuid, Text, BigInt, Timestamptz) =
        "select o.id, o.name, o.version, o.created_at from account.organisations o where o.id = $1 and $1 is not null"
}
kit::statement! {
    pub struct LockOrganisation(id: OrganisationId as Uuid) -> BigInt =
        "select o.version from account.organisations o where o.id = $1 for no key update"
}
kit::statement! {
    /// Parameters out of order, and a borrowed one.
    pub struct InsertOrganisation<'a>(name: &'a str as Text, id: OrganisationId as Uuid, now: DateTime<Utc> as Timestamptz) =
        "insert into account.organisations (id, name, plan_code, version, created_at, updated_at) values ($2, $1, 'free', 1, $3, $3)"
}
kit::statement! {
    pub struct RenameOrganisation<'a>(id: OrganisationId as Uuid, name: &'a str as Text, now: DateTime<Utc> as Timestamptz) =
        "update account.organisations set name = $2, version = version + 1, updated_at = $3 where id = $1"
}
kit::statement! {
    pub struct ListOrganisations(at: Option<DateTime<Utc>> as Nullable<Timestamptz>, id: Option<uuid::Uuid> as Nullable<Uuid>, limit: i64 as BigInt)
        -> (Uuid, Text, BigInt, Timestamptz) =
        "select o.id, o.name, o.version, o.created_at from account.organisations o \
         where $1 is null or (o.created_at, o.id) > ($1, $2) order by o.created_at, o.id limit $3"
}

type Row = (OrganisationId, String, i64, DateTime<Utc>);

fn organisation((id, name, version, created_at): Row) -> Organisation {
    Organisation { id, name, version, created_at }
}

pub fn find(c: &mut PgConnection, id: OrganisationId) -> Result<Organisation, Error> {
    let row = FindOrganisation { id }.get_result::<Row>(c).optional()?;
    row.map(organisation).ok_or(Error::NotFound)
}

pub fn list(c: &mut PgConnection, page: &Page) -> Result<Paged<Organisation>, Error> {
    let (at, id) = (page.after.map(|place| place.created_at), page.after.map(|place| place.id));
    let rows = ListOrganisations { at, id, limit: page.fetch() }.load::<Row>(c)?;
    Ok(page.finish(rows, |row| Keyset::new(row.3, row.0)).map(organisation))
}

pub fn create(c: &mut PgConnection, meta: &Meta, key: &Idempotency, new: Json<NewOrganisation>) -> Answer {
    idempotency::once(c, SCHEMA, key, meta, |c| insert(c, meta, new))
}

pub fn rename(
    c: &mut PgConnection,
    meta: &Meta,
    id: OrganisationId,
    seen: IfMatch,
    new: Json<NewOrganisation>,
) -> Result<Organisation, Error> {
    let version = LockOrganisation { id }.get_result::<i64>(c).optional()?.ok_or(Error::NotFound)?;
    seen.check(version)?;
    let new = new.check()?;
    RenameOrganisation { id, name: &new.name, now: meta.now }
        .execute(c)
        .on_constraint("organisations_name_key", || Error::conflict("name-taken", "the name is taken"))?;
    record(c, meta, "OrganisationModified", id, version + 1, &new.name)?;
    Ok(organisation(FindOrganisation { id }.get_result::<Row>(c)?))
}

/// Leaves a transaction open by a panic.
pub fn panic(c: &mut PgConnection, meta: &Meta) -> Result<(), Error> {
    InsertOrganisation { name: "never", id: OrganisationId::new(meta.now), now: meta.now }.execute(c)?;
    panic!("as a mistake of ours would")
}

/// A right that no login has.
pub fn forbidden(c: &mut PgConnection) -> Result<(), Error> {
    use diesel::connection::SimpleConnection;
    Ok(c.batch_execute("delete from account.plans")?)
}

fn insert(c: &mut PgConnection, meta: &Meta, new: Json<NewOrganisation>) -> Answer {
    let new = new.check()?;
    let id = OrganisationId::new(meta.now);
    InsertOrganisation { name: &new.name, id, now: meta.now }
        .execute(c)
        .on_constraint("organisations_name_key", || Error::conflict("name-taken", "the name is taken"))?;
    record(c, meta, "OrganisationCreated", id, 1, &new.name)?;
    if new.fail {
        return Err(Error::conflict("failed", "as asked"));
    }
    let made = Organisation { id, name: new.name, version: 1, created_at: meta.now };
    reply::created(format!("/organisations/{id}"), 1, &made)
}

fn record(
    c: &mut PgConnection,
    meta: &Meta,
    kind: &'static str,
    id: OrganisationId,
    version: i64,
    name: &str,
) -> Result<(), Error> {
    let change = Change::of(kind, id, id, version).after(serde_json::json!({ "name": name }));
    changes::record(c, SCHEMA, meta, change)
}
