//! What all senders of this process know of the mail server: while it refuses, none of them knocks, and one mail tries it for all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// The longest wait between two attempts.
pub const RETRY_MAX: TimeDelta = TimeDelta::minutes(5);

/// `first`, twice that, four times that, … up to five minutes.
pub fn back_off(first: TimeDelta, failures: u32) -> TimeDelta {
    let doublings = failures.saturating_sub(1).min(16);
    first.checked_mul(2_i32.pow(doublings)).unwrap_or(RETRY_MAX).min(RETRY_MAX)
}

/// Closed while the mail server refuses.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Option<Refusing>>);

#[derive(Clone, Copy, Debug)]
struct Refusing {
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    refusals: u32,
}

impl Gate {
    /// A copy is written at once: a panic leaves it whole.
    fn lock(&self) -> MutexGuard<'_, Option<Refusing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether mails may be tried now. A clock that was set back opens it.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.lock().is_none_or(|refusing| refusing.until <= now || refusing.until - now > RETRY_MAX)
    }

    /// The server refused: closed until the time returned. Those who were at it at the same time count once.
    pub fn refused(&self, now: DateTime<Utc>, first: TimeDelta) -> DateTime<Utc> {
        let mut state = self.lock();
        let before = *state;
        let known = before.filter(|refusing| now < refusing.until && refusing.until - now <= RETRY_MAX);
        let next = known.unwrap_or_else(|| {
            let refusals = before.map_or(0, |refusing| refusing.refusals) + 1;
            let since = before.map_or(now, |refusing| refusing.since);
            Refusing { since, until: now + back_off(first, refusals), refusals }
        });
        *state = Some(next);
        next.until
    }

    /// The server took a mail.
    pub fn took(&self) {
        *self.lock() = None;
    }

    /// How long it has taken nothing, in seconds; 0: it takes mails, or nobody has tried.
    pub fn refusing_seconds(&self, now: DateTime<Utc>) -> f64 {
        // Nobody has tried since: all that waited was given up or erased.
        let current = self.lock().filter(|refusing| now - refusing.until < RETRY_MAX * 2);
        let milliseconds = current.map_or(0, |refusing| (now - refusing.since).num_milliseconds().max(1));
        // Far below 2^53.
        milliseconds as f64 / 1000.0
    }
}
