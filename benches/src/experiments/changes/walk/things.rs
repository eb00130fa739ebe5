//! What walks have made and the next one works on.

use std::collections::{BTreeMap, VecDeque};

/// Ids by what they are of, the oldest first; a walk takes from the front what it deletes, and adds at the end.
#[derive(Clone, Debug, Default)]
pub struct Things {
    pub(super) org: String,
    pub(super) admin: String,
    pub(super) token: String,
    pub(super) operator: String,
    pub(super) period: u32,
    kept: BTreeMap<&'static str, VecDeque<String>>,
}

impl Things {
    pub(super) fn add(&mut self, kind: &'static str, id: Option<String>) {
        if let Some(id) = id {
            self.kept.entry(kind).or_default().push_back(id);
        }
    }

    /// The newest: it stays.
    pub(super) fn last(&self, kind: &str) -> String {
        let found = self.kept.get(kind).and_then(VecDeque::back);
        found.cloned().unwrap_or_else(|| uuid::Uuid::nil().to_string())
    }

    /// The one before the newest: made by the walk before this one.
    pub(super) fn before(&self, kind: &str) -> String {
        let found = self.kept.get(kind).and_then(|ids| ids.iter().nth_back(1));
        found.cloned().unwrap_or_else(|| self.last(kind))
    }

    /// The oldest, to be deleted.
    pub(super) fn take(&mut self, kind: &str) -> String {
        let found = self.kept.get_mut(kind).and_then(VecDeque::pop_front);
        found.unwrap_or_else(|| uuid::Uuid::nil().to_string())
    }
}
