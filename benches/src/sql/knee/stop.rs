//! What stops a service at a rate: where the time went that its transactions take longer than at a lower rate.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::result::text::capital;
use crate::result::{CellResult, Resource, What, ledger_lines};
use crate::stats::Histogram;

/// A transaction that takes less than so many times longer isn't what keeps connections busy: there are too few.
const LONGER: f64 = 1.5;

/// What was in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Obstacle {
    /// Others, or its own sessions, had the processors; or its work takes longer on them.
    Processor,
    /// A lock that a session held.
    Lock,
    /// Data files, or the write-ahead log.
    Io,
    /// A lock inside the server, which nobody can be named for.
    Internal,
    /// All its connections were busy while each transaction took hardly longer.
    Connections,
    /// What was observed explains nothing.
    Unknown,
}

/// Whose limit was passed, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// The service.
    pub service: String,
    /// What was in the way most.
    pub obstacle: Obstacle,
    /// How much longer its transactions take by that, milliseconds each; by connections: how long they wait for one.
    pub extra_ms: f64,
    /// Whose doing it was; null where nobody is named.
    pub blamed: Option<String>,
}

/// What stops `service` in a cell, compared with one at a lower rate; with nothing, where the limit was passed at all rates.
pub fn what_stops(low: Option<&CellResult>, high: &CellResult, service: &str) -> Option<Stop> {
    let after = Times::of(high, service)?;
    let before = low.and_then(|cell| Times::of(cell, service)).unwrap_or_default();
    let stop = |obstacle, extra_ms, blamed| Stop { service: service.to_owned(), obstacle, extra_ms, blamed };
    let waited_ms = after.waiting_ms - before.waiting_ms;
    let longer_ms = after.working_ms - before.working_ms;
    let few = low.is_some() && after.working_ms < LONGER * before.working_ms && waited_ms > longer_ms;
    if few {
        return Some(stop(Obstacle::Connections, waited_ms, None));
    }
    let mut extra: BTreeMap<Obstacle, BTreeMap<String, f64>> = BTreeMap::new();
    for (times, sign) in [(after, 1.0), (before, -1.0)] {
        for ((obstacle, blamed), ms) in times.ledger {
            *extra.entry(obstacle).or_default().entry(blamed).or_default() += sign * ms;
        }
    }
    let sum = |by: &BTreeMap<String, f64>| by.values().sum::<f64>();
    let most = extra.iter().max_by(|a, b| sum(a.1).total_cmp(&sum(b.1)))?;
    if sum(most.1) <= 0.0 {
        return Some(stop(Obstacle::Unknown, longer_ms, None));
    }
    let blamed = most.1.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(name, _)| name.clone());
    Some(stop(*most.0, sum(most.1), blamed))
}

/// Of one service in one cell, per transaction.
#[derive(Default)]
struct Times {
    /// Until it began.
    waiting_ms: f64,
    /// From then on.
    working_ms: f64,
    ledger: BTreeMap<(Obstacle, String), f64>,
}

impl Times {
    fn of(cell: &CellResult, service: &str) -> Option<Self> {
        let of = cell.services.iter().find(|of| of.name == service)?;
        let mean_ms = |text: &str| Some(Histogram::decode(text).ok()?.mean_us()? / 1000.0);
        let mut ledger: BTreeMap<(Obstacle, String), f64> = BTreeMap::new();
        for ((_, what, blamed), ms) in ledger_lines(cell, of) {
            let obstacle = match what {
                What::Lock(_) => Obstacle::Lock,
                What::Resource(Resource::DataIo | Resource::Wal) => Obstacle::Io,
                What::Resource(Resource::LightweightLock) => Obstacle::Internal,
                _ => Obstacle::Processor,
            };
            *ledger.entry((obstacle, blamed)).or_default() += ms;
        }
        Some(Self { waiting_ms: mean_ms(&of.lag)?, working_ms: mean_ms(&of.service_time)?, ledger })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, extra_ms, .. } = self;
        let (name, by) = (capital(service), format!("{extra_ms:.1} ms more of each transaction"));
        match self.obstacle {
            Obstacle::Processor => {
                write!(f, "What stops {name} is the processor: {by} went into work and into waiting for a processor")?
            }
            Obstacle::Lock => write!(f, "What stops {name} is a lock: {by} went into waiting for it")?,
            Obstacle::Io => {
                write!(f, "What stops {name} is I/O: {by} went into waiting for data files and the write-ahead log")?
            }
            Obstacle::Internal => {
                write!(f, "What stops {name} is a lock inside the server: {by} went into waiting for it")?
            }
            Obstacle::Connections => {
                return write!(
                    f,
                    "What stops {name} are its connections: all are busy, and each transaction waits {extra_ms:.1} ms more for one, while it takes \
                     hardly longer itself."
                );
            }
            Obstacle::Unknown => return write!(f, "What stops {name} was not observed."),
        }
        match &self.blamed {
            Some(who) if who == service => f.write_str(", by its own doing."),
            Some(who) => write!(f, ", most of it because of {}.", capital(who)),
            None => f.write_str("."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_for_each() {
        let stop = |obstacle, blamed: Option<&str>| {
            Stop { service: "pay".into(), obstacle, extra_ms: 12.34, blamed: blamed.map(str::to_owned) }.to_string()
        };
        let own = stop(Obstacle::Processor, Some("pay"));
        assert!(own.contains("the processor: 12.3 ms") && own.ends_with("by its own doing."), "{own}");
        assert!(stop(Obstacle::Lock, Some("rep")).ends_with("because of Rep."));
        assert!(stop(Obstacle::Connections, None).contains("its connections"));
    }
}
