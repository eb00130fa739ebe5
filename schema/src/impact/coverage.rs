//! What a verdict doesn't speak of: statements that the server has forgotten, and services of which none is known.

use std::collections::BTreeMap;

use super::report::Impact;
use super::services::service_of;

/// Who may come here as a service.
pub(super) const LOGINS: &str = "select rolname::text from pg_roles where rolcanlogin and not rolsuper and has_database_privilege(oid, current_database(), 'connect')";

impl Impact {
    /// Notes that statements were thrown out where they were counted: `pg_stat_statements` says how often.
    pub fn forgotten(&mut self, times: i64) {
        if times > 0 {
            self.warnings.push(format!(
                "statements may have been forgotten, and nothing is said of those: the server has thrown out the rarest {times} times for want of room (pg_stat_statements.max)"
            ));
        }
    }

    /// Notes services that log in here and of which nothing was judged: those whose logins are named for a schema, or mapped to a service.
    pub(super) fn silent(&mut self, logins: &[String], schemas: &[String], map: &BTreeMap<String, String>) {
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
            self.warnings.push(format!("nothing judged for {}: silence isn't safety", silent.join(", ")));
        }
    }
}
