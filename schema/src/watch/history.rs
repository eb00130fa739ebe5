//! Blocked seconds per second, over the last ten minutes.

use std::collections::{BTreeMap, VecDeque};

use super::view::{Blocked, Second};
use crate::blame::{Entry, Ledger};
use crate::coupling::owners::stem;

/// Seconds that are kept.
const KEPT: usize = 600;

/// Fills itself from a ledger that goes on.
#[derive(Debug, Default)]
pub struct History {
    seconds: VecDeque<Second>,
    booked: BTreeMap<(String, String), f64>,
}

impl History {
    /// Ends a second: what the ledger has beyond the last one.
    pub fn end_second(&mut self, at_ms: i64, ledger: &Ledger) {
        let mut all: BTreeMap<(String, String), f64> = BTreeMap::new();
        for Entry { waiting, root, seconds, .. } in ledger.entries() {
            *all.entry((stem(&waiting).to_owned(), stem(&root).to_owned())).or_default() += seconds;
        }
        let new = |(pair, seconds): (&(String, String), &f64)| {
            let seconds = seconds - self.booked.get(pair).unwrap_or(&0.0);
            (seconds > 0.0005).then(|| Blocked { waiting: pair.0.clone(), by: pair.1.clone(), seconds })
        };
        let mut blocked: Vec<_> = all.iter().filter_map(new).collect();
        blocked.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        self.seconds.push_back(Second { at_ms, blocked });
        if self.seconds.len() > KEPT {
            self.seconds.pop_front();
        }
        self.booked = all;
    }

    /// Oldest first.
    pub fn seconds(&self) -> impl Iterator<Item = &Second> {
        self.seconds.iter()
    }
}
