//! Tidying up: what nobody needs any more goes, in batches, so that no purge holds many locks for long.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::RunQueryDsl;
use kit::{Clock, Db, Error, Routes};

/// How long changes that were read, and watches that ended, are kept.
const KEPT: TimeDelta = TimeDelta::days(30);
/// How often, by the service's clock: when that is moved, what has become old goes at once.
const EVERY: TimeDelta = TimeDelta::minutes(10);
/// Rows per transaction.
const BATCH: i64 = 1000;

kit::statement! {
    /// Old changes that the feed's reader has worked through; while there is no cursor nothing was read, and nothing goes.
    pub struct PurgeChanges(until: DateTime<Utc> as Timestamptz, batch: i64 as BigInt) =
        "delete from registry.changes where id in (
            select c.id
            from registry.changes c
            where c.at < $1
                and exists (select from published.feed_cursors f where f.feed = 'registry' and (c.xid, c.id) <= (f.xid, f.id))
            order by c.at
            limit $2
        )"
}

kit::statement! {
    /// Watches that ended long ago: no change that is still in the feed concerns them.
    pub struct PurgeWatches(until: DateTime<Utc> as Timestamptz, batch: i64 as BigInt) =
        "delete from registry.watches where (organisation_id, id) in (
            select w.organisation_id, w.id from registry.watches w where w.ended_at < $1 order by w.ended_at limit $2
        )"
}

/// Adds Registry's job.
pub fn add(routes: Routes, db: Db, clock: Clock) -> Routes {
    let last: Mutex<Option<DateTime<Utc>>> = Mutex::new(None);
    routes.job("*/5 * * * * *", "tidy", move || {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.now();
        if !last.is_some_and(|last| (last..last + EVERY).contains(&now)) {
            purge(&db, now - KEPT)?;
            *last = Some(now);
        }
        Ok(())
    })
}

fn purge(db: &Db, until: DateTime<Utc>) -> Result<(), Error> {
    all(|| {
        db.write(|connection| {
            Ok(PurgeChanges {
                until,
                batch: BATCH,
            }
            .execute(connection)?)
        })
    })?;
    all(|| {
        db.write(|connection| {
            Ok(PurgeWatches {
                until,
                batch: BATCH,
            }
            .execute(connection)?)
        })
    })
}

/// Batch after batch, until one isn't full.
fn all(mut batch: impl FnMut() -> Result<usize, Error>) -> Result<(), Error> {
    while i64::try_from(batch()?).is_ok_and(|removed| removed >= BATCH) {}
    Ok(())
}
