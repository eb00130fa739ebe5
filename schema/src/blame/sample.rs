//! Reads from Postgres who waits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use postgres::{Client, Row};
use serde::Serialize;

use super::graph::{Sample, Waiter};
use super::ledger::Roles;
use crate::error::{Doing, Result};

/// `application_name` of the sampling session; the lab leaves it out of every count.
pub const APPLICATION_NAME: &str = "govrnanza-observer";

/// Only waiters are asked for their blockers: `pg_blocking_pids` takes every lock partition, so asking it of all backends
/// costs three times as much.
const WAITERS: &str = "
    select l.pid, l.locktype, l.mode, l.relation, l.waitstart, pg_catalog.pg_blocking_pids(l.pid) as blockers, n.now
    from (select pg_catalog.clock_timestamp() as now) n
    left join pg_catalog.pg_locks l on not l.granted";

const BACKENDS: &str = "
    select pid, usename::text, application_name, datname::text
    from pg_catalog.pg_stat_activity
    where backend_type = 'client backend'";

/// How often roles are read again even if no unknown process id turned up.
const REFRESH: Duration = Duration::from_secs(1);

/// A backend's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Its login.
    pub role: String,
    /// `application_name`.
    pub application: String,
    /// Its database.
    pub database: String,
}

/// The latest statement of a root blocker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Statement {
    /// Whose.
    pub role: String,
    /// `active`, `idle in transaction`, …
    pub state: String,
    /// Its latest statement, shortened.
    pub statement: String,
}

/// Samples the waiters over one connection.
pub struct Sampler {
    client: Client,
    waiters: postgres::Statement,
    backends: BTreeMap<i32, Backend>,
    refreshed: Option<Instant>,
}

impl Sampler {
    /// Prepares the statements on a connection of its own, whose role must be a member of `pg_monitor` (or superuser):
    /// without it other roles' waits show neither start nor role.
    ///
    /// # Errors
    /// [`crate::Error::Database`] when a statement is refused.
    pub fn new(mut client: Client) -> Result<Self> {
        client
            .batch_execute(&format!(
                "set application_name = '{APPLICATION_NAME}'; set default_transaction_read_only = on"
            ))
            .doing("setting up the sampling session")?;
        let waiters = client.prepare(WAITERS).doing("preparing the lock loop")?;
        Ok(Self { client, waiters, backends: BTreeMap::new(), refreshed: None })
    }

    /// One sample. Roles are read again once a second, and at once when an unknown backend takes part.
    ///
    /// # Errors
    /// [`crate::Error::Database`] when the connection is gone.
    pub fn sample(&mut self) -> Result<Sample> {
        let rows = self.client.query(&self.waiters, &[]).doing("sampling pg_locks")?;
        // One row even when no session waits, for the server's clock.
        let at_us = rows.first().map_or(0, |row| us(row.get("now")));
        let waiters: BTreeMap<i32, Waiter> =
            rows.iter().filter_map(waiter).map(|waiter| (waiter.pid, waiter)).collect();
        let unknown = waiters
            .values()
            .flat_map(|waiter| waiter.blockers.iter().chain([&waiter.pid]))
            .any(|pid| *pid != 0 && !self.backends.contains_key(pid));
        if unknown || self.refreshed.is_none_or(|at| at.elapsed() > REFRESH) {
            self.refresh()?;
        }
        Ok(Sample { at_us, waiters })
    }

    /// The backends last seen, by process id.
    #[must_use]
    pub fn backends(&self) -> &BTreeMap<i32, Backend> {
        &self.backends
    }

    /// Process id of the sampling backend itself, for its own cost.
    ///
    /// # Errors
    /// [`crate::Error::Database`] when the connection is gone.
    pub fn own_pid(&mut self) -> Result<i32> {
        let row =
            self.client.query_one("select pg_catalog.pg_backend_pid()", &[]).doing("asking for the own process id")?;
        Ok(row.get(0))
    }

    /// What these are running, or ran last; shortened. Empty where the login may not see it.
    ///
    /// # Errors
    /// [`crate::Error::Database`] when the connection is gone.
    pub fn statements(&mut self, pids: &[i32]) -> Result<Vec<(i32, Statement)>> {
        let rows = self
            .client
            .query(
                "select pid, coalesce(usename::text, ''), coalesce(state, ''), left(coalesce(query, ''), 200)
                 from pg_catalog.pg_stat_activity where pid = any ($1)",
                &[&pids],
            )
            .doing("reading statements")?;
        let all = rows.iter().map(|row| {
            let statement = Statement { role: row.get(1), state: row.get(2), statement: row.get(3) };
            (row.get(0), statement)
        });
        Ok(all.collect())
    }

    /// The name of a relation of the connection's database; its OID where it is none.
    ///
    /// # Errors
    /// [`crate::Error::Database`] when the connection is gone.
    pub fn relation(&mut self, oid: u32) -> Result<String> {
        let row =
            self.client.query_one("select $1::oid::regclass::text", &[&oid]).doing("reading a relation's name")?;
        Ok(row.get(0))
    }

    fn refresh(&mut self) -> Result<()> {
        let rows = self.client.query(BACKENDS, &[]).doing("reading pg_stat_activity")?;
        // Backends that ended stay known: a blocker may end between the two statements, and its waits are added afterwards.
        for row in rows {
            let text = |column: &str| row.get::<_, Option<String>>(column).unwrap_or_default();
            let backend =
                Backend { role: text("usename"), application: text("application_name"), database: text("datname") };
            self.backends.insert(row.get("pid"), backend);
        }
        self.refreshed = Some(Instant::now());
        Ok(())
    }
}

impl Roles for Sampler {
    fn role(&self, pid: i32) -> String {
        match self.backends.get(&pid) {
            Some(backend) => backend.role.clone(),
            None => BTreeMap::<i32, String>::new().role(pid),
        }
    }
}

fn waiter(row: &Row) -> Option<Waiter> {
    Some(Waiter {
        pid: row.get::<_, Option<i32>>("pid")?,
        lock_type: row.get("locktype"),
        mode: row.get("mode"),
        relation: row.get("relation"),
        wait_start_us: row.get::<_, Option<SystemTime>>("waitstart").map(us),
        blockers: row.get("blockers"),
    })
}

/// Microseconds since the Unix epoch; 0 for a clock set before it.
fn us(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}
