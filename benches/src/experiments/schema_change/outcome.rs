//! What schema changes did to the services under load.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::result::text::capital;
use crate::result::{Outcome, Table};

/// What they did to the services under load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaChanges {
    /// In the order they ran.
    pub changes: Vec<SchemaChange>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaChange {
    /// Of its file.
    pub name: String,
    /// In a sentence.
    pub title: String,
    /// Whose it is.
    pub owner: String,
    /// As it is in the file.
    pub plain: Effect,
    /// With `lock_timeout` and another try.
    pub careful: Effect,
}

/// What a change did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Effect {
    /// Whether it is in place at the end.
    pub applied: bool,
    /// Tries that didn't get their locks, or were refused, by SQLSTATE.
    pub refused: BTreeMap<String, u64>,
    /// By service.
    pub services: BTreeMap<String, Waits>,
}

/// One service meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waits {
    /// Seconds that its sessions waited for locks, added up.
    pub blocked_s: f64,
    /// Requests that failed.
    pub failed: u64,
    /// Of so many.
    pub requests: u64,
    /// The longest request, milliseconds; a failed one counts as ten seconds.
    pub longest_ms: f64,
}

impl Effect {
    /// Seconds of all services' lock waits.
    #[must_use]
    pub fn blocked_s(&self) -> f64 {
        self.services.values().map(|of| of.blocked_s).sum()
    }

    /// Failed requests of all services.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.services.values().map(|of| of.failed).sum()
    }
}

impl<P> Outcome<P> for SchemaChanges {
    fn tables(&self, _: &P) -> Vec<Table> {
        let cell = |effect: &Effect| {
            let longest = effect.services.values().map(|of| of.longest_ms).fold(0.0, f64::max);
            let mark = if effect.applied { "" } else { "; not applied" };
            format!("{:.2} s blocked, {} failed, longest {longest:.0} ms{mark}", effect.blocked_s(), effect.failed())
        };
        let of_service = |of: &Waits| format!("{:.2} s blocked, {} of {} failed", of.blocked_s, of.failed, of.requests);
        let mut table = Table::new(&["change", "as it is", "with lock_timeout and retries"], &[], &[]);
        for change in &self.changes {
            table.row([change.title.clone(), cell(&change.plain), cell(&change.careful)]);
            for (name, plain) in &change.plain.services {
                let careful = change.careful.services.get(name).copied().unwrap_or_default();
                if plain.blocked_s + careful.blocked_s > 0.0 || plain.failed + careful.failed > 0 {
                    table.row([format!("– {}", capital(name)), of_service(plain), of_service(&careful)]);
                }
            }
        }
        vec![table]
    }
}
