//! What is watched while a cell runs, and what the watching itself costs.

mod activity;
mod apportion;
pub(crate) mod cpu;
mod locks;
mod meter;
pub mod process;
mod statements;
mod states;
mod waits;

pub use activity::StateLoop;
pub use cpu::{CpuClock, Machine, ended_children_s, machine};
pub use statements::{Statements, statements_schema};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::Failure;
use crate::result::{LedgerResult, RoleCost, Wait};
use states::States;
pub use states::{Names, service_of};

/// Everything seen during one cell.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Who waited for whom, and what everybody did.
    pub ledger: LedgerResult,
    /// What each role cost, by service.
    pub roles: BTreeMap<String, RoleCost>,
    /// Who waited for which statement, where that is noted.
    pub waits: Vec<Wait>,
    /// CPU seconds of the observing threads.
    pub observer_threads_s: f64,
    /// CPU seconds of their backends.
    pub observer_backends_s: f64,
}

/// How a database is watched.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Names of what is seen.
    pub names: Names,
    /// Also notes which statement waits for which other one, and for which lock.
    pub notes_waits: bool,
    /// The extension `pg_stat_statements` may be made where it isn't there: in a database made for a run.
    pub makes_extension: bool,
    /// The server runs on this machine, so that its processes' times can be read.
    pub here: bool,
    /// Services' processes that start after the watching, by name.
    pub later: Arc<Mutex<Vec<(String, u32)>>>,
}

impl Default for Watch {
    /// A database of ours.
    fn default() -> Self {
        Self { names: Names::default(), notes_waits: false, makes_extension: true, here: true, later: Arc::default() }
    }
}

/// Watches one cell. Both loops run on threads and connections of their own until [`Observer::finish`].
pub struct Observer {
    loops: Option<(locks::LockLoop, StateLoop)>,
    statements: Statements,
}

impl Observer {
    /// Starts watching; `processes` are the services' names and process ids.
    ///
    /// # Errors
    /// When the database can't be reached or read.
    pub fn start(database_url: &str, processes: &[(String, u32)]) -> Result<Self, Failure> {
        Self::watch(database_url, processes, &Watch::default())
    }

    /// The same in this way.
    ///
    /// # Errors
    /// When the database can't be reached or read.
    pub fn watch(database_url: &str, processes: &[(String, u32)], watch: &Watch) -> Result<Self, Failure> {
        // First the counters: the state loop reads them too.
        let blind = Self::blind(database_url, watch)?;
        let state = StateLoop::start(database_url, processes, watch)?;
        Ok(Self { loops: Some((locks::LockLoop::start(database_url, watch)?, state)), ..blind })
    }

    /// Only reads counters before and after: what watching costs is measured against this.
    ///
    /// # Errors
    /// When the database can't be reached or read.
    pub fn blind(database_url: &str, watch: &Watch) -> Result<Self, Failure> {
        Ok(Self { statements: Statements::start(database_url, watch)?, loops: None })
    }

    /// Stops watching and adds up.
    ///
    /// # Errors
    /// When a loop had lost the database.
    pub fn finish(self) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        let states = match self.loops {
            Some((locks, state)) => {
                let (ledger, waits, (thread_s, backend_s)) = locks.finish()?;
                (seen.ledger, seen.waits) = (ledger, waits);
                seen.observer_threads_s += thread_s;
                seen.observer_backends_s += backend_s;
                state.finish()?
            }
            None => States::default(),
        };
        seen.observer_threads_s += states.cost.0;
        seen.observer_backends_s += states.cost.1;
        seen.ledger.activity = states.activity;
        seen.ledger.timeline = states.timeline;
        seen.ledger.apportioned = states.apportioned.lines();
        seen.roles = self.statements.finish()?;
        for (role, (cpu_s, run_queue_s)) in states.backends {
            let cost: &mut RoleCost = seen.roles.entry(role).or_default();
            cost.cpu_s = cpu_s;
            cost.run_queue_s = run_queue_s;
        }
        for (service, (cpu_s, run_queue_s)) in states.processes {
            let cost: &mut RoleCost = seen.roles.entry(service).or_default();
            cost.process_cpu_s = cpu_s;
            cost.process_run_queue_s = run_queue_s;
        }
        Ok(seen)
    }
}
