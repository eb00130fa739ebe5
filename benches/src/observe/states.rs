//! What the state loop saw: sessions by what they wait for, and what everybody used.

use std::collections::BTreeMap;

use postgres::Row;

use super::apportion::Blame;
use super::cpu::CpuTimes;

/// Postgres's own processes, together.
pub const BACKGROUND: &str = "background";

/// Mean number of active sessions, by service and wait class.
pub type Activity = BTreeMap<String, BTreeMap<String, f64>>;

/// What the loop saw.
#[derive(Default)]
pub struct States {
    /// Over the whole cell.
    pub activity: Activity,
    /// Second by second.
    pub timeline: Vec<Activity>,
    /// Backends' processor times by service.
    pub backends: BTreeMap<String, CpuTimes>,
    /// The services' own processes' processor times.
    pub processes: BTreeMap<String, CpuTimes>,
    /// Who waited because of whom for what has no owner.
    pub apportioned: Blame,
    /// What the loop's thread cost, and what its backend did.
    pub cost: (f64, f64),
}

/// Whose a session is: a service by its role, or Postgres itself.
pub fn party(row: &Row) -> String {
    let role: Option<String> = row.get("role");
    role.filter(|_| row.get("client")).map_or_else(|| BACKGROUND.to_owned(), |role| service_of(&role).to_owned())
}

/// `<service>_reader` and `<service>_writer` are one service to the matrix; any other role is itself.
#[must_use]
pub fn service_of(role: &str) -> &str {
    role.strip_suffix("_reader").or_else(|| role.strip_suffix("_writer")).unwrap_or(role)
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
