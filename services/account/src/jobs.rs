//! Scheduled work: publishing the keys, logins that were accepted, telling what a downgrade left above its plan, tidying up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::RunQueryDsl;
use kit::id::OrganisationId;
use kit::{Clock, Db, Due, Error, Meta, Routes};

use crate::keys::SigningKey;
use crate::sign_in::SignIn;
use crate::store::{invitations, keys, over_plan};

/// Keys that another process has retired return within this time; far less than the hour a retired key has left.
const PUBLISH_EVERY: Duration = Duration::from_secs(60);
/// How often old rows go, by the service's clock: when that is moved, what has become old goes at once.
const TIDY_EVERY: TimeDelta = TimeDelta::minutes(10);
/// Organisations with a new plan that one transaction looks at.
const REPLANNED: i64 = 100;
/// Logins that were accepted, looked for at once.
const ACCEPTED: i64 = 100;

kit::statement! {
    /// Failures of windows that have ended.
    struct PurgeFailures(now: DateTime<Utc> as Timestamptz, batch: i64 as BigInt) =
        "delete from account.sign_in_failures where subject in (select f.subject from account.sign_in_failures f \
         where f.window_ends_at <= $1 order by f.window_ends_at limit $2 for update skip locked)"
}

/// Adds Account's jobs; the keys are published at once if the database is there, else as soon as it is.
pub fn add(routes: Routes, db: &Db, clock: &Clock, keys: &[SigningKey], sign_in: &Arc<SignIn>) -> Routes {
    let publish = publisher(db, clock, keys, sign_in);
    if let Err(error) = publish() {
        tracing::warn!(error = %error, "the signing keys can't be published yet; tried again every second");
    }
    let routes = routes.job("* * * * * *", "publish-keys", publish).job("*/5 * * * * *", "tidy", tidier(db, clock));
    let (accepting, at) = (db.clone(), clock.clone());
    let routes = routes.job("* * * * * *", "invitations", move || accept(&accepting, &at));
    let (db, clock) = (db.clone(), clock.clone());
    routes.job("*/5 * * * * *", "over-plan", move || tell_over_plan(&db, &clock))
}

fn publisher(
    db: &Db,
    clock: &Clock,
    keys: &[SigningKey],
    sign_in: &Arc<SignIn>,
) -> impl Fn() -> Result<(), Error> + Send + Sync + 'static {
    let (db, clock, sign_in) = (db.clone(), clock.clone(), Arc::clone(sign_in));
    let published: Vec<_> = keys.iter().map(|key| (key.id.clone(), key.jwk.clone())).collect();
    let last: Mutex<Option<Instant>> = Mutex::new(None);
    move || {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < PUBLISH_EVERY) {
            return Ok(());
        }
        db.write(|c| keys::publish(c, &published, clock.now()))?;
        sign_in.key_is_published();
        *last = Some(Instant::now());
        Ok(())
    }
}

/// Tells admins of what their downgrade left above the plan, some organisations in a transaction.
fn tell_over_plan(db: &Db, clock: &Clock) -> Result<(), Error> {
    let mut after = OrganisationId(uuid::Uuid::nil());
    loop {
        let meta = Meta { actor: None, request_id: format!("over-plan-{}", uuid::Uuid::now_v7()), now: clock.now() };
        match db.write(|c| over_plan::tell(c, after, REPLANNED, &meta))? {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// Lets people sign in with logins that they have accepted, each in a transaction of its own: of two with one address, accepted at once, one
/// works, and the other stays invited.
fn accept(db: &Db, clock: &Clock) -> Result<(), Error> {
    for (id, invitation) in db.write(|c| invitations::accepted(c, ACCEPTED))? {
        let meta = Meta::of_job("invitations", clock);
        match db.write(|c| invitations::accept(c, &meta, id, invitation)) {
            Ok(_) | Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn tidier(db: &Db, clock: &Clock) -> impl Fn() -> Result<(), Error> + Send + Sync + 'static {
    let (db, clock) = (db.clone(), clock.clone());
    let due = Due::every(TIDY_EVERY);
    move || {
        due.run(&clock, |now| {
            kit::in_batches(|batch| db.write(|c| Ok(PurgeFailures { now, batch }.execute(c)?))).map(drop)
        })
    }
}
