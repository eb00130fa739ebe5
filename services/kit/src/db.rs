//! The database: a pool per role.

mod manager;
mod pool;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use diesel::PgConnection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};

use crate::error::{Busy, Error};
use crate::threads::Answering;
pub use crate::threads::{SessionId, Timing};
pub use manager::{connect, session_setup};
pub(crate) use pool::Side;

/// A service's database: reads as `<svc>_reader`, writes as `<svc>_writer`.
///
/// Both may only be called on a database thread (`kit::call`, jobs, probes) or where there is no event loop at all
/// (a command): on the event loop they refuse, because they wait.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    read: Side,
    write: Side,
    /// Called after a commit in which a change was recorded.
    committed: Box<dyn Fn() + Send + Sync>,
}

/// A [`Db`] for those who must not outlive the service.
pub(crate) struct WeakDb(std::sync::Weak<Inner>);

impl WeakDb {
    pub fn upgrade(&self) -> Option<Db> {
        self.0.upgrade().map(|inner| Db { inner })
    }
}

/// How to reach the database.
pub(crate) struct DbOptions<'a> {
    pub service: &'static str,
    pub read_url: &'a str,
    pub write_url: &'a str,
    pub read_size: u32,
    pub write_size: u32,
    pub wait: Duration,
    pub answering: Arc<Answering>,
}

impl Db {
    /// Opens both pools without waiting for them: a service starts while its database is away, and isn't ready.
    pub(crate) fn open(options: &DbOptions<'_>, committed: impl Fn() + Send + Sync + 'static) -> Self {
        let answering = || Arc::clone(&options.answering);
        let side = |role, url, size| Side::open(options.service, role, url, size, options.wait, answering());
        Self {
            inner: Arc::new(Inner {
                read: side("read", options.read_url, options.read_size),
                write: side("write", options.write_url, options.write_size),
                committed: Box::new(committed),
            }),
        }
    }

    /// Runs `work` on a connection of the reader. If the connection turns out to be closed, once more on a new one.
    pub fn read<T>(&self, mut work: impl FnMut(&mut PgConnection) -> Result<T, Error>) -> Result<T, Error> {
        refuse_event_loop()?;
        match twice(&self.inner.read, &mut work) {
            // The reader's sessions are read-only: nothing that passes.
            Err(Error::Busy(Busy::ReadOnly)) => Err(Error::internal("something was written by the reader")),
            other => other,
        }
    }

    /// Runs `work` in a transaction of the writer: an error rolls all of it back.
    ///
    /// Never repeated once the transaction has begun: whether a lost commit happened is not known here, and the client
    /// gets a 503. Only a `begin` on a dead connection, which did nothing, is tried again.
    pub fn write<T>(&self, work: impl FnOnce(&mut PgConnection) -> Result<T, Error>) -> Result<T, Error> {
        refuse_event_loop()?;
        forget_recorded();
        let side = &self.inner.write;
        let mut connection = side.checkout()?;
        if let Err(Error::Busy(Busy::Closed)) = side.run(&mut connection, begin) {
            connection = side.checkout()?;
            side.run(&mut connection, begin)?;
        }
        let result = side.run(&mut connection, |connection| match work(connection) {
            Ok(value) => AnsiTransactionManager::commit_transaction(connection).map_err(Error::from).map(|()| value),
            Err(error) => {
                // If even this fails the connection is broken, and the pool drops it.
                if let Err(failed) = AnsiTransactionManager::rollback_transaction(connection) {
                    tracing::debug!(error = %failed, "rollback failed");
                }
                Err(error)
            }
        });
        drop(connection);
        if result.is_ok() {
            side.wrote();
        }
        if result.is_ok() && forget_recorded() {
            (self.inner.committed)();
        }
        result
    }

    /// Runs `work` on a connection of the writer without a transaction, once more if the connection turns out to be closed:
    /// for what may be done twice (probes, hints, purges whose batches commit one by one).
    pub(crate) fn write_unbound<T>(
        &self,
        mut work: impl FnMut(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        refuse_event_loop()?;
        twice(&self.inner.write, &mut work)
    }

    /// A handle that doesn't keep the pools open.
    pub(crate) fn downgrade(&self) -> WeakDb {
        WeakDb(Arc::downgrade(&self.inner))
    }

    /// Both pools, for metrics.
    pub(crate) fn sides(&self) -> [&Side; 2] {
        [&self.inner.read, &self.inner.write]
    }
}

fn twice<T>(side: &Side, work: &mut impl FnMut(&mut PgConnection) -> Result<T, Error>) -> Result<T, Error> {
    match side.with(work) {
        Err(Error::Busy(Busy::Closed)) => side.with(work),
        other => other,
    }
}

fn begin(connection: &mut PgConnection) -> Result<(), Error> {
    AnsiTransactionManager::begin_transaction(connection).map_err(Error::from)
}

thread_local! {
    /// Was a change recorded in this thread's transaction?
    static RECORDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a change was recorded since this was last asked, on this thread.
fn forget_recorded() -> bool {
    RECORDED.replace(false)
}

/// Says that this transaction has written to `<svc>.changes`, so that the hint is sent; [`crate::changes::record`] does. For
/// a statement that writes change rows along with others (a CTE).
pub fn recorded() {
    RECORDED.set(true);
}

/// A wait for a connection on the event loop would stop every request of the worker.
fn refuse_event_loop() -> Result<(), Error> {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => Err(Error::internal("the database was used on the event loop: go through kit::call")),
        Err(_) => Ok(()),
    }
}
