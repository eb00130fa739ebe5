//! `lab failure`: what the failure of each part does to every service.
//!
//! The honest counterpart of an uptime chain: with a shared database a stopped service takes no other one down, and a
//! stopped database takes all down. So besides each service's share of good answers it says how long four or more were down at
//! once, how soon all was well again, and whether every acknowledged write was still there.

mod breaks;
mod outcome;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Failure;
use crate::data::{Size, connect};
use crate::design::Cell;
use crate::load::driver::{self, Load, Settings};
use crate::load::schedule::Workload;
use crate::measure::plan::{begin, schedule_seed};
use crate::measure::{audit, cell};
use crate::result::{Measured, ServiceInfo};
use crate::system::{Deployment, Site};
pub use breaks::Break;
pub use outcome::{Answers, FailureMatrix, Row};
use watch::Watch;

/// All is well for this long before anything is broken.
const BEFORE: Duration = Duration::from_secs(2);
/// How long it is watched after it was repaired.
const AFTER: Duration = Duration::from_secs(10);
/// A caller gives up after this.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is broken, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// In this order.
    pub breaks: Vec<Break>,
    /// Seconds that each stays broken.
    pub seconds: u64,
    /// Requests per second of all services together.
    pub rate_per_s: f64,
    /// Seed of data and requests.
    pub seed: u64,
    /// Services built for load.
    pub optimised: bool,
}

/// Breaks one part after the other, all services under load.
///
/// # Errors
/// When something can't be started, broken or repaired.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<Measured<FailureMatrix>, Failure> {
    let deployment = Deployment::filled(Size::SMALL, options.seed, options.optimised, stop)?;
    let workload = Workload::parse(crate::load::schedule::MATRIX)
        .map_err(|error| Failure::usage(format!("the built-in workload: {error}")))?;
    let total: f64 = workload.services.values().map(|of| of.weight).sum();
    let rates: BTreeMap<String, f64> =
        workload.services.iter().map(|(name, of)| (name.clone(), options.rate_per_s * of.weight / total)).collect();
    let plan = json!({ "seconds": options.seconds, "ratePerS": options.rate_per_s, "seed": options.seed });
    let head = begin(&deployment, plan)?;
    let mut rows = Vec::new();
    for (number, broken) in options.breaks.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        eprintln!("{} for {} s …", broken.title(), options.seconds);
        let loads = loads(&deployment, &workload, &rates, options, number)?;
        rows.push(break_one(&deployment, *broken, options, loads)?);
    }
    Ok(head.with(FailureMatrix { rates_per_s: rates, rows }))
}

fn loads(
    deployment: &Deployment,
    workload: &Workload,
    rates: &BTreeMap<String, f64>,
    options: &Options,
    number: usize,
) -> Result<Vec<Load>, Failure> {
    let infos: Vec<ServiceInfo> = rates.iter().map(|(name, rate)| ServiceInfo::at(name, *rate)).collect();
    let duration = BEFORE + Duration::from_secs(options.seconds) + AFTER;
    let seed = schedule_seed(options.seed, number, &Cell::All);
    cell::loads(deployment, workload, &infos, duration, seed)
}

/// Everybody under load; broken and repaired meanwhile.
fn break_one(deployment: &Deployment, broken: Break, options: &Options, mut loads: Vec<Load>) -> Result<Row, Failure> {
    let watch = Watch::default();
    for load in &mut loads {
        if let Some(answered) = load.answered.take() {
            load.answered = Some(watch.of(&load.service, answered));
        }
    }
    let settings = Settings { timeout: PATIENCE, ..Settings::default() };
    let driving = std::thread::spawn(move || driver::run(&loads, settings));
    std::thread::sleep(BEFORE);
    let from = Instant::now();
    let held = broken.begin(deployment)?;
    std::thread::sleep(Duration::from_secs(options.seconds));
    let repaired = Instant::now();
    broken.end(deployment, held)?;
    driving
        .join()
        .map_err(|_| Failure::could_not_run("The driver ended early."))?
        .map_err(|error| Failure::could_not_run(format!("{error}.")))?;
    let end = Instant::now();
    let mut sums = BTreeMap::new();
    let acknowledged = deployment.written().acknowledged();
    audit::audit(&mut connect(deployment.database_url()?)?, &acknowledged, &mut sums)?;
    let lost = |name: &str| name.starts_with("acknowledged");
    let sum = |wanted: bool| {
        let of = sums.iter().filter(|(name, _)| lost(name) == wanted);
        of.map(|(_, count)| count).sum()
    };
    Ok(Row {
        broken: broken.name().into(),
        title: broken.title(),
        seconds: (repaired - from).as_secs_f64(),
        services: watch.answers(from, repaired, end),
        four_down: watch.together(from, repaired),
        writes_lost: sum(true),
        violations: sum(false),
    })
}
