//! What is watched while a cell runs, and what the watching itself costs.

mod activity;
mod cpu;
mod locks;
mod statements;

pub use cpu::{CpuClock, Machine, machine};
pub use statements::Statements;

use std::collections::BTreeMap;

use crate::Failure;
use crate::result::{LedgerResult, RoleCost};

/// Everything seen during one cell.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Who waited for whom, and what everybody did.
    pub ledger: LedgerResult,
    /// What each role cost, by service.
    pub roles: BTreeMap<String, RoleCost>,
    /// CPU seconds of the observing threads and their backends.
    pub observer_cpu_s: f64,
}

/// Watches one cell. Both loops run on threads and connections of their own until [`Observer::finish`].
pub struct Observer {
    locks: locks::LockLoop,
    activity: activity::StateLoop,
    statements: Statements,
}

impl Observer {
    /// Starts watching.
    ///
    /// # Errors
    /// When the database can't be reached or read.
    pub fn start(database_url: &str) -> Result<Self, Failure> {
        Ok(Self {
            statements: Statements::start(database_url)?,
            activity: activity::StateLoop::start(database_url)?,
            locks: locks::LockLoop::start(database_url)?,
        })
    }

    /// Stops watching and adds up.
    ///
    /// # Errors
    /// When a loop had lost the database.
    pub fn finish(self) -> Result<Seen, Failure> {
        let (mut ledger, locks_cpu_s) = self.locks.finish()?;
        let (activity, cpu, activity_cpu_s) = self.activity.finish()?;
        ledger.activity = activity;
        let mut roles = self.statements.finish()?;
        for (role, (cpu_s, run_queue_s)) in cpu {
            let cost: &mut RoleCost = roles.entry(role).or_default();
            cost.cpu_s = cpu_s;
            cost.run_queue_s = run_queue_s;
        }
        Ok(Seen {
            ledger,
            roles,
            observer_cpu_s: locks_cpu_s + activity_cpu_s,
        })
    }
}

/// `<service>_reader` and `<service>_writer` are one service to the matrix; any other role is itself.
#[must_use]
pub fn service_of(role: &str) -> &str {
    role.strip_suffix("_reader")
        .or_else(|| role.strip_suffix("_writer"))
        .unwrap_or(role)
}

#[cfg(test)]
mod tests {
    #[test]
    fn readers_and_writers_are_their_service() {
        assert_eq!(super::service_of("registry_reader"), "registry");
        assert_eq!(super::service_of("billing_writer"), "billing");
        assert_eq!(super::service_of("postgres"), "postgres");
    }
}
