//! Copies of the others' feeds of changes.

use chrono::{DateTime, Utc};
use kit::changes;
use serde_json::Value;

use super::Facts;
use crate::sql::Failed;

/// Changes of one of the owner's transactions, as they are told here: at the position of this one, for the owner's means nothing
/// in another database. A change that was copied before is dropped, or it would be told twice.
fn copy_changes(feed: &str) -> String {
    let columns = "at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after";
    let now = "pg_catalog.pg_current_xact_id()";
    let watches = match feed {
        "registry" => format!(", {}", schema::watch_positions()),
        _ => String::new(),
    };
    format!(
        "with place as (
            select p.xid, p.id from published.log_places p where p.feed = '{feed}' for update
        ), put as (
            insert into published.{feed}_changes (id, xid, {columns})
            select id, {now}, {columns} from jsonb_populate_recordset(null::published.{feed}_changes, $1::text::jsonb) c
            where not exists (select from place p where (c.xid, c.id) <= (p.xid, p.id))
            on conflict (id) do nothing returning *
        ), moved as (
            insert into published.log_places as p (feed, xid, id) values ('{feed}', $2::text::xid8, $3)
            on conflict (feed) do update set xid = excluded.xid, id = excluded.id
            where (p.xid, p.id) < (excluded.xid, excluded.id)
        ){watches} select count(*)::text from put"
    )
}

/// Rows of a transaction that removes old changes.
const BATCH: i64 = 1_000;

impl Facts {
    /// How far a feed has been copied: the owner's position of the last change.
    ///
    /// # Errors
    /// The local database.
    pub async fn place(&self, feed: &str) -> Result<Place, Failed> {
        let text =
            "select (select jsonb_build_array(p.xid::text, p.id) from published.log_places p where p.feed = $1)::text";
        Ok(pair(&self.sql.json::<Value>(text, &[&feed]).await?).unwrap_or_default())
    }

    /// Adds changes of a feed in their order, a transaction here for each of the owner's, and moves its place; those that came before it are
    /// left out.
    ///
    /// # Errors
    /// The local database: the changes from some transaction on were not added.
    pub async fn add_changes(&self, feed: &str, changes: &[Value]) -> Result<(), Failed> {
        let text = copy_changes(feed);
        for transaction in changes.chunk_by(|one, next| one.get("xid") == next.get("xid")) {
            let rows = serde_json::to_string(transaction).map_err(|error| Failed::because(&error))?;
            let Some((xid, id)) = transaction.last().and_then(position) else { continue };
            self.sql.text(&text, &[&rows, &xid.to_string(), &id]).await?;
        }
        Ok(())
    }

    /// Removes copies of changes up to a position here, as old as those that their owner no longer keeps in a shared database.
    ///
    /// # Errors
    /// The local database: some are left.
    pub async fn remove_old(&self, feed: &str, (xid, id): Place, now: DateTime<Utc>) -> Result<(), Failed> {
        let text = format!(
            "with gone as (
                delete from published.{feed}_changes where id in (
                    select c.id from published.{feed}_changes c
                    where c.at < $1::text::timestamptz and (c.at < $2::text::timestamptz or c.kind <> all ($3)) and (c.xid, c.id) <= ($4::text::xid8, $5) limit {BATCH}
                ) returning 1
            ) select count(*)::text from gone"
        );
        let [until, long] =
            [changes::KEPT, changes::KEPT + changes::KEPT_LONG_MORE].map(|kept| (now - kept).to_rfc3339());
        let kinds = changes::KEPT_LONG.as_slice();
        while self.sql.json::<i64>(&text, &[&until, &long, &kinds, &xid.to_string(), &id]).await? == BATCH {}
        Ok(())
    }
}

/// A place in a feed: transaction and number of a change.
pub type Place = (u64, i64);

/// The position of a change in its owner's feed.
#[must_use]
pub fn position(change: &Value) -> Option<Place> {
    Some((change.get("xid")?.as_str()?.parse().ok()?, change.get("id")?.as_i64()?))
}

/// A place as `["xid", id]`.
#[must_use]
pub fn pair(pair: &Value) -> Option<Place> {
    Some((pair.get(0)?.as_str()?.parse().ok()?, pair.get(1)?.as_i64()?))
}
