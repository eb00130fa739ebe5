//! What a relay asks its database again and again, planned once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use postgres::{Client, Statement, Transaction};
use schema::Noun;

use crate::Error;

/// Changes in one batch.
const CHANGES: i64 = 500;

/// The statements.
pub struct Statements {
    /// Is there a change after a place?
    pub any: Statement,
    /// The changes after a place.
    pub changes: Statement,
    /// What was read of the others.
    pub known: Statement,
    /// The rows of a noun that changes concern, by the noun's name.
    touched: HashMap<&'static str, Statement>,
}

impl Statements {
    /// For a feed.
    pub fn prepare(client: &mut Client, feed: &Noun) -> Result<Self, Error> {
        let new = format!(
            "from published.{} c where (c.xid, c.id) > ($1::text::xid8, $2)
                and c.xid < pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())",
            feed.name
        );
        Ok(Self {
            any: client.prepare(&format!("select {new} limit 1"))?,
            changes: client.prepare(&format!(
                "select c.xid::text, c.id, c.kind, coalesce(c.organisation_id::text, 'platform'), to_jsonb(c)::text
                {new} order by c.xid, c.id limit {CHANGES}"
            ))?,
            known: client.prepare("select topic, part, next - 1 from published.log_offsets where part >= 0")?,
            touched: HashMap::new(),
        })
    }

    /// The rows of a noun that changes concern.
    pub fn of(
        &mut self,
        noun: &'static Noun,
        transaction: &mut Transaction<'_>,
        text: &str,
    ) -> Result<&Statement, Error> {
        Ok(match self.touched.entry(&noun.name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(transaction.prepare(text)?),
        })
    }
}
