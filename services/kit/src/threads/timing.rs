//! Where the time of a job goes, counted by the thread that does it.

use std::cell::Cell;
use std::time::Duration;

/// Where the time of one job went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Waiting for a thread.
    pub queue: Duration,
    /// Waiting for a connection.
    pub pool: Duration,
    /// In the database.
    pub db: Duration,
    /// Waiting for nothing but answers of other services: a layer around the endpoints counts it.
    pub elsewhere: Duration,
    /// On which session, the last if there were several.
    pub session: Option<SessionId>,
}

/// A session of the database, as a request's log line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId {
    /// `read` or `write`: the service's reader, or its writer.
    pub role: &'static str,
    /// Its process at the server: `pid` in `pg_stat_activity`. Behind a pooler that of the moment it was opened.
    pub pid: i32,
}

thread_local! {
    static TIMING: Cell<Timing> = const { Cell::new(Timing { queue: Duration::ZERO, pool: Duration::ZERO, db: Duration::ZERO, elsewhere: Duration::ZERO, session: None }) };
}

/// Counts time as waited for a connection, for the job of this thread.
pub(crate) fn add_pool(time: Duration) {
    TIMING.with(|cell| cell.set(Timing { pool: cell.get().pool + time, ..cell.get() }));
}

/// Counts time as spent in the database, on this session, for the job of this thread.
pub(crate) fn add_db(time: Duration, session: SessionId) {
    TIMING.with(|cell| cell.set(Timing { db: cell.get().db + time, session: Some(session), ..cell.get() }));
}

/// A new job begins on this thread.
pub(crate) fn start() {
    TIMING.set(Timing::default());
}

/// Where the time of this thread's job went.
pub(crate) fn end() -> Timing {
    TIMING.get()
}
