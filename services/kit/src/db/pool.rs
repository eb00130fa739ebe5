//! One pool: checkouts with their waiting time, and what to do when a connection dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::PgConnection;

use super::manager::{Health, Manager, Session};
use super::timing::{self, SessionId};
use crate::error::{Busy, Error};

type Connection = r2d2::PooledConnection<Manager>;

/// The pool of one role.
pub(crate) struct Side {
    /// `read` or `write`.
    pub role: &'static str,
    pool: r2d2::Pool<Manager>,
    health: Arc<Health>,
    wait: Duration,
    waited_micros: AtomicU64,
}

/// r2d2 doubles the pause between attempts up to half of this: a database that is back is noticed within half a second.
const RECONNECT: Duration = Duration::from_secs(1);

/// How often a waiting request looks whether the database is away altogether.
const LOOK: Duration = Duration::from_millis(50);

impl Side {
    pub(super) fn open(service: &'static str, role: &'static str, url: &str, size: u32, wait: Duration) -> Self {
        let health = Arc::new(Health::default());
        let pool = r2d2::Pool::builder()
            .max_size(size)
            .test_on_check_out(true)
            .connection_timeout(RECONNECT)
            .idle_timeout(None)
            .error_handler(Box::new(Report { service, role }))
            .build_unchecked(Manager::new(service, url, Arc::clone(&health)));
        Self { role, pool, health, wait, waited_micros: AtomicU64::new(0) }
    }

    /// A connection, or 503: never a wait longer than `POOL_WAIT_MS`, and hardly one while nothing can be reached.
    pub(super) fn checkout(&self) -> Result<Connection, Error> {
        let start = Instant::now();
        let connection = loop {
            let left = self.wait.saturating_sub(start.elapsed());
            #[expect(clippy::disallowed_methods, reason = "the one place that takes a connection from a pool")]
            let taken = self.pool.get_timeout(left.min(LOOK));
            match taken {
                Ok(connection) => break Ok(connection),
                Err(_) if left <= LOOK || self.away() => break Err(Error::Busy(Busy::Pool)),
                Err(_) => {}
            }
        };
        let waited = start.elapsed();
        timing::add_pool(waited);
        self.waited_micros.fetch_add(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        connection
    }

    /// Attempts have failed for a while and there is no other connection: waiting would only fill the queue.
    fn away(&self) -> bool {
        self.health.down_for(RECONNECT) && self.pool.state().connections == 0
    }

    /// Runs `work`, counts its time as the database's, and condemns all connections if this one is found dead.
    pub(super) fn run<T>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let start = Instant::now();
        let session: &mut Session = connection;
        let result = work(session);
        let (role, pid) = (self.role, session.pid());
        timing::add_db(start.elapsed(), SessionId { role, pid });
        if matches!(result, Err(Error::Busy(Busy::Closed))) {
            // Only from this session's own generation: its siblings that fail later must not condemn the new ones.
            let old = session.generation();
            let _ = self.health.generation.compare_exchange(old, old + 1, Ordering::SeqCst, Ordering::SeqCst);
        }
        result
    }

    /// Checks out and runs.
    pub(super) fn with<T>(&self, work: &mut impl FnMut(&mut PgConnection) -> Result<T, Error>) -> Result<T, Error> {
        let mut connection = self.checkout()?;
        self.run(&mut connection, work)
    }

    /// Connections there are, and those of them that are free.
    pub(crate) fn state(&self) -> (u32, u32) {
        let state = self.pool.state();
        (state.connections, state.idle_connections)
    }

    /// All the time that was ever waited for a connection.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_micros(self.waited_micros.load(Ordering::Relaxed))
    }
}

/// r2d2 reports failed attempts here; connections that were condemned are left out.
#[derive(Debug)]
struct Report {
    service: &'static str,
    role: &'static str,
}

impl r2d2::HandleError<diesel::r2d2::Error> for Report {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        if let diesel::r2d2::Error::QueryError(diesel::result::Error::BrokenTransactionManager) = error {
            return;
        }
        tracing::warn!(service = self.service, pool = self.role, error = %error, "no connection to the database");
    }
}
