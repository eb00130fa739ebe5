//! `lab failure`: what each part's outage does to every service.
//!
//! The honest counterpart of an uptime chain: with a shared database a stopped service takes nobody along, and a stopped
//! database takes everybody. So besides each service's share of good answers it says how long four or more were down at
//! once, how soon all was well again, and whether every acknowledged write was still there.

mod breaks;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::data::{Size, connect};
use crate::design::Cell;
use crate::load::driver::{self, Load, Settings};
use crate::load::schedule::Workload;
use crate::measure::plan::schedule_seed;
use crate::measure::{audit, cell};
use crate::result::ServiceInfo;
use crate::system::{Deployment, Site};
pub use breaks::Break;
use watch::Watch;

/// A service counts as down while less than this part of its answers is good.
const DOWN: f64 = 0.5;
/// All is well for this long before anything is broken.
const BEFORE: Duration = Duration::from_secs(2);
/// How long it is watched after it was mended.
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

/// What one service answered while something was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    /// Calls that ended meanwhile: answered, refused, or given up after two seconds.
    pub all: u64,
    /// Answers that the contract promises.
    pub good: u64,
    /// From the mending to its last failure; null where it still failed when the watching ended.
    pub recovered_ms: Option<u64>,
}

/// One row of the matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// What was broken.
    pub broken: String,
    /// In words.
    pub title: String,
    /// Seconds from the breaking to the order to mend it.
    pub seconds: f64,
    /// By service.
    pub services: BTreeMap<String, Answers>,
    /// Part of that time in which four services or more were down at once.
    pub four_down: f64,
    /// Acknowledged creations and changes that are missing afterwards. Expected 0.
    pub writes_lost: i64,
    /// Everything else that must always hold and didn't. Expected 0.
    pub violations: i64,
}

/// The whole matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailureMatrix {
    /// RFC 3339.
    pub at: String,
    /// PostgreSQL's version.
    pub server: String,
    /// Requests per second, by service.
    pub rates_per_s: BTreeMap<String, f64>,
    /// In the order they were broken.
    pub rows: Vec<Row>,
}

/// Breaks one part after the other, all services under load.
///
/// # Errors
/// When something can't be started, broken or mended.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<FailureMatrix, Failure> {
    let deployment = Deployment::filled(Size::SMALL, options.seed, options.optimised, stop)?;
    let workload = Workload::parse(crate::load::schedule::MATRIX)
        .map_err(|error| Failure::usage(format!("the built-in workload: {error}")))?;
    let total: f64 = workload.services.values().map(|of| of.weight).sum();
    let rates: BTreeMap<String, f64> =
        workload.services.iter().map(|(name, of)| (name.clone(), options.rate_per_s * of.weight / total)).collect();
    let mut matrix = FailureMatrix {
        at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        server: deployment.postgres_info()?.version,
        rates_per_s: rates,
        rows: Vec::new(),
    };
    for (number, broken) in options.breaks.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        eprintln!("{} for {} s …", broken.title(), options.seconds);
        let loads = loads(&deployment, &workload, &matrix.rates_per_s, options, number)?;
        matrix.rows.push(outage(&deployment, *broken, options, loads)?);
    }
    Ok(matrix)
}

fn loads(
    deployment: &Deployment,
    workload: &Workload,
    rates: &BTreeMap<String, f64>,
    options: &Options,
    number: usize,
) -> Result<Vec<Load>, Failure> {
    let infos: Vec<ServiceInfo> = rates
        .iter()
        .map(|(name, rate)| ServiceInfo {
            name: name.clone(),
            rate_per_s: *rate,
            cpu_s_per_request: 0.0,
            knee_per_s: None,
            endpoints: BTreeMap::new(),
        })
        .collect();
    let duration = BEFORE + Duration::from_secs(options.seconds) + AFTER;
    let seed = schedule_seed(options.seed, number, &Cell::All);
    cell::loads(deployment, workload, &infos, duration, seed)
}

/// Everybody under load; broken and mended meanwhile.
fn outage(deployment: &Deployment, broken: Break, options: &Options, mut loads: Vec<Load>) -> Result<Row, Failure> {
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
    let mended = Instant::now();
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
        seconds: (mended - from).as_secs_f64(),
        services: watch.answers(from, mended, end),
        four_down: watch.together(from, mended),
        writes_lost: sum(true),
        violations: sum(false),
    })
}

impl Row {
    /// Whether nothing acknowledged was lost and everything holds that must.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.writes_lost == 0 && self.violations == 0
    }
}

impl Answers {
    /// Good answers, of all.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.good as f64 / self.all.max(1) as f64
    }
}

impl std::fmt::Display for FailureMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "Good answers of each service while something was broken, % (and seconds until well again after it was mended)\n"
        )?;
        write!(f, "{:34}", "")?;
        for name in self.rates_per_s.keys() {
            write!(f, "{name:>18}")?;
        }
        writeln!(f, "{:>12}{:>12}", "4 down", "writes lost")?;
        for row in &self.rows {
            write!(f, "{:34}", row.title)?;
            for name in self.rates_per_s.keys() {
                let cell = row.services.get(name).map_or_else(
                    || "–".into(),
                    |of| match of.recovered_ms {
                        Some(ms) => {
                            format!("{:.1} ({:.1})", of.share() * 100.0, ms as f64 / 1000.0)
                        }
                        None => format!("{:.1} (not yet)", of.share() * 100.0),
                    },
                );
                write!(f, "{cell:>18}")?;
            }
            writeln!(f, "{:>10.0} %{:>12}", row.four_down * 100.0, row.writes_lost)?;
        }
        Ok(())
    }
}
