//! What a thread is at, told by itself and read by others: so a request that waits for it, and the watch, see when it hangs.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Microseconds by the system's monotonic clock, from the first call on; never 0, which stands for "nothing".
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    micros(START.get_or_init(Instant::now).elapsed()) + 1
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2)
}

/// One thread's. Numbers are written by that thread alone; 0: nothing.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// The number of the job it does.
    job: AtomicU64,
    /// When the job must have ended.
    job_until: AtomicU64,
    /// Since when a statement runs.
    statement_since: AtomicU64,
    /// When the statement must have ended.
    statement_until: AtomicU64,
    /// Somebody else does its work now: it ends as soon as it moves again.
    written_off: AtomicBool,
}

thread_local! {
    static MINE: RefCell<Option<Arc<Activity>>> = const { RefCell::new(None) };
}

impl Activity {
    /// From now on this thread's.
    pub fn adopt(self: &Arc<Self>) {
        MINE.set(Some(Arc::clone(self)));
    }

    /// This thread's; a new one on a thread that nobody watches.
    pub fn mine() -> Arc<Self> {
        MINE.with_borrow(Option::clone).unwrap_or_default()
    }

    pub fn begin(&self, job: u64, limit: Option<Duration>) {
        self.job_until.store(limit.map_or(0, |limit| now() + micros(limit)), Ordering::Relaxed);
        self.job.store(job, Ordering::Release);
    }

    pub fn end(&self) {
        self.job_until.store(0, Ordering::Relaxed);
        self.job.store(0, Ordering::Release);
    }

    /// The number of the job it does, 0: none.
    pub fn job(&self) -> u64 {
        self.job.load(Ordering::Acquire)
    }

    /// Since when it has waited for an answer of the database.
    pub fn statement_since(&self) -> Option<u64> {
        Some(self.statement_since.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }

    /// What it does should have ended before now.
    pub fn overdue(&self, now: u64) -> bool {
        let past = |until: &AtomicU64| (1..now).contains(&until.load(Ordering::Relaxed));
        past(&self.job_until) || past(&self.statement_until)
    }

    pub fn write_off(&self) {
        self.written_off.store(true, Ordering::SeqCst);
    }

    pub fn is_written_off(&self) -> bool {
        self.written_off.load(Ordering::SeqCst)
    }
}

/// A statement begins on this thread that should be answered within `limit`.
pub(crate) fn statement_begins(limit: Duration) {
    MINE.with_borrow(|mine| {
        if let Some(activity) = mine {
            let now = now();
            activity.statement_until.store(now + micros(limit), Ordering::Relaxed);
            activity.statement_since.store(now, Ordering::Relaxed);
        }
    });
}

/// It was answered.
pub(crate) fn statement_ended() {
    MINE.with_borrow(|mine| {
        if let Some(activity) = mine {
            activity.statement_since.store(0, Ordering::Relaxed);
            activity.statement_until.store(0, Ordering::Relaxed);
        }
    });
}
