//! Connections for r2d2: made with what each session needs, judged by generation and not by a `select 1`.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::r2d2::{Error as PoolError, R2D2Connection};
use diesel::{Connection, ConnectionError, PgConnection, RunQueryDsl};

use crate::threads::{Answering, statement_begins, statement_ended};

/// A server that keeps the limit of a statement ends it by then; it is given so much longer to say so.
const MARGIN: Duration = Duration::from_secs(1);
/// For logins without such a limit.
const LONGEST: Duration = Duration::from_secs(60);

crate::statement! {
    /// The session's process, the limit of its statements in milliseconds, and the language of its messages.
    struct FindSession() -> (Integer, BigInt, Text) =
        "select pg_catalog.pg_backend_pid(), (select s.setting::bigint from pg_catalog.pg_settings s where s.name = 'statement_timeout'), \
         (select s.setting from pg_catalog.pg_settings s where s.name = 'lc_messages')"
}

/// What all connections of one pool share.
#[derive(Default)]
pub(super) struct Health {
    /// Why no connection is made though there is a server, for `/readyz`.
    pub trouble: Mutex<Option<String>>,
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
    answering: Arc<Answering>,
}

impl Manager {
    pub fn new(service: &str, url: &str, health: Arc<Health>, answering: Arc<Answering>) -> Self {
        Self { url: url.to_owned(), setup: session_setup(service), health, answering }
    }

    fn open(&self) -> Result<Session, PoolError> {
        // Read before connecting: if the database goes away meanwhile, the session counts as an old one.
        let generation = self.health.generation.load(Ordering::SeqCst);
        let mut connection = PgConnection::establish(&self.url).map_err(PoolError::ConnectionError)?;
        connection.batch_execute(&self.setup).map_err(PoolError::QueryError)?;
        let (pid, limit_ms, language): (i32, i64, String) =
            FindSession {}.get_result(&mut connection).map_err(PoolError::QueryError)?;
        let understood = understandable(&mut connection, language);
        *self.health.trouble.lock().unwrap_or_else(PoisonError::into_inner) = understood.as_ref().err().cloned();
        understood.map_err(|why| PoolError::ConnectionError(ConnectionError::BadConnection(why)))?;
        self.time(&mut connection, u64::try_from(limit_ms).unwrap_or_default());
        Ok(Session { connection, generation, pid })
    }

    /// Each statement tells the thread that waits for it when it should be answered, and the service that it was.
    fn time(&self, connection: &mut PgConnection, limit_ms: u64) {
        let limit = if limit_ms == 0 { LONGEST } else { Duration::from_millis(limit_ms) + MARGIN };
        let answering = Arc::clone(&self.answering);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| match event {
            InstrumentationEvent::StartQuery { .. } => statement_begins(limit),
            InstrumentationEvent::FinishQuery { .. } => {
                statement_ended();
                answering.answered();
            }
            _ => {}
        });
    }
}

/// Errors are known by the server's words: in another language none of them would be.
///
/// `db-roles.sql` sets it for each login, where a superuser applies that; elsewhere a login may be allowed to do so itself.
fn understandable(connection: &mut PgConnection, language: String) -> Result<(), String> {
    if language == "C" || language == "POSIX" || connection.batch_execute("set lc_messages = 'C'").is_ok() {
        return Ok(());
    }
    // What language a name stands for is the server's to know: it is made to say something.
    match connection.batch_execute("select 1/0") {
        Err(error) if error.to_string() == "division by zero" => Ok(()),
        _ => Err(format!(
            "the server's messages are not in English (lc_messages is {language}); as superuser: \
             alter role … set lc_messages = 'C', for this login"
        )),
    }
}

/// A connection beside the pools, as theirs are made: for a thread that needs one of its own (`listen`, a session's lock).
///
/// # Errors
/// None can be made.
pub fn connect(service: &str, url: &str) -> Result<PgConnection, PoolError> {
    let mut connection = PgConnection::establish(url).map_err(PoolError::ConnectionError)?;
    connection.batch_execute(&session_setup(service)).map_err(PoolError::QueryError)?;
    Ok(connection)
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
