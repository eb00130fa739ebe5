//! Who used what others waited for: a model, not an observation.
//!
//! What a party waited for a resource during a window is split over everybody who used that resource in that window, in
//! proportion. Its own part is its own doing and is booked on itself; where nobody was seen to use it, on `unknown`.

use std::collections::BTreeMap;

use crate::result::{Apportioned, Resource};

/// Seconds waited, or units of a resource used, by party.
pub type ByParty = BTreeMap<String, f64>;

/// Who is blamed for what nobody was seen to use.
pub const UNKNOWN: &str = "unknown";

/// Below this many seconds a line is left out.
const LEAST_S: f64 = 1e-4;

/// Seconds by (waiting, blamed, resource).
#[derive(Clone, Debug, Default)]
pub struct Blame(BTreeMap<(String, String, Resource), f64>);

impl Blame {
    /// Adds one window: who waited for the resource, and who used how much of it.
    pub fn window(&mut self, resource: Resource, waits: &ByParty, uses: &ByParty) {
        let total: f64 = uses.values().map(|used| used.max(0.0)).sum();
        for (waiting, seconds) in waits.iter().filter(|(_, seconds)| **seconds > 0.0) {
            if total <= 0.0 {
                self.book(waiting, UNKNOWN, resource, *seconds);
                continue;
            }
            for (blamed, used) in uses.iter().filter(|(_, used)| **used > 0.0) {
                self.book(waiting, blamed, resource, seconds * used / total);
            }
        }
    }

    fn book(&mut self, waiting: &str, blamed: &str, resource: Resource, seconds: f64) {
        let key = (waiting.to_owned(), blamed.to_owned(), resource);
        *self.0.entry(key).or_default() += seconds;
    }

    /// Largest first.
    pub fn lines(self) -> Vec<Apportioned> {
        let mut lines: Vec<_> = self
            .0
            .into_iter()
            .filter(|(_, seconds)| *seconds >= LEAST_S)
            .map(|((waiting, blamed, resource), seconds)| Apportioned { waiting, blamed, resource, seconds })
            .collect();
        lines.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_party(parts: &[(&str, f64)]) -> ByParty {
        let owned = |&(name, value): &(&str, f64)| (name.to_owned(), value);
        parts.iter().map(owned).collect()
    }

    fn of(lines: &[Apportioned], waiting: &str, blamed: &str, resource: Resource) -> f64 {
        let matching =
            |line: &&Apportioned| line.waiting == waiting && line.blamed == blamed && line.resource == resource;
        lines.iter().filter(matching).map(|line| line.seconds).sum()
    }

    #[test]
    fn waiting_is_split_by_use() {
        let mut blame = Blame::default();
        let waits = by_party(&[("a", 0.8), ("b", 0.0), ("c", 0.1)]);
        let uses = by_party(&[("a", 0.3), ("b", 0.9), ("c", 0.0)]);
        blame.window(Resource::RunQueue, &waits, &uses);
        blame.window(Resource::Wal, &by_party(&[("a", 1.0)]), &by_party(&[("c", 8192.0)]));
        let lines = blame.lines();
        let queued = |waiting, blamed| of(&lines, waiting, blamed, Resource::RunQueue);
        assert!((queued("a", "b") - 0.6).abs() < 1e-12 && (queued("a", "a") - 0.2).abs() < 1e-12);
        assert!((queued("c", "b") - 0.075).abs() < 1e-12);
        assert_eq!(queued("b", "a"), 0.0);
        assert_eq!(of(&lines, "a", "c", Resource::Wal), 1.0);
    }

    #[test]
    fn what_nobody_used_is_nobodys_doing_and_is_not_lost() {
        let mut blame = Blame::default();
        blame.window(Resource::DataIo, &by_party(&[("a", 0.5)]), &ByParty::new());
        assert_eq!(of(&blame.lines(), "a", UNKNOWN, Resource::DataIo), 0.5);
    }
}
