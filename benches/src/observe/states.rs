//! What the state loop saw: sessions by what they wait for, and what everybody used.

use std::collections::BTreeMap;
use std::sync::Arc;

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
pub fn party(row: &Row, names: &Names) -> String {
    let role: Option<String> = row.get("role");
    role.filter(|_| row.get("client")).map_or_else(|| BACKGROUND.to_owned(), |role| names.of(&role))
}

/// The name of a role in everything that is observed: unless said otherwise, see [`service_of`].
#[derive(Clone, Debug, Default)]
pub struct Names(Option<Arc<BTreeMap<String, String>>>);

impl Names {
    /// Services by their logins; other roles keep their names.
    #[must_use]
    pub fn by_login(services: BTreeMap<String, String>) -> Self {
        Self(Some(Arc::new(services)))
    }

    /// The name of a role.
    #[must_use]
    pub fn of(&self, role: &str) -> String {
        let name = match &self.0 {
            None => service_of(role),
            Some(services) => services.get(role).map_or(role, String::as_str),
        };
        name.to_owned()
    }
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

    #[test]
    fn roles_of_others_keep_their_names() {
        let names = super::Names::by_login([("app_reader".to_owned(), "pay".to_owned())].into());
        assert_eq!([names.of("app_reader"), names.of("app_writer")], ["pay", "app_writer"]);
    }
}
