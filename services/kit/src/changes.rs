//! The feed of changes: rows written in the transaction that changes something, read in an order that loses none.

mod cursor;
mod feed;
pub(crate) mod handlers;
pub(crate) mod hint;

use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid};
use diesel::{PgConnection, RunQueryDsl};
use serde_json::Value;

pub use crate::db::recorded;
pub use cursor::{After, Place};
pub use feed::{Item, Items, PAGE_BYTES, feed};

use crate::id::OrganisationId;
use crate::sql::Sql;
use crate::{Error, Meta};

/// One thing that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// As in `docs/contract/changes.yaml`: `ApiCreated`, …
    pub kind: &'static str,
    /// Whose it is; none for the platform's own.
    pub organisation_id: Option<OrganisationId>,
    /// The entity: its id, or a plan's code.
    pub entity_id: String,
    /// The entity's version after the change.
    pub version: i64,
    /// The declared keys before; none when created.
    pub before: Option<Value>,
    /// The declared keys after; none when deleted.
    pub after: Option<Value>,
    /// It stands at its transaction's own id, as a row does that keeps that id; else not below any transaction that ended before its statement.
    pub at_own_id: bool,
}

impl Change {
    /// Of an entity that was neither there before nor is after: [`Change::before`] and [`Change::after`] say what it was and is.
    pub fn of(
        kind: &'static str,
        organisation: impl Into<Option<OrganisationId>>,
        entity: impl ToString,
        version: i64,
    ) -> Self {
        let (organisation_id, entity_id) = (organisation.into(), entity.to_string());
        Self { kind, organisation_id, entity_id, version, before: None, after: None, at_own_id: false }
    }

    /// What it was.
    #[must_use]
    pub fn before(self, keys: Value) -> Self {
        Self { before: Some(keys), ..self }
    }

    /// At its transaction's own id.
    #[must_use]
    pub fn at_own_id(self) -> Self {
        Self { at_own_id: true, ..self }
    }

    /// What it is now.
    #[must_use]
    pub fn after(self, keys: Value) -> Self {
        Self { after: Some(keys), ..self }
    }
}

/// Whose changes the platform's own are, as the table holds them: its key begins with the organisation.
const PLATFORM: OrganisationId = OrganisationId(uuid::Uuid::nil());

/// Adds a row to `<schema>.changes`; called inside the writing transaction, after the entity's lock.
pub fn record(connection: &mut PgConnection, schema: &'static str, meta: &Meta, change: Change) -> Result<(), Error> {
    let (column, value) = if change.at_own_id { (", xid", ", pg_catalog.pg_current_xact_id()") } else { ("", "") };
    let text = format!(
        "insert into {{schema}}.changes \
         (at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after{column}) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9{value})"
    );
    Sql::<'_, ()>::new(&text, schema)
        .bind::<Timestamptz, _>(meta.now)
        .bind::<Text, _>(change.kind)
        .bind::<Uuid, _>(change.organisation_id.unwrap_or(PLATFORM))
        .bind::<Text, _>(change.entity_id)
        .bind::<BigInt, _>(change.version)
        .bind::<Nullable<Uuid>, _>(meta.actor)
        .bind::<Text, _>(meta.request_id.as_str())
        .bind::<Nullable<Jsonb>, _>(change.before)
        .bind::<Nullable<Jsonb>, _>(change.after)
        .execute(connection)?;
    recorded();
    Ok(())
}

/// How long a change is kept at least.
pub const KEPT: chrono::TimeDelta = chrono::TimeDelta::days(30);
/// Kinds that tell how things stood when a month ended: kept as long as a month may still be billed, a year and two months.
pub const KEPT_LONG: [&str; 3] = ["SubscriptionPlanModified", "PlanModified", "OrganisationUnfrozen"];
/// How much longer these are kept.
pub const KEPT_LONG_MORE: chrono::TimeDelta = chrono::TimeDelta::days(400);

/// Removes up to `batch` changes from before `until`, but none that a reader of the feed hasn't read yet; how many were removed.
///
/// A feed that was never read has no position, and keeps everything: whoever reads it first loses nothing.
pub(crate) fn purge(
    connection: &mut PgConnection,
    schema: &'static str,
    until: chrono::DateTime<chrono::Utc>,
    batch: i64,
) -> Result<usize, Error> {
    let delete: Sql<'_> = Sql::new(
        "delete from {schema}.changes where (organisation_id, id) in (\
         select c.organisation_id, c.id from {schema}.changes c join published.feed_cursors f on f.feed = '{schema}' \
         where c.at < $1 and (c.xid, c.id) <= (f.xid, f.id) and (c.at < $3 or c.kind <> all($4)) order by c.at limit $2)",
        schema,
    );
    Ok(delete
        .bind::<Timestamptz, _>(until)
        .bind::<BigInt, _>(batch)
        .bind::<Timestamptz, _>(until - KEPT_LONG_MORE)
        .bind::<Array<Text>, _>(&KEPT_LONG[..])
        .execute(connection)?)
}
