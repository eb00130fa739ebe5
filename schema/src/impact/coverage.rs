//! Coverage of a verdict: statements that the server no longer knows, and services without any known statement.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Impact, ServiceImpact, StatementImpact};
use super::services::service_of;
use super::unknown::{Reason, Unknown};
use super::verdict::Verdict;

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

    /// Makes statements UNKNOWN that were skipped for reasons of ours, and not because they fail before the change, too.
    pub(super) fn note_skipped(
        &mut self,
        reasons: &[Option<Reason>],
        allowed: &BTreeSet<Reason>,
        service: impl Fn(&str) -> String,
    ) {
        let left = self.skipped.iter().zip(reasons);
        for (one, reason) in left.filter_map(|(one, reason)| Some((one, (*reason)?))) {
            if allowed.contains(&reason) || self.refused.is_some() {
                continue;
            }
            let name = service(&one.role);
            let at = self.services.iter().position(|known| known.service >= name).unwrap_or(self.services.len());
            if self.services.get(at).is_none_or(|known| known.service != name) {
                let empty =
                    ServiceImpact { service: name, verdict: Verdict::Safe, analysed: 0, statements: Vec::new() };
                self.services.insert(at, empty);
            }
            let of = &mut self.services[at];
            of.verdict = of.verdict.max(Verdict::Unknown);
            of.statements.push(StatementImpact {
                role: one.role.clone(),
                sql: one.sql.clone(),
                calls: one.calls,
                verdict: Verdict::Unknown,
                cached: None,
                fresh: None,
                shape: Vec::new(),
                rows: Vec::new(),
                values: None,
                unknown: Some(Unknown { reason, why: one.why.clone() }),
                plan: Vec::new(),
            });
        }
        self.verdict = self.worst();
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
