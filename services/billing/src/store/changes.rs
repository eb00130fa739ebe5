//! Billing's own feed: where its changes are kept, and how they are written.

use chrono::{DateTime, SecondsFormat, Utc};
use diesel::PgConnection;
use kit::changes::Change;
use kit::{Error, Meta};

/// The service's name, which is its schema's.
pub(crate) const SCHEMA: &str = "billing";

/// A time as the feed's JSON holds it.
pub(super) fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Adds a change to the feed, in the transaction that makes it.
pub(super) fn record(connection: &mut PgConnection, meta: &Meta, change: Change) -> Result<(), Error> {
    kit::changes::record(connection, SCHEMA, meta, change)
}
