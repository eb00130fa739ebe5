//! V13: five stubs that share nothing, measured and analysed as five services are: none may seem to be slowed.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::driver::load;
use super::shared::{outcome, stopped};
use super::stub::{Law, Stub};
use crate::Failure;
use crate::design::{Cell, cells, order};
use crate::load::driver::{self, Load, Settings};
use crate::measure::cell::driver_late;
use crate::observe;
use crate::result::{CellResult, LedgerResult, Metric, SelfTest, ServiceResult, analyse};

/// As the demo: each alone against all together. Two minutes.
const REPLICATES: usize = 8;
const MEASURE: Duration = Duration::from_millis(2000);
const SETTLE: Duration = Duration::from_millis(200);
/// Slow enough that the processors are idle most of the time: what the stubs share is theirs alone then.
const RATE_PER_S: f64 = 100.0;
const LAW: Law = Law { mean: Duration::from_millis(5), stall: Duration::ZERO, cycle: Duration::from_secs(5) };

/// The whole analysis of a demo on what can't interfere.
pub fn stubs(stop: &AtomicBool) -> Result<SelfTest, Failure> {
    let names = ["first", "second", "third", "fourth", "fifth"].map(str::to_owned);
    let stubs: Vec<Stub> =
        (0..names.len() as u64).map(|seed| Stub::start(LAW, seed)).collect::<Result<_, Failure>>()?;
    let mut all = cells(&names, &["first".to_owned()], &[]);
    all.retain(|cell| !matches!(cell, Cell::Pair { .. }));
    let settings = Settings { settle: SETTLE, ..Settings::default() };
    let mut done = Vec::new();
    for replicate in 0..REPLICATES {
        for (place, cell) in order(&all, 1, replicate).into_iter().enumerate() {
            stopped(stop)?;
            let members = cell.members(&names);
            let driven = names.iter().zip(&stubs).filter(|(name, _)| members.contains(&name.as_str()));
            let loads: Vec<Load> = driven
                .map(|(name, stub)| load(name, &stub.url(), RATE_PER_S, SETTLE + MEASURE, replicate as u64))
                .collect::<Result<_, Failure>>()?;
            let records = driver::run(&loads, settings)?;
            done.push(CellResult {
                cell,
                replicate,
                order: place,
                started_s: 0.0,
                valid: true,
                warnings: driver_late(&records),
                services: records.iter().map(ServiceResult::new).collect(),
                roles: BTreeMap::new(),
                ledger: LedgerResult::default(),
                observer_cpu: 0.0,
                driver_cpu: 0.0,
                foreign_cpu: 0.0,
                control_workload: None,
            });
        }
    }
    judge(&done)
}

fn judge(cells: &[CellResult]) -> Result<SelfTest, Failure> {
    let cpus = observe::machine().cpus;
    let matrix = analyse(cells, cpus)?;
    let of = |metric: Metric| {
        let entries: Vec<_> = matrix.entries.iter().filter(|of| of.metric == metric && of.enough_data).collect();
        let alarms = entries.iter().filter(|of| matrix.verdict(of).is_significant()).count();
        (alarms, entries.len())
    };
    let (median, share) = (of(Metric::P50), of(Metric::OneIn20));
    let enough = median.1 == 5 && share.1 == 5;
    let found = format!(
        "five stubs that share nothing, analysed as a demo: {} of {} medians and {} of {} shares above the own p95 significant, {} of {} \
         measurements left out",
        median.0,
        median.1,
        share.0,
        share.1,
        matrix.suspect.len(),
        cells.len()
    );
    Ok(outcome("V13", enough.then_some(median.0 + share.0 == 0), found))
}
