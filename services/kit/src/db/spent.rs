//! Where the time of a job goes, counted by the thread that does it.

use std::cell::Cell;
use std::time::Duration;

/// Where the time of one job went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Waiting for a thread.
    pub queue: Duration,
    /// Waiting for a connection.
    pub pool: Duration,
    /// In the database.
    pub db: Duration,
}

thread_local! {
    static SPENT: Cell<Spent> = const { Cell::new(Spent { queue: Duration::ZERO, pool: Duration::ZERO, db: Duration::ZERO }) };
}

/// Counts time as waited for a connection, for the job of this thread.
pub(crate) fn spend_pool(time: Duration) {
    SPENT.with(|cell| {
        cell.set(Spent {
            pool: cell.get().pool + time,
            ..cell.get()
        })
    });
}

/// Counts time as spent in the database, for the job of this thread.
pub(crate) fn spend_db(time: Duration) {
    SPENT.with(|cell| {
        cell.set(Spent {
            db: cell.get().db + time,
            ..cell.get()
        })
    });
}

/// A new job begins on this thread.
pub(super) fn start() {
    SPENT.set(Spent::default());
}

/// What this thread's job has spent.
pub(super) fn end() -> Spent {
    SPENT.get()
}
