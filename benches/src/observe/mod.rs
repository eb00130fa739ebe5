//! What is watched while a cell runs, and what the watching itself costs.

mod activity;
mod apportion;
pub(crate) mod cpu;
mod locks;
mod meter;
pub mod process;
mod statements;
mod states;

pub use activity::StateLoop;
pub use cpu::{CpuClock, Machine, machine};
pub use statements::{Statements, statements_schema};

use std::collections::BTreeMap;

use crate::Failure;
use crate::result::{LedgerResult, RoleCost};
use states::States;
pub use states::service_of;

/// Everything seen during one cell.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Who waited for whom, and what everybody did.
    pub ledger: LedgerResult,
    /// What each role cost, by service.
    pub roles: BTreeMap<String, RoleCost>,
    /// CPU seconds of the observing threads.
    pub observer_threads_s: f64,
    /// CPU seconds of their backends.
    pub observer_backends_s: f64,
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
        // First the counters: the state loop reads them too.
        let blind = Self::blind(database_url)?;
        let state = StateLoop::start(database_url, processes)?;
        Ok(Self { loops: Some((locks::LockLoop::start(database_url)?, state)), ..blind })
    }

    /// Only reads counters before and after: what watching costs is measured against this.
    ///
    /// # Errors
    /// When the database can't be reached or read.
    pub fn blind(database_url: &str) -> Result<Self, Failure> {
        Ok(Self { statements: Statements::start(database_url)?, loops: None })
    }

    /// Stops watching and adds up.
    ///
    /// # Errors
    /// When a loop had lost the database.
    pub fn finish(self) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        let states = match self.loops {
            Some((locks, state)) => {
                let (ledger, (thread_s, backend_s)) = locks.finish()?;
                seen.ledger = ledger;
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
