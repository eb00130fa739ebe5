//! What the background threads, the schedule and readiness tell each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Mails are looked for this often, hints or not: other instances make them too, and retries come due.
const MAIL_EVERY: Duration = Duration::from_secs(1);

/// What the threads, the schedule and readiness say to each other.
#[derive(Debug, Default)]
pub struct Signals {
    stop: AtomicBool,
    /// Roll-ups and reminders are to be looked at.
    pub minute: AtomicBool,
    foreign_cursors: Mutex<Vec<String>>,
    mail: Mutex<u64>,
    mail_made: Condvar,
}

impl Signals {
    /// Ends the threads, also those that wait for mails.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.mail_made();
    }

    /// Is the service stopping?
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// There may be something to send.
    pub fn mail_made(&self) {
        // The lock holds a counter: a panic can't leave it half done.
        *self.mail.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.mail_made.notify_all();
    }

    /// Waits until there may be something to send, or a second.
    pub fn wait_for_mail(&self) {
        let seen = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
        let count = *seen;
        let waiting = self.mail_made.wait_timeout_while(seen, MAIL_EVERY, |now| *now == count && !self.stopping());
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
    }

    /// Feeds whose cursor is not of this cluster; empty: all is well.
    pub fn set_foreign_cursors(&self, feeds: Vec<String>) {
        *self.foreign_cursors.lock().unwrap_or_else(PoisonError::into_inner) = feeds;
    }

    /// Readiness: the feeds can be read.
    pub fn check(&self) -> Result<(), String> {
        let feeds = self.foreign_cursors.lock().unwrap_or_else(PoisonError::into_inner);
        if feeds.is_empty() {
            return Ok(());
        }
        let feeds = feeds.join(", ");
        Err(format!(
            "positions in feeds ({feeds}) are not of this database cluster: restored from a dump? Run: dba after-restore"
        ))
    }
}
