//! The threads beside the requests: one that reads the feeds, some that send mails; how they are woken up, and how they end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kit::{Clock, StartError};

use crate::leader::Leader;
use crate::mailer::Mailer;
use crate::settings::Settings;

/// Mails are looked for this often, hints or not: other instances make them too, and retries come due.
const MAIL_EVERY: Duration = Duration::from_secs(1);
/// How long threads may take to end; kit gives the whole process ten seconds.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What the threads, the schedule and readiness say to each other.
#[derive(Debug, Default)]
pub struct Signals {
    stop: AtomicBool,
    /// Roll-ups and reminders are to be looked at.
    pub minute: AtomicBool,
    strangers: Mutex<Vec<String>>,
    mail: Mutex<u64>,
    mail_made: Condvar,
}

impl Signals {
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
    pub fn set_strangers(&self, feeds: Vec<String>) {
        *self.strangers.lock().unwrap_or_else(PoisonError::into_inner) = feeds;
    }

    /// Readiness: the feeds can be read.
    pub fn check(&self) -> Result<(), String> {
        let feeds = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if feeds.is_empty() {
            return Ok(());
        }
        let feeds = feeds.join(", ");
        Err(format!(
            "positions in feeds ({feeds}) are not of this database cluster: restored from a dump? Run: dba after-restore"
        ))
    }
}

/// The threads; they end when it is dropped.
#[derive(Debug)]
pub struct Background {
    signals: Arc<Signals>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts the reader and the senders, each with a connection of its own.
    pub fn start(settings: &Settings, url: &str, clock: &Clock, signals: &Arc<Signals>) -> Result<Self, StartError> {
        let mailer = Mailer::new(settings, clock.clone())?;
        let mut background = Self { signals: Arc::clone(signals), threads: Vec::new() };
        let leader = Leader::new(url.to_owned(), clock.clone(), settings.replay_from, Arc::clone(signals));
        background.spawn("feeds".to_owned(), move || leader.run())?;
        for number in 0..settings.mail_senders {
            let (mailer, url, signals) = (mailer.clone(), url.to_owned(), Arc::clone(signals));
            background.spawn(format!("mail-{number}"), move || mailer.run(&url, &signals))?;
        }
        Ok(background)
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        let thread = thread::Builder::new().name(name).spawn(work);
        self.threads.push(thread.map_err(|error| StartError::Failed(format!("threads can't be started: {error}")))?);
        Ok(())
    }
}

impl Drop for Background {
    /// Lets a mail that is under way be recorded, so that it isn't sent again; a mail server that hangs isn't waited for.
    fn drop(&mut self) {
        self.signals.stop.store(true, Ordering::SeqCst);
        self.signals.mail_made();
        let end = Instant::now() + STOP_WITHIN;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
    }
}
