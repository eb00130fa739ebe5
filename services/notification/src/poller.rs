//! The one instance that reads the feeds. Any number of instances may run: an advisory lock decides, and when its holder dies another takes it within a second.
//! Nothing depends on there being only one: each cursor is moved in the transaction that makes the notifications.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, QueryResult, RunQueryDsl as _};
use kit::{Clock, Progress};

use crate::admission;
use crate::counters::Caps;
use crate::feed::Feed;
use crate::held::Whose;
use crate::reader::{self, Limits};
use crate::session::{self, SessionError};
use crate::signals::Signals;
use crate::turns::Turns;
use crate::{cursor, reminders, rollups};

/// Without a hint the feeds are read this often.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How often libpq (not the server) is asked whether a hint has come.
const HINT_EVERY: Duration = Duration::from_millis(10);
/// How often another instance tries to take over.
const TAKE_OVER_EVERY: Duration = Duration::from_millis(500);
/// After so long without a statement a reader's session is ended by the server.
const STUCK_SECONDS: u32 = 30;
/// Roll-ups are due on whole minutes, when the schedule says so; a clock that was moved (development, tests) is noticed so.
const ROLLUPS_EVERY: TimeDelta = TimeDelta::minutes(1);

kit::statement! {
    /// The lock lives as long as the connection: no lease to renew, nothing to clean up after a crash. The number is this service's own.
    struct TakeLock() -> Bool = "select pg_catalog.pg_try_advisory_lock(7667763801190)"
}

/// Reads the feeds if no other instance does.
pub struct Poller {
    url: String,
    clock: Clock,
    replay_from: Option<DateTime<Utc>>,
    signals: Arc<Signals>,
    limits: Limits,
}

impl Poller {
    /// A poller that has not started yet.
    pub fn new(
        url: String,
        clock: Clock,
        replay_from: Option<DateTime<Utc>>,
        signals: Arc<Signals>,
        caps: Caps,
    ) -> Self {
        Self { url, clock, replay_from, signals, limits: Limits { caps, ..Limits::default() } }
    }

    /// Runs until the service stops. After an error it begins again with a new connection.
    pub fn run(&mut self, progress: &Progress) {
        while !self.signals.stopping() {
            if let Err(error) = self.session(progress) {
                tracing::warn!(%error, "the feeds can't be read now");
                self.rest(POLL_EVERY);
            }
        }
    }

    fn rest(&self, time: Duration) {
        let end = Instant::now() + time;
        while !self.signals.stopping() && Instant::now() < end {
            thread::sleep(HINT_EVERY);
        }
    }

    fn session(&mut self, progress: &Progress) -> Result<(), SessionError> {
        let connection = &mut session::open(&self.url)?;
        // The lock is kept by asking for something every second: of one that is stuck the server ends the session, and with
        // it the lock, and another instance reads.
        connection.batch_execute(&format!("set idle_session_timeout = '{STUCK_SECONDS}s'"))?;
        while !(TakeLock {}).get_result::<bool>(connection)? {
            self.check(connection)?;
            progress.done();
            self.rest(TAKE_OVER_EVERY);
            if self.signals.stopping() {
                return Ok(());
            }
        }
        tracing::info!("this instance reads the feeds");
        for feed in Feed::ALL {
            connection.batch_execute(&format!("listen {feed}_changes"))?;
        }
        self.replay(connection)?;
        let mut rolled_up_at = DateTime::UNIX_EPOCH;
        while !self.signals.stopping() {
            if self.check(connection)? {
                self.read_all(connection, progress)?;
                // After the feeds: what came in while nobody read goes into the one late mail.
                let now = self.clock.now();
                if self.signals.minute.swap(false, Ordering::SeqCst) || (now - rolled_up_at).abs() >= ROLLUPS_EVERY {
                    rolled_up_at = now;
                    self.work_by_time(connection, now)?;
                }
                self.admit(connection, now, progress)?;
            }
            progress.done();
            self.wait(connection)?;
        }
        Ok(())
    }

    /// Whether the cursors are of this cluster.
    fn check(&self, connection: &mut PgConnection) -> QueryResult<bool> {
        let foreign = cursor::foreign_cursors(connection)?;
        let fine = foreign.is_empty();
        self.signals.set_foreign_cursors(foreign);
        if let Err(error) = self.signals.check() {
            tracing::error!(error, "the feeds are not read");
        }
        Ok(fine)
    }

    /// Done once, by the instance that reads.
    fn replay(&mut self, connection: &mut PgConnection) -> QueryResult<()> {
        let Some(from) = self.replay_from else {
            return Ok(());
        };
        for feed in Feed::ALL {
            let now = self.clock.now();
            if connection.transaction(|connection| cursor::replay_from(connection, feed, from, now))? {
                tracing::info!(feed = feed.name(), from = %from, "the feed is read again");
            }
        }
        self.replay_from = None;
        Ok(())
    }

    /// Until all feeds are at their present end, in turns: a long one doesn't hold up the others.
    fn read_all(&self, connection: &mut PgConnection, progress: &Progress) -> QueryResult<()> {
        let mut more = true;
        let mut turns: [Turns; Feed::ALL.len()] = Default::default();
        while more && !self.signals.stopping() {
            more = false;
            for (feed, turns) in Feed::ALL.into_iter().zip(&mut turns) {
                let step = reader::turn(connection, feed, self.clock.now(), &self.limits, turns)?;
                progress.done();
                more |= step.more;
                if step.notifications > 0 {
                    tracing::debug!(
                        feed = feed.name(),
                        changes = step.changes,
                        notifications = step.notifications,
                        "read"
                    );
                    self.signals.mail_made();
                }
            }
        }
        Ok(())
    }

    fn work_by_time(&self, connection: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<()> {
        admission::put_forward(connection, now)?;
        rollups::run(connection, now)?;
        reminders::run(connection, now).map(drop)
    }

    /// What was made by time, what was held back until now, and what was just confirmed. Who has much of it is passed over while others
    /// have some, so that nobody waits for more than a batch of each.
    fn admit(&self, connection: &mut PgConnection, now: DateTime<Utc>, progress: &Progress) -> QueryResult<()> {
        let (mut more, mut passed_over) = (true, Vec::new());
        while more && !self.signals.stopping() {
            let but = Whose::AllBut(&passed_over);
            let run = |connection: &mut PgConnection| admission::run(connection, now, &self.limits.caps, but);
            let batch = connection.transaction(run)?;
            more = batch.more || !passed_over.is_empty();
            match batch.more {
                true => passed_over.extend(batch.many),
                false => passed_over.clear(),
            }
            progress.done();
            if batch.made > 0 {
                self.signals.mail_made();
            }
            if more {
                // What came in meanwhile doesn't wait for what waits of others.
                self.read_all(connection, progress)?;
            }
        }
        Ok(())
    }

    /// Until a hint comes, or it is time to look without one.
    fn wait(&self, connection: &mut PgConnection) -> QueryResult<()> {
        let end = Instant::now() + POLL_EVERY;
        loop {
            let mut hinted = false;
            for hint in connection.notifications_iter() {
                hint?;
                hinted = true;
            }
            if hinted || self.signals.stopping() || Instant::now() >= end {
                return Ok(());
            }
            thread::sleep(HINT_EVERY);
        }
    }
}
