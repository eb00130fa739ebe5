//! What nobody needs any more goes, in batches, so that no purge holds many locks for long.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kit::Error;

kit::statement! {
    /// Failures of windows that have ended.
    struct PurgeFailures(now: DateTime<Utc> as Timestamptz) =
        "delete from account.sign_in_failures where subject in (select f.subject from account.sign_in_failures f \
         where f.window_ends_at <= $1 order by f.window_ends_at limit 1000 for update skip locked)"
}

kit::statement! {
    /// Old changes that the feed's reader has worked through; without a cursor nothing was read yet, and nothing goes.
    struct PurgeChanges(until: DateTime<Utc> as Timestamptz) =
        "delete from account.changes where id in (select c.id from account.changes c where c.at < $1 \
         and exists (select from published.feed_cursors f where f.feed = 'account' and (c.xid, c.id) <= (f.xid, f.id)) \
         order by c.at limit 1000)"
}

pub(super) fn purge_failures(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<usize, Error> {
    Ok(PurgeFailures { now }.execute(connection)?)
}

pub(super) fn purge_changes(
    connection: &mut PgConnection,
    until: DateTime<Utc>,
) -> Result<usize, Error> {
    Ok(PurgeChanges { until }.execute(connection)?)
}
