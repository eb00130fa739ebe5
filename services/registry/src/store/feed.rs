//! The feed of one organisation. Kit's statement with the standing in it: a frozen organisation gets no byte of it.

use chrono::{DateTime, Utc};
use diesel::{PgConnection, RunQueryDsl};
use kit::Error;
use kit::changes::{Item, Items, Place};
use kit::id::{LoginId, OrganisationId};
use serde_json::Value;

use super::SCHEMA;
use super::standing::{Standing, items};

kit::statement! {
    /// The changes after a place. Only transactions below the snapshot's xmin: see `kit::changes`.
    pub struct ListChanges<'a>(organisation_id: OrganisationId as Uuid, xid: &'a str as Text, id: i64 as BigInt, limit: i64 as BigInt)
        -> (Nullable<Text>, Nullable<(Text, BigInt, Text, Text, BigInt, Nullable<Uuid>, Text, Timestamptz, Nullable<Jsonb>, Nullable<Jsonb>)>) =
        "select st.standing, c.xid::text, c.id, c.kind, c.entity_id, c.version, c.actor_id, c.request_id, c.at, c.before, c.after
        from (select $1::uuid as organisation_id) q
        left join published.standings st on st.organisation_id = q.organisation_id
        left join lateral (
            select c.*, sum(case when pg_column_size(c.before) > 20000 then 16 * pg_column_size(c.before)::bigint
                    else octet_length(c.before::text) end) over earlier as before_bytes,
                sum(case when pg_column_size(c.after) > 20000 then 16 * pg_column_size(c.after)::bigint
                    else octet_length(c.after::text) end) over earlier as after_bytes
            from (
                select c.xid, c.id, c.kind, c.entity_id, c.version, c.actor_id, c.request_id, c.at, c.before, c.after
                from registry.changes c
                where c.organisation_id = q.organisation_id and (c.xid, c.id) > ($2::text::xid8, $3)
                    and c.xid < pg_snapshot_xmin(pg_current_snapshot())
                order by c.xid, c.id
                limit $4
            ) c
            window earlier as (order by c.xid, c.id rows between unbounded preceding and 1 preceding)
        ) c on coalesce(c.before_bytes, 0) + coalesce(c.after_bytes, 0) < 1048576 and st.standing is distinct from 'frozen'
        order by c.xid, c.id"
}

type Row = (String, i64, String, String, i64, Option<LoginId>, String, DateTime<Utc>, Option<Value>, Option<Value>);

/// The feed of one organisation.
pub fn list(c: &mut PgConnection, organisation_id: OrganisationId, after: Place, limit: i64) -> Result<Items, Error> {
    let xid = after.xid.to_string();
    let rows: Vec<Standing<Option<Row>>> = ListChanges { organisation_id, xid: &xid, id: after.id, limit }.load(c)?;
    let mut end = after;
    let mut found = Vec::with_capacity(rows.len());
    for (xid, id, kind, entity_id, version, actor_id, request_id, at, before, after) in items(rows)? {
        end = Place { xid: xid.parse().map_err(Error::internal)?, id };
        found.push(Item { kind, entity_id, version, actor_id, request_id, at, before, after });
    }
    Ok(Items { items: found, next: end.encode(SCHEMA) })
}
