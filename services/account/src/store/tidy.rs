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

pub(super) fn purge_failures(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<usize, Error> {
    Ok(PurgeFailures { now }.execute(connection)?)
}
