//! Connections for r2d2: made with what each session needs, judged by generation and not by a `select 1`.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::r2d2::{Error as PoolError, R2D2Connection};
use diesel::{Connection, PgConnection, RunQueryDsl};

diesel::define_sql_function!(fn pg_backend_pid() -> diesel::sql_types::Integer);

/// What all connections of one pool share.
#[derive(Default)]
pub(super) struct Health {
    /// Moves when any statement finds its connection closed: every older connection is then closed without a test.
    pub generation: AtomicU64,
    /// Since when every attempt to connect has failed; none while they succeed.
    pub down_since: Mutex<Option<Instant>>,
}

impl Health {
    fn attempted(&self, well: bool) {
        let mut since = self.down_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = if well { None } else { Some(since.unwrap_or_else(Instant::now)) };
    }

    /// Has no attempt succeeded for so long? One that failed proves nothing: the next is made within half a second.
    pub fn down_for(&self, time: Duration) -> bool {
        let since = self.down_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > time)
    }
}

/// A connection and the generation it was made in.
pub(super) struct Session {
    connection: PgConnection,
    generation: u64,
    pid: i32,
}

impl Deref for Session {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Session {
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Its process at the server.
    pub fn pid(&self) -> i32 {
        self.pid
    }
}

/// Makes connections of one role.
pub(super) struct Manager {
    url: String,
    setup: String,
    health: Arc<Health>,
}

impl Manager {
    pub fn new(service: &str, url: &str, health: Arc<Health>) -> Self {
        Self { url: url.to_owned(), setup: session_setup(service), health }
    }

    fn open(&self) -> Result<Session, PoolError> {
        // Read before connecting: if the database goes away meanwhile, the session counts as an old one.
        let generation = self.health.generation.load(Ordering::SeqCst);
        let mut connection = PgConnection::establish(&self.url).map_err(PoolError::ConnectionError)?;
        connection.batch_execute(&self.setup).map_err(PoolError::QueryError)?;
        let pid = diesel::select(pg_backend_pid()).get_result(&mut connection).map_err(PoolError::QueryError)?;
        Ok(Session { connection, generation, pid })
    }
}

/// The first settings of each session of a service, also outside the pools: its name, and that plans are kept.
///
/// Planning costs ten times what running costs (speed of the hot path): the generic plan of a cached statement is taken at
/// once instead of after five tries, and whatever the server thinks of it (from 18 on it planned feeds anew each time).
pub fn session_setup(service: &str) -> String {
    format!("set application_name = '{service}'; set plan_cache_mode = force_generic_plan")
}

impl r2d2::ManageConnection for Manager {
    type Connection = Session;
    type Error = PoolError;

    fn connect(&self) -> Result<Session, PoolError> {
        let session = self.open();
        self.health.attempted(session.is_ok());
        session
    }

    /// Sends nothing: a round trip per checkout costs as much as the statement it protects.
    fn is_valid(&self, session: &mut Session) -> Result<(), PoolError> {
        if session.generation == self.health.generation.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(PoolError::QueryError(diesel::result::Error::BrokenTransactionManager))
        }
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        // A panic may have left a transaction open.
        std::thread::panicking()
            || session.generation != self.health.generation.load(Ordering::SeqCst)
            || R2D2Connection::is_broken(&mut session.connection)
    }
}
