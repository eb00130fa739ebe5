//! Reading the feed.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid};
use diesel::{PgConnection, RunQueryDsl};
use serde::Serialize;
use serde_json::Value;

use super::Place;
use crate::Error;
use crate::id::{LoginId, OrganisationId};
use crate::sql::Sql;

/// One change as the contract shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What kind of change.
    pub kind: String,
    /// Of which entity.
    pub entity_id: String,
    /// The entity's version after it.
    pub version: i64,
    /// Who did it; none: the service itself.
    pub actor_id: Option<LoginId>,
    /// In which request.
    pub request_id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The declared keys before.
    pub before: Option<Value>,
    /// The declared keys after.
    pub after: Option<Value>,
}

/// A piece of the feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Items {
    /// The changes, in the order in which nothing is ever missed.
    pub items: Vec<Item>,
    /// What to send as `after` next time: the end of this piece, or the same place if it is empty.
    pub next: String,
}

impl Items {
    /// `next` as a place again, in the feed of this service: for readers inside the process.
    pub fn place(&self, service: &str) -> Option<Place> {
        Place::decode(&self.next, service)
    }
}

/// A piece ends with the change that brings its `before` and `after` to so many bytes, as JSON text; of what is very long, which only
/// earlier releases wrote, an estimate that needn't unpack it. The statements of services that read feeds themselves have the same number.
pub const PAGE_BYTES: u32 = 1_048_576;

type Row = ((Text, BigInt), (Text, Text, BigInt, Nullable<Uuid>, Text, Timestamptz, Nullable<Jsonb>, Nullable<Jsonb>));
type Values =
    ((String, i64), (String, String, i64, Option<LoginId>, String, DateTime<Utc>, Option<Value>, Option<Value>));

/// Up to `limit` changes of an organisation (or of all) after `after`, and about a megabyte at most: see [`PAGE_BYTES`].
///
/// Only transactions below the snapshot's xmin: whatever is older than those has ended, so no row can appear before
/// the place this returns. xid8 is compared as xid8; it travels as text because diesel doesn't know it.
pub fn feed(
    connection: &mut PgConnection,
    schema: &'static str,
    organisation: Option<OrganisationId>,
    after: Place,
    limit: i64,
) -> Result<Items, Error> {
    let of = if organisation.is_some() { "and c.organisation_id = $4" } else { "" };
    let text = format!(
        "select c.xid::text, c.id, c.kind, c.entity_id, c.version, c.actor_id, c.request_id, c.at, c.before, c.after \
         from (select c.*, sum(case when pg_column_size(c.before) > 20000 then 16 * pg_column_size(c.before)::bigint else octet_length(c.before::text) end) \
                 over earlier as before_bytes, \
             sum(case when pg_column_size(c.after) > 20000 then 16 * pg_column_size(c.after)::bigint else octet_length(c.after::text) end) \
                 over earlier as after_bytes from ( \
             select c.* from {{schema}}.changes c \
             where (c.xid, c.id) > ($1::text::xid8, $2) \
             and c.xid < pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) {of} \
             order by c.xid, c.id limit $3) c \
             window earlier as (order by c.xid, c.id rows between unbounded preceding and 1 preceding)) c \
         where coalesce(c.before_bytes, 0) + coalesce(c.after_bytes, 0) < {PAGE_BYTES} order by c.xid, c.id"
    );
    let mut select: Sql<'_, Row> = Sql::new(&text, schema)
        .bind::<Text, _>(after.xid.to_string())
        .bind::<BigInt, _>(after.id)
        .bind::<BigInt, _>(limit);
    if let Some(organisation) = organisation {
        select = select.bind::<Uuid, _>(organisation);
    }
    let rows: Vec<Values> = select.load(connection)?;
    let mut end = after;
    let mut items = Vec::with_capacity(rows.len());
    for ((xid, id), (kind, entity_id, version, actor_id, request_id, at, before, after)) in rows {
        end = Place { xid: xid.parse().map_err(Error::internal)?, id };
        items.push(Item { kind, entity_id, version, actor_id, request_id, at, before, after });
    }
    Ok(Items { items, next: end.encode(schema) })
}
