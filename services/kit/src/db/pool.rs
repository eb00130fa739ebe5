//! One pool: checkouts with their waiting time, and what to do when a connection dies.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError};
use std::time::{Duration, Instant};

use diesel::PgConnection;

use super::manager::{Health, Manager, Session};
use crate::error::{Busy, Error};
use crate::threads::{self, Answering, SessionId};

type Connection = r2d2::PooledConnection<Manager>;

type Make = Box<dyn FnOnce() -> r2d2::Pool<Manager> + Send>;

/// The pool of one role.
pub(crate) struct Side {
    /// `read` or `write`.
    pub role: &'static str,
    pool: r2d2::Pool<Manager>,
    /// For the threads in the place of those that hang, which keep their connections. Opened as they are needed.
    spare: LazyLock<r2d2::Pool<Manager>, Make>,
    health: Arc<Health>,
    answering: Arc<Answering>,
    wait: Duration,
    waited_micros: AtomicU64,
    /// The last thing that was to be written couldn't be: no space, or read-only.
    refuses: AtomicBool,
}

/// r2d2 doubles the pause between attempts up to half of this: a database that is back is noticed within half a second.
const RECONNECT: Duration = Duration::from_secs(1);

/// After so long a connection that isn't needed any more is closed.
const SPARE_IDLE: Duration = Duration::from_secs(10);

/// How often a waiting request looks whether the database is away altogether.
const LOOK: Duration = Duration::from_millis(50);

impl Side {
    pub(super) fn open(
        service: &'static str,
        role: &'static str,
        url: &str,
        size: u32,
        wait: Duration,
        answering: Arc<Answering>,
    ) -> Self {
        let health = Arc::new(Health::default());
        let make = {
            let (url, health, answering) = (url.to_owned(), Arc::clone(&health), Arc::clone(&answering));
            move || {
                let manager = Manager::new(service, &url, Arc::clone(&health), Arc::clone(&answering));
                let pool = r2d2::Pool::builder().max_size(size).test_on_check_out(true).connection_timeout(RECONNECT);
                (pool.error_handler(Box::new(Report { service, role })), manager)
            }
        };
        let (pool, manager) = make();
        let pool = pool.idle_timeout(None).build_unchecked(manager);
        let spare = LazyLock::new(Box::new(move || {
            let (pool, manager) = make();
            pool.min_idle(Some(0)).idle_timeout(Some(SPARE_IDLE)).build_unchecked(manager)
        }) as Make);
        let (waited_micros, refuses) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { role, pool, spare, health, answering, wait, waited_micros, refuses }
    }

    /// A connection, or 503: never a wait longer than `POOL_WAIT_MS`, and hardly one while nothing can be reached.
    pub(super) fn checkout(&self) -> Result<Connection, Error> {
        let start = Instant::now();
        let connection = loop {
            let left = self.wait.saturating_sub(start.elapsed());
            #[expect(clippy::disallowed_methods, reason = "the one place that takes a connection from a pool")]
            let taken = match self.spares().and_then(|_| self.pool.try_get()) {
                Some(connection) => Ok(connection),
                None => self.spares().unwrap_or(&self.pool).get_timeout(left.min(LOOK)),
            };
            match taken {
                Ok(connection) => break Ok(connection),
                Err(_) if left <= LOOK || self.away() => break Err(Error::Busy(Busy::Pool)),
                Err(_) => {}
            }
        };
        let waited = start.elapsed();
        threads::add_pool(waited);
        self.waited_micros.fetch_add(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        connection
    }

    /// While threads hang, and their connections with them.
    fn spares(&self) -> Option<&r2d2::Pool<Manager>> {
        (self.answering.lost() > 0).then(|| &*self.spare)
    }

    /// Nobody is answered, or attempts have failed for a while and there is no other connection: waiting would only fill the queue.
    fn away(&self) -> bool {
        self.answering.is_away() || self.health.down_for(RECONNECT) && self.pool.state().connections == 0
    }

    /// Why there is no connection, where the server would give one.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.health.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the last thing that was to be written couldn't be.
    pub(crate) fn refuses(&self) -> bool {
        self.refuses.load(Ordering::Relaxed)
    }

    /// Something was written.
    pub(crate) fn wrote(&self) {
        if self.refuses() {
            self.refuses.store(false, Ordering::Relaxed);
        }
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
        threads::add_db(start.elapsed(), SessionId { role, pid });
        if matches!(result, Err(Error::Busy(Busy::ReadOnly | Busy::Resources))) {
            self.refuses.store(true, Ordering::Relaxed);
        }
        // Read-only may be a matter of the session alone, or of the host that it leads to: the next one may write.
        if matches!(result, Err(Error::Busy(Busy::Closed | Busy::ReadOnly))) {
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
