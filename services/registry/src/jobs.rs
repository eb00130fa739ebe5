//! Tidying up: what nobody needs any more goes, in batches, so that no purge holds many locks for long.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::RunQueryDsl;
use kit::{Clock, Db, Due, Routes};

/// How long watches that ended are kept.
const KEPT: TimeDelta = TimeDelta::days(30);
/// How often, by the service's clock: when that is moved, what has become old goes at once.
const EVERY: TimeDelta = TimeDelta::minutes(10);

kit::statement! {
    /// Watches that ended long ago, and whose end has been read: no change that is still to be told concerns them.
    pub struct PurgeWatches(until: DateTime<Utc> as Timestamptz, batch: i64 as BigInt) =
        "delete from registry.watches where (organisation_id, id) in (
            select w.organisation_id, w.id from registry.watches w
            where w.ended_at < $1 and coalesce(
                w.ended_xid <= coalesce((select f.xid from published.feed_cursors f where f.feed = 'registry'), '0'::xid8), true
            )
            order by w.ended_at limit $2
        )"
}

/// Adds Registry's job.
pub fn add(routes: Routes, db: Db, clock: Clock) -> Routes {
    let due = Due::every(EVERY);
    routes.job("*/5 * * * * *", "tidy", move || {
        due.run(&clock, |now| {
            let until = now - KEPT;
            kit::in_batches(|batch| db.write(|c| Ok(PurgeWatches { until, batch }.execute(c)?))).map(drop)
        })
    })
}
