//! Coverage of a verdict: statements that the server no longer knows, and services without any known statement.

use std::collections::BTreeMap;

use super::report::Impact;
use super::services::service_of;

/// Logins of this database that can belong to a service.
pub(super) const LOGINS: &str = "select rolname::text from pg_roles where rolcanlogin and not rolsuper and has_database_privilege(oid, current_database(), 'connect')";

impl Impact {
    /// Warns that pg_stat_statements removed statements, so many `times`.
    pub fn note_evictions(&mut self, times: i64) {
        if times > 0 {
            self.warnings.push(format!(
                "statements may be missing, and are not judged: pg_stat_statements removed the rarest ones {times} times because it was full (pg_stat_statements.max)"
            ));
        }
    }

    /// Warns of services that log in here but of which no statement was judged: those whose logins are named after a schema, or mapped to a service.
    pub(super) fn note_unjudged(&mut self, logins: &[String], schemas: &[String], map: &BTreeMap<String, String>) {
        let mut silent: Vec<_> = logins
            .iter()
            .map(|login| (login, service_of(login, schemas, map)))
            .filter(|(login, service)| service != *login || schemas.contains(service) || map.contains_key(*login))
            .map(|(_, service)| service)
            .filter(|service| self.service(service).is_none())
            .collect();
        silent.sort();
        silent.dedup();
        if !silent.is_empty() {
            self.warnings.push(format!("no statement was judged for {}: that does not mean safe", silent.join(", ")));
        }
    }
}
