//! What Registry does by itself: ends the watches of who has no login any more, and removes what nobody needs, in batches, so that no purge
//! holds many locks for long.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::RunQueryDsl;
use kit::changes::Place;
use kit::{Clock, Db, Due, Error, Meta, Routes};

use crate::store::shut_out;

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

/// Adds Registry's jobs.
pub fn add(routes: Routes, db: Db, clock: Clock) -> Routes {
    let (due, place) = (Due::every(EVERY), Mutex::new(Place::default()));
    let (feed_db, feed_clock) = (db.clone(), clock.clone());
    let routes = routes.job("* * * * * *", "shut-out", move || {
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        end_watches(&feed_db, &feed_clock, &mut place)
    });
    routes.job("*/5 * * * * *", "tidy", move || {
        due.run(&clock, |now| {
            let until = now - KEPT;
            kit::in_batches(|batch| db.write(|c| Ok(PurgeWatches { until, batch }.execute(c)?))).map(drop)
        })
    })
}

/// Ends the watches of who has been left without a login since `place`, which moves on. The place is this process's own: the first call
/// reads the whole feed, and finds already ended what others have ended.
fn end_watches(db: &Db, clock: &Clock, place: &mut Place) -> Result<(), Error> {
    loop {
        let meta = Meta { actor: None, request_id: format!("shut-out-{}", uuid::Uuid::now_v7()), now: clock.now() };
        match db.write(|c| shut_out::step(c, *place, &meta))? {
            Some(next) => *place = next,
            None => return Ok(()),
        }
    }
}
