//! Scheduled work: publishing the keys, tidying up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use kit::{Clock, Due, Error, Routes};

use crate::keys::SigningKey;
use crate::sign_in::SignIn;
use crate::store::Store;

/// Keys that another process has retired return within this time; far less than the hour a retired key has left.
const PUBLISH_EVERY: Duration = Duration::from_secs(60);
/// How often old rows go, by the service's clock: when that is moved, what has become old goes at once.
const TIDY_EVERY: TimeDelta = TimeDelta::minutes(10);

/// Adds Account's jobs; the keys are published at once if the database is there, else as soon as it is.
pub fn add(
    routes: Routes,
    store: &Arc<dyn Store>,
    clock: &Clock,
    keys: &[SigningKey],
    sign_in: &Arc<SignIn>,
) -> Routes {
    let publish = publisher(store, clock, keys, sign_in);
    if let Err(error) = publish() {
        tracing::warn!(error = %error, "the signing keys can't be published yet; tried again every second");
    }
    routes.job("* * * * * *", "publish-keys", publish).job("*/5 * * * * *", "tidy", tidier(store, clock))
}

fn publisher(
    store: &Arc<dyn Store>,
    clock: &Clock,
    keys: &[SigningKey],
    sign_in: &Arc<SignIn>,
) -> impl Fn() -> Result<(), Error> + Send + Sync + 'static {
    let (store, clock, sign_in) = (Arc::clone(store), clock.clone(), Arc::clone(sign_in));
    let keys: Vec<_> = keys.iter().map(|key| (key.id.clone(), key.jwk.clone())).collect();
    let last: Mutex<Option<Instant>> = Mutex::new(None);
    move || {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < PUBLISH_EVERY) {
            return Ok(());
        }
        store.publish_keys(&keys, clock.now())?;
        sign_in.key_is_published();
        *last = Some(Instant::now());
        Ok(())
    }
}

fn tidier(store: &Arc<dyn Store>, clock: &Clock) -> impl Fn() -> Result<(), Error> + Send + Sync + 'static {
    let (store, clock) = (Arc::clone(store), clock.clone());
    let due = Due::every(TIDY_EVERY);
    move || {
        due.run(&clock, |now| {
            // In batches, each a transaction of its own, until none is left.
            while store.purge_failures(now)? > 0 {}
            Ok(())
        })
    }
}
