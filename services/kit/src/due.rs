//! Work that is due by the service's own clock.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Clock, Error};

/// Lets work through once in a while by the service's clock: when that is moved, what has become due is due at once.
/// A cron pattern alone goes by the system's time.
#[derive(Debug)]
pub struct Due {
    every: TimeDelta,
    last: Mutex<Option<DateTime<Utc>>>,
}

impl Due {
    /// At the first call, and whenever `every` has passed since the last success, or the clock went back.
    #[must_use]
    pub const fn every(every: TimeDelta) -> Self {
        Self { every, last: Mutex::new(None) }
    }

    /// Does the work with the present moment, if it is due; what failed stays due.
    ///
    /// # Errors
    /// What the work returns.
    pub fn run(&self, clock: &Clock, work: impl FnOnce(DateTime<Utc>) -> Result<(), Error>) -> Result<(), Error> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.now();
        if last.is_some_and(|last| (last..last + self.every).contains(&now)) {
            return Ok(());
        }
        work(now)?;
        *last = Some(now);
        Ok(())
    }
}
