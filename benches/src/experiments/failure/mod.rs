//! `lab failure`: what the failure of each part does to every service.
//!
//! The honest counterpart of an uptime chain: with a shared database a stopped service takes no other one down, and a
//! stopped database takes all down. So besides each service's share of good answers it says how long four or more were down at
//! once, how soon all was well again, and whether every acknowledged write was still there.
//!
//! Where the services call each other ([`Architecture::ApiCentric`]) each database is stopped, too, and each service made slow;
//! and every endpoint's answers are compared with what the table of edges says.
//!
//! Where copies are fed from a log ([`Architecture::SelfContained`]) its parts are stopped, too; and somebody watches how old what Registry shows
//! of Profile gets, and how soon it is up to date again.

mod breaks;
mod cells;
mod noticed;
mod outcome;
mod rule;
mod slow;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Failure;
use crate::data::Size;
use crate::design;
use crate::load::driver::{self, Load, Settings};
use crate::load::schedule::{EDGES, MATRIX, ServiceWorkload, Workload};
use crate::measure::plan::{begin, schedule_seed};
use crate::measure::{audit, cell, staleness};
use crate::result::{Measured, ServiceInfo};
use crate::system::{Architecture, Deployment, Layout, Relayed, Site};
pub use breaks::Break;
pub use cells::{Cell, Share};
use cells::{Span, cells};
pub use noticed::Noticed;
use noticed::noticed;
pub use outcome::{FailureMatrix, Row};
pub use rule::Expected;
pub use slow::Slowdown;
use slow::slowdowns;
pub use watch::Answers;
use watch::Watch;

/// All is well for this long before anything is broken.
const BEFORE: Duration = Duration::from_secs(2);
/// How long it is watched after it was repaired.
const AFTER: Duration = Duration::from_secs(10);
/// How often a service becomes slow: as often as the interval of a p95 needs.
const SLOW_ROUNDS: u32 = 8;
/// Requests per second of all services together.
const RATE_PER_S: f64 = 150.0;
/// Where they call each other: as many as the p95 of those that don't need a slow part asks for.
pub(crate) const EDGES_RATE_PER_S: f64 = 200.0;
/// A caller gives up after this.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is broken, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which system.
    pub layout: Layout,
    /// Of so many rows.
    pub size: Size,
    /// In this order.
    pub breaks: Vec<Break>,
    /// Seconds that each stays broken; a slow one for a quarter of that, eight times.
    pub seconds: u64,
    /// Requests per second of all services together; none: the usual ones of the architecture.
    pub rate_per_s: Option<f64>,
    /// Seed of data and requests.
    pub seed: u64,
    /// Services built for load.
    pub optimised: bool,
}

/// Breaks one part after the other, all services under load.
///
/// # Errors
/// When the system hasn't got a part, or something can't be started, broken or repaired.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<Measured<FailureMatrix>, Failure> {
    let architecture = options.layout.architecture;
    if let Some(other) = options.breaks.iter().find(|one| !Break::all(architecture).contains(one)) {
        let names: Vec<String> = Break::all(architecture).into_iter().map(Break::name).collect();
        return Err(Failure::usage(format!(
            "{} isn't broken in the architecture {}: there are {}.",
            other.name(),
            architecture.name(),
            names.join(", ")
        )));
    }
    let relayed = if architecture == Architecture::ApiCentric { Relayed::Calls } else { Relayed::Nothing };
    let layout = Layout { relayed, ..options.layout };
    let deployment = Deployment::filled_as(layout, options.size, options.seed, options.optimised, stop)?;
    let (mix, usual) = match architecture {
        Architecture::SharedDatabase | Architecture::SelfContained => (MATRIX, RATE_PER_S),
        Architecture::ApiCentric => (EDGES, EDGES_RATE_PER_S),
    };
    let mix = Mix::of(mix, options.rate_per_s.unwrap_or(usual))?;
    let plan = json!({
        "architecture": architecture.name(),
        "engines": layout.engines.count(),
        "cacheTtlMs": layout.cache_ttl.to_string(),
        "seconds": options.seconds,
        "ratePerS": mix.rate_per_s(),
        "seed": options.seed,
    });
    let head = begin(&deployment, plan)?;
    let all = Lengths { seconds: options.seconds, after: AFTER, seed: options.seed };
    let rows = rows(&deployment, &options.breaks, &mix, all, stop)?;
    Ok(head.with(FailureMatrix { rates_per_s: mix.rates_per_s, rows }))
}

/// How long, and by which requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// That each stays broken.
    pub(crate) seconds: u64,
    /// That it is watched after it was repaired.
    pub(crate) after: Duration,
    /// Of the requests.
    pub(crate) seed: u64,
}

/// Breaks these parts of a running system, one after the other.
pub(crate) fn rows(
    deployment: &Deployment,
    breaks: &[Break],
    mix: &Mix,
    Lengths { seconds, after, seed }: Lengths,
    stop: &AtomicBool,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for (number, broken) in breaks.iter().enumerate().take_while(|_| !stop.load(Ordering::Relaxed)) {
        eprintln!("{} for {seconds} s …", broken.title());
        let (well, long, rounds) = lengths(*broken, Duration::from_secs(seconds));
        let seed = schedule_seed(seed, number, &design::Cell::All);
        let loads = mix.loads(deployment, (well + long) * rounds + after, seed)?;
        rows.push(break_one(deployment, *broken, (well, long, rounds), loads)?);
    }
    Ok(rows)
}

/// A mix of requests, and how many per second of each service.
pub(crate) struct Mix {
    pub(crate) workload: Workload,
    rates_per_s: BTreeMap<String, f64>,
}

impl Mix {
    /// So many requests per second of all services together.
    pub(crate) fn of(mix: &str, rate_per_s: f64) -> Result<Self, Failure> {
        let workload =
            Workload::parse(mix).map_err(|error| Failure::usage(format!("the built-in workload: {error}")))?;
        let total: f64 = workload.services.values().map(|of| of.weight).sum();
        let rate = |(name, of): (&String, &ServiceWorkload)| (name.clone(), rate_per_s * of.weight / total);
        Ok(Self { rates_per_s: workload.services.iter().map(rate).collect(), workload })
    }

    /// What drives a deployment with it for so long.
    pub(crate) fn loads(&self, deployment: &Deployment, lasts: Duration, seed: u64) -> Result<Vec<Load>, Failure> {
        cell::loads(deployment, &self.workload, &self.infos(), lasts, seed)
    }

    /// Each service at its rate.
    pub(crate) fn infos(&self) -> Vec<ServiceInfo> {
        self.rates_per_s.iter().map(|(name, rate)| ServiceInfo::at(name, *rate)).collect()
    }

    /// Of all services together.
    pub(crate) fn rate_per_s(&self) -> f64 {
        self.rates_per_s.values().sum()
    }
}

/// How long all is well and how long it isn't, and how often.
fn lengths(broken: Break, seconds: Duration) -> (Duration, Duration, u32) {
    match broken {
        Break::Slow(_) => (seconds / 4, seconds / 4, SLOW_ROUNDS),
        _ => (BEFORE, seconds, 1),
    }
}

/// Everybody under load; broken and repaired meanwhile.
fn break_one(
    deployment: &Deployment,
    broken: Break,
    (well, long, rounds): (Duration, Duration, u32),
    mut loads: Vec<Load>,
) -> Result<Row, Failure> {
    let watch = Watch::default();
    for load in &mut loads {
        if let Some(answered) = load.answered.take() {
            load.answered = Some(watch.of(&load.service, answered));
        }
    }
    let endpoints = loads.iter().map(|load| (load.service.clone(), load.endpoints.clone())).collect();
    let settings = Settings { timeout: PATIENCE, ..Settings::default() };
    let with_log = deployment.layout().architecture == Architecture::SelfContained;
    let staleness = with_log.then(|| staleness::Watch::start(deployment)).transpose()?;
    // Both end with this function, also where something can't be broken or repaired.
    let driving = driver::start(loads, settings);
    let mut spans = Vec::new();
    for _ in 0..rounds {
        let at_well = Instant::now();
        std::thread::sleep(well);
        let begun = Instant::now();
        let held = broken.begin(deployment)?;
        let at_broken = Instant::now();
        std::thread::sleep((begun + long).saturating_duration_since(at_broken));
        let repaired = Instant::now();
        broken.end(deployment, held)?;
        spans.push(Span { well: at_well, begun, broken: at_broken, repaired, back: Instant::now() });
    }
    driving.finish()?;
    let end = Instant::now();
    let staleness = staleness.map(staleness::Watch::finish);
    let counted = count(deployment)?;
    let lost = |name: &str| name.starts_with("acknowledged");
    let sum = |wanted: bool| counted.iter().filter(|(name, _)| lost(name) == wanted).map(|(_, count)| count).sum();
    let (from, repaired) = spans.last().map_or((end, end), |last| (last.begun, last.repaired));
    let calls = watch.calls();
    let architecture = deployment.layout().architecture;
    let own_databases = !architecture.own_databases().is_empty();
    let noticed = |span: &Span| noticed(architecture, broken, &calls, &endpoints, span, end);
    Ok(Row {
        broken: broken.name(),
        title: broken.title(),
        seconds: (repaired - from).as_secs_f64(),
        services: watch.answers(from, repaired, end),
        four_down: watch.together(from, repaired),
        writes_lost: sum(true),
        violations: sum(false),
        cells: if own_databases { cells(architecture, broken, &calls, &endpoints, &spans, end) } else { Vec::new() },
        noticed: spans.last().filter(|_| own_databases).map(noticed).unwrap_or_default(),
        slowdowns: slowdowns(broken, &calls, &endpoints, &spans),
        staleness: staleness.map(|found| found.around(from, repaired)),
        counted,
    })
}

/// What must always hold and doesn't, by name.
fn count(deployment: &Deployment) -> Result<BTreeMap<String, i64>, Failure> {
    let mut sums = BTreeMap::new();
    audit::audit(|| deployment.audited(), &deployment.written().acknowledged(), &mut sums)?;
    sums.retain(|_, count| *count != 0);
    Ok(sums)
}
