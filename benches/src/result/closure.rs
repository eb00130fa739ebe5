//! The closure check: does the ledger account for the time that answers took longer while others ran?
//!
//! Both sides are formed inside a replicate, per request: extra mean latency of the good answers on one side; extra ledger
//! seconds on the other, by what was waited for and who is blamed. The matrix stays the measured effect, the ledger
//! only explains it; where it explains too little or too much, nothing is to be read from it.

use std::collections::BTreeMap;

use schema::blame::Cause as LockCause;
use serde::{Deserialize, Serialize};

use super::cell::{CellResult, DRIVER, Resource, ServiceResult};
use super::combination::{ALONE, others_run, while_running};
use crate::stats::{Difference, MalformedHistogram, paired_difference};

/// Shares of the extra time between which the ledger is believed.
pub const HOLDS: std::ops::RangeInclusive<f64> = 0.7..=1.3;

/// How a line of the ledger came about. The three are never added up but here, where they are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// Seen: the holder of a lock, at the root of the chain.
    Direct,
    /// A model: split by use.
    Apportioned,
    /// The service's own: its queues, and work that takes longer.
    Local,
}

/// What took longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// A lock that another session held.
    Lock(LockCause),
    /// Something without an owner.
    Resource(Resource),
    /// The driver's own wait for a processor, which is part of every latency.
    Driver,
    /// Work: the same requests took more time on a processor.
    OnCpu,
    /// Waiting for a connection of the service's pool.
    PoolWait,
    /// Waiting for one of the service's database threads.
    ThreadWait,
}

/// One line: extra milliseconds per request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClosureLine {
    /// How it is known.
    pub method: Method,
    /// What took longer.
    pub what: What,
    /// Who is blamed; the service itself where it is its own doing.
    pub blamed: String,
    /// Together − alone, milliseconds per request, mean over the replicates.
    pub extra_ms: f64,
}

/// The check of one service while another one, or all, are under load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Closure {
    /// Whose answers.
    #[serde(alias = "victim")]
    pub service: String,
    /// What else was under load: a service, or `all`.
    #[serde(alias = "aggressor")]
    pub while_running: String,
    /// Extra mean latency of its good answers, milliseconds, with its 95 % interval; null below two replicates.
    pub extra_ms: Option<Difference>,
    /// What the ledger adds, largest first.
    pub lines: Vec<ClosureLine>,
    /// Sum of the lines ÷ extra latency; null where the interval doesn't exclude that there is none to explain.
    pub explained: Option<f64>,
    /// Whether that share lies within 70–130 %; null where there is nothing to explain.
    pub holds: Option<bool>,
}

type Key = (Method, What, String);
/// Milliseconds per request, by how that is known, what they went into, and who is blamed.
pub(crate) type Lines = BTreeMap<Key, f64>;
/// (mean latency of good answers in ms, ledger in ms per request) by replicate.
type Arm = BTreeMap<usize, (f64, Lines)>;

/// Every service in every combination.
pub fn closures(cells: &[CellResult]) -> Result<Vec<Closure>, MalformedHistogram> {
    let mut arms: BTreeMap<(String, String), Arm> = BTreeMap::new();
    // Where nobody watched there is no ledger to check.
    for cell in cells.iter().filter(|cell| cell.valid && cell.ledger.samples > 0) {
        for of in &cell.services {
            if let Some(mean_ms) = of.good_mean_ms()? {
                let arm = (of.name.clone(), while_running(&cell.cell, &of.name));
                let one = (mean_ms, lines(cell, of));
                arms.entry(arm).or_default().insert(cell.replicate, one);
            }
        }
    }
    let combinations = arms.iter().filter(|((_, other), _)| others_run(other));
    Ok(combinations
        .filter_map(|((service, other), together)| {
            let alone = arms.get(&(service.clone(), ALONE.to_owned()))?;
            Some(closure(service, other, alone, together))
        })
        .collect())
}

fn closure(service: &str, while_running: &str, alone: &Arm, together: &Arm) -> Closure {
    let pairs: Vec<_> =
        alone.iter().filter_map(|(replicate, before)| Some((before, together.get(replicate)?))).collect();
    let means: Vec<(f64, f64)> = pairs.iter().map(|(before, after)| (before.0, after.0)).collect();
    let extra_ms = paired_difference(&means);
    let mut sums = Lines::new();
    for (before, after) in &pairs {
        for (key, ms) in &after.1 {
            *sums.entry(key.clone()).or_default() += ms / pairs.len() as f64;
        }
        for (key, ms) in &before.1 {
            *sums.entry(key.clone()).or_default() -= ms / pairs.len() as f64;
        }
    }
    let mut lines: Vec<ClosureLine> = sums
        .into_iter()
        .map(|((method, what, blamed), extra_ms)| ClosureLine { method, what, blamed, extra_ms })
        .collect();
    lines.sort_by(|a, b| b.extra_ms.total_cmp(&a.extra_ms));
    let sum: f64 = lines.iter().map(|line| line.extra_ms).sum();
    let explained = extra_ms.filter(|extra| extra.low > 0.0).map(|extra| sum / extra.mean);
    Closure {
        service: service.to_owned(),
        while_running: while_running.to_owned(),
        extra_ms,
        lines,
        explained,
        holds: explained.map(|share| HOLDS.contains(&share)),
    }
}

/// A service's ledger in one cell, milliseconds per request of it.
pub(crate) fn lines(cell: &CellResult, of: &ServiceResult) -> Lines {
    let service = of.name.as_str();
    // What was driven before the measured part waited too; older files don't tell how much that was.
    let requests = of.driven.max(of.offered).max(1) as f64;
    let mut lines = Lines::new();
    let mut add = |method, what, blamed: &str, ms: f64| {
        *lines.entry((method, what, blamed.to_owned())).or_default() += ms;
    };
    for entry in cell.ledger.entries.iter().filter(|entry| entry.waiting == service) {
        let ms = entry.seconds * 1000.0 / requests;
        add(Method::Direct, What::Lock(entry.cause), &entry.root, ms);
    }
    let requests_of_all: u64 = cell.services.iter().map(|of| of.driven.max(of.offered)).sum();
    for line in &cell.ledger.apportioned {
        if line.waiting == service {
            let ms = line.seconds * 1000.0 / requests;
            add(Method::Apportioned, What::Resource(line.resource), &line.blamed, ms);
        } else if line.waiting == DRIVER {
            // All requests wait alike for the driver.
            let ms = line.seconds * 1000.0 / requests_of_all.max(1) as f64;
            add(Method::Apportioned, What::Driver, &line.blamed, ms);
        }
    }
    if let Some(cost) = cell.roles.get(service) {
        let ms = (cost.cpu_s + cost.process_cpu_s) * 1000.0 / requests;
        add(Method::Local, What::OnCpu, service, ms);
    }
    if let Some([queue, pool, ..]) = of.server_timing_ms {
        add(Method::Local, What::ThreadWait, service, queue);
        add(Method::Local, What::PoolWait, service, pool);
    }
    lines
}

#[cfg(test)]
mod tests;
