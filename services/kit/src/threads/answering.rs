//! Whether the database answers at all, found out without asking it where it does.
//!
//! A server that is stopped keeps its connections, and its kernel acknowledges what it is sent: nothing but the missing
//! answer tells. So when a statement has run for a while and no other one has ended meanwhile, one more connection is tried,
//! on a thread of its own. As long as that isn't answered either, the database is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use diesel::{Connection as _, ConnectionError, PgConnection};

use super::activity::{micros, now};

/// A statement that runs for longer, with no other one ended meanwhile, is a reason to look.
const SUSPECT: Duration = Duration::from_millis(300);
/// A server that answers needs a few milliseconds for a connection; one under load more.
const PROBE: Duration = Duration::from_millis(500);

/// What is known of one service's database.
#[derive(Default)]
pub(crate) struct Answering {
    url: String,
    /// When a statement last ended, well or not.
    last: AtomicU64,
    /// Since when a connection is being tried; 0: none is.
    probing: AtomicU64,
    away: AtomicBool,
    /// Threads that hang with a statement, and were written off.
    lost: AtomicUsize,
}

impl Answering {
    /// Of the database at this URL.
    pub fn at(url: String) -> Arc<Self> {
        Arc::new(Self { url, last: AtomicU64::new(now()), ..Self::default() })
    }

    /// A statement has ended.
    pub fn answered(&self) {
        self.last.store(now(), Ordering::Relaxed);
    }

    /// Has a statement ended within this time?
    pub fn within(&self, time: Duration) -> bool {
        now().saturating_sub(self.last.load(Ordering::Relaxed)) <= micros(time)
    }

    /// Threads that hang with a statement, and their connections.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }

    /// Some threads more hang with a statement, or fewer.
    pub fn set_lost(&self, threads: usize) {
        self.lost.store(threads, Ordering::Relaxed);
    }

    /// It answers nobody.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Looks whether it is still there. `oldest`: since when the oldest statement runs.
    pub fn look(self: &Arc<Self>, oldest: Option<u64>) {
        let (now, probing) = (now(), self.probing.load(Ordering::SeqCst));
        if probing > 0 {
            if now.saturating_sub(probing) > micros(PROBE) && !self.away.swap(true, Ordering::SeqCst) {
                tracing::warn!("the database answers nobody");
            }
            return;
        }
        let since = oldest.map(|oldest| oldest.max(self.last.load(Ordering::Relaxed)));
        let suspect = since.is_some_and(|since| now.saturating_sub(since) > micros(SUSPECT));
        if suspect || self.is_away() {
            self.probing.store(now, Ordering::SeqCst);
            let own = Arc::clone(self);
            let probe = move || own.probe();
            if let Err(error) = std::thread::Builder::new().name("probe".to_owned()).spawn(probe) {
                self.probing.store(0, Ordering::SeqCst);
                tracing::warn!(%error, "whether the database answers can't be found out");
            }
        }
    }

    fn probe(&self) {
        let answered = match PgConnection::establish(&self.url) {
            Ok(_) => true,
            // Too many connections, or starting: somebody is there who says so.
            Err(ConnectionError::BadConnection(said)) => said.contains("FATAL"),
            Err(_) => false,
        };
        self.probing.store(0, Ordering::SeqCst);
        if answered {
            // Those who wait may be told that it is there only once it has had the time to answer them.
            self.answered();
            self.away.store(false, Ordering::SeqCst);
        }
    }
}
