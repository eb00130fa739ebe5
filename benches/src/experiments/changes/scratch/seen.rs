//! What the server's log and the walk showed.

use std::collections::BTreeSet;

use crate::experiments::changes::log::Read;
use crate::experiments::changes::walk::Broken;
use crate::system::services;

/// What happened between a mark and now.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests that failed.
    pub broken: Vec<Broken>,
    /// Requests made.
    pub calls: usize,
    /// What stands in the database's log.
    pub read: Read,
    /// Services that logged an error of their own.
    pub complained: BTreeSet<String>,
}

impl Seen {
    /// Services that something failed of, with what: SQLSTATEs, statuses.
    pub fn by_service(&self, service: &str, ignore: &BTreeSet<(String, String)>) -> BTreeSet<String> {
        let errors = self.read.errors.iter().filter(|error| service_of(&error.role) == service);
        let mut found: BTreeSet<String> = errors
            .filter(|error| {
                !passing(&error.sqlstate) && !ignore.contains(&(error.role.clone(), error.sqlstate.clone()))
            })
            .map(|error| error.sqlstate.clone())
            .collect();
        // 503 says "later", which is what waiting for a lock comes to.
        let answers = self.broken.iter().filter(|one| one.service == service && one.status != 503);
        found.extend(answers.map(|one| format!("{} {}", one.status, one.call)));
        found
    }
}

/// Somebody had to wait or begin again: no break.
fn passing(sqlstate: &str) -> bool {
    ["55P03", "57014", "40001", "40P01", "57P01"].contains(&sqlstate)
}

/// `registry_reader` is of `registry`.
pub fn service_of(role: &str) -> &str {
    role.split_once('_').map_or(role, |(service, _)| service)
}

pub(super) fn ours(role: &str) -> bool {
    services::names().any(|name| role == format!("{name}_reader") || role == format!("{name}_writer"))
}
