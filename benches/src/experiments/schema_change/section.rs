//! What schema changes did, as a file beside a result keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What they did to those at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaChanges {
    /// Of this shape.
    pub version: u32,
    /// In the order they ran.
    pub changes: Vec<Underway>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Underway {
    /// Of its file.
    pub name: String,
    /// In a sentence.
    pub title: String,
    /// Whose it is.
    pub owner: String,
    /// As it stands in the file.
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
    pub services: BTreeMap<String, Harm>,
}

/// One service meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Harm {
    /// Seconds that its sessions waited for locks, added up.
    pub blocked_s: f64,
    /// Requests that failed.
    pub failed: u64,
    /// Of so many.
    pub requests: u64,
    /// The longest request, milliseconds; a failed one stands in it at ten seconds.
    pub longest_ms: f64,
}

impl Effect {
    /// Seconds of all services' lock waits.
    #[must_use]
    pub fn blocked_s(&self) -> f64 {
        self.services.values().map(|harm| harm.blocked_s).sum()
    }

    /// Failed requests of all services.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.services.values().map(|harm| harm.failed).sum()
    }
}

impl std::fmt::Display for SchemaChanges {
    /// For people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{:28} {:>34}   {:>34}",
            "change", "as it is: blocked s, failed, longest", "lock_timeout: blocked s, failed, longest"
        )?;
        let cell = |effect: &Effect| {
            let longest = effect.services.values().map(|harm| harm.longest_ms).fold(0.0, f64::max);
            let mark = if effect.applied { "" } else { " (not applied)" };
            format!("{:.2} s, {}, {longest:.0} ms{mark}", effect.blocked_s(), effect.failed())
        };
        for change in &self.changes {
            writeln!(f, "{:28} {:>34}   {:>34}", change.name, cell(&change.plain), cell(&change.careful))?;
            for (name, plain) in &change.plain.services {
                let careful = change.careful.services.get(name).copied().unwrap_or_default();
                if plain.blocked_s + careful.blocked_s > 0.0 || plain.failed + careful.failed > 0 {
                    writeln!(
                        f,
                        "  {name:26} {:>34}   {:>34}",
                        format!("{:.2} s, {} of {}", plain.blocked_s, plain.failed, plain.requests),
                        format!("{:.2} s, {} of {}", careful.blocked_s, careful.failed, careful.requests)
                    )?;
                }
            }
        }
        Ok(())
    }
}
