//! What a thread or a job in the background has got done: the one measure of whether it works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use super::activity::now;

/// What tests can plant.
pub(super) const NOTHING: u8 = 0;
pub(super) const PANIC: u8 = 1;
/// It hangs, until something else is planted.
pub(super) const STALL: u8 = 2;

/// One background thread's, or one job's. It counts what is done; being alive counts for nothing.
#[derive(Debug)]
pub struct Progress {
    name: String,
    /// With nothing tried for longer, something is wrong with it.
    limit: Duration,
    /// When it last got something done, and when it last tried to: microseconds.
    done: AtomicU64,
    tried: AtomicU64,
    /// It waits for work: that takes as long as it takes.
    waits: AtomicBool,
    restarts: AtomicU64,
    /// What a test wants of it the next time it gets something done.
    planted: AtomicU8,
    stopping: Arc<AtomicBool>,
}

impl Progress {
    pub(super) fn new(name: String, limit: Duration, stopping: Arc<AtomicBool>) -> Self {
        let (planted, waits) = (AtomicU8::new(NOTHING), AtomicBool::new(false));
        let [done, tried] = [now(), now()].map(AtomicU64::new);
        Self { name, limit, done, tried, waits, restarts: AtomicU64::new(0), planted, stopping }
    }

    /// It got something done. Called often, by a loop in each turn.
    pub fn done(&self) {
        self.failed();
        self.strike();
        self.done.store(now(), Ordering::Relaxed);
        self.failed();
    }

    /// It tried, and failed: it works, but gets nothing done.
    pub fn failed(&self) {
        self.tried.store(now(), Ordering::Relaxed);
        self.waits.store(false, Ordering::Relaxed);
    }

    /// It has got everything done, and waits until there is something to do, however long.
    pub fn waits(&self) {
        self.done();
        self.waits.store(true, Ordering::Relaxed);
    }

    /// The service is stopping: the thread's work returns.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Since when it has got nothing done; zero while it waits for work.
    pub fn age(&self) -> Duration {
        self.since(&self.done)
    }

    fn since(&self, moment: &AtomicU64) -> Duration {
        if self.waits.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        Duration::from_micros(now().saturating_sub(moment.load(Ordering::Relaxed)))
    }

    /// Why it doesn't work, if it doesn't.
    pub(super) fn stalled(&self) -> Option<String> {
        let idle = self.since(&self.tried);
        (idle > self.limit).then(|| format!("{} has got nothing done for {} s", self.name, idle.as_secs()))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// It panicked and begins again.
    pub(super) fn panicked(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.waits.store(false, Ordering::Relaxed);
    }

    pub(super) fn done_at(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    #[cfg(feature = "testing")]
    pub(super) fn plant(&self, what: u8) {
        self.planted.store(what, Ordering::SeqCst);
    }

    fn strike(&self) {
        if !cfg!(feature = "testing") {
            return;
        }
        while self.planted.load(Ordering::SeqCst) == STALL && !self.stopping() {
            std::thread::sleep(Duration::from_millis(10));
        }
        if self.planted.swap(NOTHING, Ordering::SeqCst) == PANIC {
            std::panic::panic_any("planted by a test".to_owned());
        }
    }
}
