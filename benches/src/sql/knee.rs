//! `lab sql knee`: the rate at which p99 passes its limit, of each service alone and of all in proportion, and what stops it.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::drive::Drive;
use super::place::{Place, Wanted};
use super::workload::SqlWorkload;
use crate::Failure;
use crate::design::Cell;
use crate::result::text::capital;
use crate::result::{CENSORED_US, CellResult};

mod stop;

use stop::what_stops;
pub use stop::{Obstacle, Stop};

/// What to raise.
#[derive(Clone, Debug)]
pub struct KneeOptions {
    /// The file.
    pub workload: PathBuf,
    /// The database, as a login that may copy and observe it.
    pub url: String,
    /// Of how many rows of each table; none: all.
    pub sample: Option<u64>,
    /// The limit of services that have none in the file, milliseconds.
    pub limit_ms: Option<f64>,
    /// Which services, and all in proportion as `all`; empty: each, and all.
    pub only: Vec<String>,
    /// How long each rate is measured, seconds; longer where a hundred transactions take longer.
    pub seconds: u64,
    /// Seed of schedules and values.
    pub seed: u64,
}

/// From one rate to the next.
const STEP: f64 = 1.5;
/// Steps upwards, or downwards, at the most.
const STEPS: usize = 15;
/// How often the distance between the last rate that keeps the limit and the first that doesn't is halved.
const HALVES: usize = 2;
/// Before it is measured.
const SETTLE: Duration = Duration::from_secs(1);
/// Transactions that a 99th percentile needs.
const NEEDED: f64 = 100.0;
/// However low the rate is.
const MEASURE_MAX_S: u64 = 30;

/// All knees.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Knees {
    /// Each service alone, then all.
    pub knees: Vec<SqlKnee>,
    /// Where it ran.
    pub notes: Vec<String>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SqlKnee {
    /// A service, or `all`.
    pub what: String,
    /// The highest rate that keeps all limits, as a multiple of the file's; null where even the lowest doesn't.
    pub keeps: Option<f64>,
    /// The lowest that doesn't; null where all that were tried do.
    pub passes: Option<f64>,
    /// Whose limit is passed there, and what stops it.
    pub stopped: Option<Stop>,
    /// The rates of the file, per second.
    pub rates_per_s: Vec<(String, f64)>,
    /// In the order in which they ran.
    pub steps: Vec<KneeStep>,
}

/// One rate.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KneeStep {
    /// Multiple of the file's rates.
    pub factor: f64,
    /// Each service that has a limit, its 99th percentile, milliseconds.
    pub p99_ms: Vec<(String, f64)>,
    /// Whether a limit was passed.
    pub passes: bool,
}

/// Raises the rates until a limit is passed. Once `stop` is true it ends after the running step.
///
/// # Errors
/// A usage error where it is refused: see `Place::prepare`; no service has a limit; a script fails.
pub fn knee(options: &KneeOptions, stop: &AtomicBool, say: impl Fn(&str, &KneeStep)) -> Result<Knees, Failure> {
    let mut workload = SqlWorkload::read(&options.workload)?;
    workload.has_others(0)?;
    workload.services.values_mut().for_each(|of| of.p99_limit_ms = of.p99_limit_ms.or(options.limit_ms));
    let limited = |name: &str| workload.services.get(name).is_some_and(|of| of.p99_limit_ms.is_some());
    let mut wanted: Vec<String> = workload.services.keys().filter(|name| limited(name)).cloned().collect();
    if wanted.is_empty() {
        return Err(Failure::usage(
            "No service has a limit for its p99: put p99-limit-ms into the workload file, or type --limit-ms.",
        ));
    }
    wanted.push("all".to_owned());
    if let Some(unknown) = options.only.iter().find(|name| !wanted.contains(name)) {
        return Err(Failure::usage(format!("{unknown} is no service with a limit: there are {}.", wanted.join(", "))));
    }
    wanted.retain(|name| options.only.is_empty() || options.only.contains(name));
    let logins: Vec<String> = workload.logins().into_keys().collect();
    let place = Place::prepare(&options.url, &Wanted::Copy { sample: options.sample }, &logins)?;
    let logs = tempfile::tempdir().map_err(|error| Failure::could_not_run(format!("no temporary folder: {error}.")))?;
    let notes = vec![place.how.clone()];
    let mut ramp = Ramp { rates: workload.clone(), drive: Drive::new(workload, place, logs.path())?, options };
    let mut knees = Vec::new();
    for what in &wanted {
        if !stop.load(Ordering::Relaxed) {
            ramp.drive.place.reset()?;
            knees.push(ramp.find(what, stop, &say)?);
        }
    }
    Ok(Knees { knees, notes })
}

struct Ramp<'a> {
    /// As the file has them.
    rates: SqlWorkload,
    drive: Drive,
    options: &'a KneeOptions,
}

/// A rate that was measured.
struct Measured {
    factor: f64,
    cell: CellResult,
    /// Whose limit is passed most.
    passed: Option<String>,
}

impl Ramp<'_> {
    fn find(&mut self, what: &str, stop: &AtomicBool, say: &impl Fn(&str, &KneeStep)) -> Result<SqlKnee, Failure> {
        let mut steps = Vec::new();
        let (mut keeps, mut passes): (Option<Measured>, Option<Measured>) = (None, None);
        let mut lowest: Option<Measured> = None;
        let (mut factor, mut halves) = (1.0, 0);
        while steps.len() < STEPS + HALVES && halves <= HALVES && !stop.load(Ordering::Relaxed) {
            let mut of = self.step(what, factor, steps.len())?;
            // What passes once may have been disturbed.
            if of.passed.is_some() {
                of = self.step(what, factor, steps.len() + STEPS)?;
            }
            let step = KneeStep { factor, p99_ms: self.p99s(&of.cell)?, passes: of.passed.is_some() };
            say(what, &step);
            steps.push(step);
            if of.passed.is_some() {
                passes = Some(of);
            } else {
                if lowest.as_ref().is_none_or(|lowest| of.factor < lowest.factor) {
                    lowest = Some(Measured { factor, cell: of.cell.clone(), passed: None });
                }
                keeps = Some(of);
            }
            factor = match (&keeps, &passes) {
                (Some(low), Some(high)) => {
                    halves += 1;
                    (low.factor * high.factor).sqrt()
                }
                (Some(_), None) => factor * STEP,
                (None, _) => factor / STEP,
            };
        }
        let stopped = passes
            .as_ref()
            .and_then(|high| what_stops(lowest.as_ref().map(|of| &of.cell), &high.cell, high.passed.as_deref()?));
        let members = self.rates.services.iter().filter(|(name, _)| what == "all" || *name == what);
        Ok(SqlKnee {
            what: what.to_owned(),
            keeps: keeps.map(|of| of.factor),
            passes: passes.map(|of| of.factor),
            stopped,
            rates_per_s: members.map(|(name, of)| (name.clone(), of.rate_per_s)).collect(),
            steps,
        })
    }

    fn step(&mut self, what: &str, factor: f64, number: usize) -> Result<Measured, Failure> {
        for (name, of) in &mut self.drive.workload.services {
            of.rate_per_s = self.rates.services[name].rate_per_s * factor;
        }
        let cell = match what {
            "all" => Cell::All,
            service => Cell::Alone { service: service.to_owned() },
        };
        let names: Vec<String> = self.rates.services.keys().cloned().collect();
        let limited = cell.members(&names).into_iter().map(|name| &self.drive.workload.services[name]);
        let slowest =
            limited.filter(|of| of.p99_limit_ms.is_some()).map(|of| of.rate_per_s).fold(f64::INFINITY, f64::min);
        let seconds =
            ((NEEDED / slowest).ceil() as u64).clamp(self.options.seconds, MEASURE_MAX_S.max(self.options.seconds));
        let done = self.drive.cell(&cell, (number, 0), self.options.seed, (SETTLE, Duration::from_secs(seconds)))?;
        let above = self.p99s(&done.cell)?.into_iter().filter_map(|(name, p99_ms)| {
            let part = p99_ms / self.drive.workload.services[&name].p99_limit_ms?;
            (part > 1.0).then_some((name, part))
        });
        let passed = above.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name);
        Ok(Measured { factor, cell: done.cell, passed })
    }

    fn p99s(&self, cell: &CellResult) -> Result<Vec<(String, f64)>, Failure> {
        let limited = cell.services.iter().filter(|of| self.drive.workload.services[&of.name].p99_limit_ms.is_some());
        let p99 = limited.map(|of| {
            let all = of.responses(CENSORED_US)?;
            Ok((of.name.clone(), all.quantile_us(0.99).unwrap_or(CENSORED_US) as f64 / 1000.0))
        });
        p99.collect()
    }
}

impl fmt::Display for KneeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p99: Vec<String> = self.p99_ms.iter().map(|(name, ms)| format!("{name} {ms:.1} ms")).collect();
        let verdict = if self.passes { "passes the limit" } else { "keeps it" };
        write!(f, "×{:<6.2} p99 {}: {verdict}", self.factor, p99.join(", "))
    }
}

impl fmt::Display for SqlKnee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |factor: f64| {
            let rates: Vec<String> =
                self.rates_per_s.iter().map(|(name, rate)| format!("{name} {:.1}", rate * factor)).collect();
            format!("×{factor:.2} ({} per second)", rates.join(", "))
        };
        let name =
            if self.what == "all" { "All in proportion".to_owned() } else { format!("{} alone", capital(&self.what)) };
        match (self.keeps, self.passes) {
            (Some(keeps), Some(passes)) => {
                write!(f, "{name}: up to {} the limit is kept, at ×{passes:.2} it is passed.", at(keeps))?
            }
            (Some(keeps), None) => {
                write!(f, "{name}: the limit was kept at all rates that were tried, up to {}.", at(keeps))?
            }
            (None, Some(passes)) => {
                write!(f, "{name}: the limit is passed at all rates that were tried, down to {}.", at(passes))?
            }
            (None, None) => write!(f, "{name}: ended before the first rate.")?,
        }
        self.stopped.as_ref().map_or(Ok(()), |stopped| write!(f, " {stopped}"))
    }
}

impl fmt::Display for Knees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.knees.iter().try_for_each(|knee| writeln!(f, "{knee}"))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
