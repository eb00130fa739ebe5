//! What is the same for all statements of one try.

use std::collections::BTreeMap;

use super::input::Options;
use super::locks::Map;
use super::probe::{Settings, becoming};

/// What is needed to judge all of them.
pub(super) struct Context<'a> {
    pub(super) options: &'a Options,
    pub(super) settings: &'a BTreeMap<String, Settings>,
    pub(super) map: &'a Map,
    pub(super) pid: i32,
}

impl Context<'_> {
    /// SQL that makes the session this role's, as far as planning is concerned.
    pub(super) fn becoming(&self, role: &str) -> String {
        let set = self.settings.get(role).into_iter().flatten();
        becoming(role, set.filter(|(name, _)| !name.ends_with("_timeout") && name != "default_transaction_read_only"))
    }

    /// The same for executing it.
    pub(super) fn executing(&self, role: &str) -> String {
        let read_only = |(name, value): &(String, String)| {
            name == "default_transaction_read_only" && ["on", "true", "1", "yes"].contains(&value.as_str())
        };
        let reads = self.settings.get(role).is_some_and(|all| all.iter().any(read_only));
        format!("{}{}", if reads { "set local transaction_read_only = on; " } else { "" }, self.becoming(role))
    }
}
