//! Where one service bends: its rate is raised until its p95 doubles.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::cell::loads;
use super::driven::{self, Driven};
use crate::Failure;
use crate::load::driver::Settings;
use crate::load::schedule::Workload;
use crate::measure::plan::{Options, read_workload};
use crate::result::ServiceInfo;
use crate::system::Deployment;

/// Where the ramp begins.
const FIRST_PER_S: f64 = 50.0;
/// From one step to the next.
const STEP: f64 = 1.5;
/// Steps at the most: some 14,000 requests a second.
const STEPS: usize = 15;
/// How long each step is measured, and how long it runs before.
const MEASURE: Duration = Duration::from_secs(3);
const SETTLE: Duration = Duration::from_millis(500);

/// One rate and what came of it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Requests per second.
    pub rate_per_s: f64,
    /// 95th percentile, milliseconds; failures stand in it at the time-out.
    pub p95_ms: f64,
    /// CPU seconds of service, database and driver per request.
    pub cpu_s_per_request: f64,
    /// Good answers, of all.
    pub good: f64,
    /// The driver's own lateness, 99th percentile, milliseconds.
    pub lag_p99_ms: f64,
}

/// Where it bends.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Knee {
    /// The service.
    pub service: String,
    /// The last rate before the p95 doubled.
    pub rate_per_s: f64,
    /// What a request costs there.
    pub cpu_s_per_request: f64,
    /// Whether it bent at all before the ramp or the driver ended.
    pub found: bool,
    /// The whole ramp.
    pub steps: Vec<Step>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:8.0}/s  p95 {:8.2} ms  {:6.3} ms CPU a request  {:5.1} % good  driver late by {:.2} ms (p99)",
            self.rate_per_s,
            self.p95_ms,
            self.cpu_s_per_request * 1000.0,
            self.good * 100.0,
            self.lag_p99_ms
        )
    }
}

impl fmt::Display for Knee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.found { "bends above" } else { "had not bent yet at" };
        write!(
            f,
            "{} {what} {:.0} requests/s, at {:.3} ms CPU a request.",
            self.service,
            self.rate_per_s,
            self.cpu_s_per_request * 1000.0
        )
    }
}

/// Raises the rate of each of these services (none: of all), with no other load, until its p95 is twice the first step's or
/// less than 99 % is answered well.
pub fn knee(
    options: &Options,
    services: &[String],
    stop: &Arc<AtomicBool>,
    say: impl Fn(&Step),
) -> Result<Vec<Knee>, Failure> {
    let workload = read_workload(options)?;
    let known: Vec<String> = workload.services.keys().cloned().collect();
    if let Some(unknown) = services.iter().find(|name| !known.contains(name)) {
        return Err(Failure::usage(format!("The workload has no {unknown}; it has {}.", known.join(", "))));
    }
    let services = if services.is_empty() { &known } else { services };
    let deployment = Deployment::filled(options.size, options.seed, options.optimised, stop)?;
    let ramped = services.iter().map(|service| {
        eprintln!("Raising {service}'s rate …");
        ramp(&deployment, &workload, service, options.seed, stop, &say)
    });
    ramped.collect()
}

fn ramp(
    deployment: &Deployment,
    workload: &Workload,
    service: &str,
    seed: u64,
    stop: &AtomicBool,
    say: &dyn Fn(&Step),
) -> Result<Knee, Failure> {
    let mut steps: Vec<Step> = Vec::new();
    let mut rate = FIRST_PER_S;
    let mut found = false;
    // The first rate runs once for nothing: caches and connections are made.
    step(deployment, workload, service, rate, seed)?;
    while steps.len() < STEPS && !stop.load(Ordering::Relaxed) {
        let next = step(deployment, workload, service, rate, seed + steps.len() as u64)?;
        say(&next);
        found = steps.first().is_some_and(|first| next.p95_ms > 2.0 * first.p95_ms || next.good < 0.99);
        steps.push(next);
        if found {
            break;
        }
        rate *= STEP;
    }
    let before = steps.len().saturating_sub(if found { 2 } else { 1 });
    let at = steps.get(before).copied().ok_or_else(|| Failure::could_not_run("Ended before the first step."))?;
    Ok(Knee {
        service: service.to_owned(),
        rate_per_s: at.rate_per_s,
        cpu_s_per_request: at.cpu_s_per_request,
        found,
        steps,
    })
}

fn step(
    deployment: &Deployment,
    workload: &Workload,
    service: &str,
    rate_per_s: f64,
    seed: u64,
) -> Result<Step, Failure> {
    let info = ServiceInfo::at(service, rate_per_s);
    let settings = Settings { settle: SETTLE, ..Settings::default() };
    let loads = loads(deployment, workload, &[info], SETTLE + MEASURE, seed)?;
    let sent: usize = loads.iter().map(|load| load.arrivals.len()).sum();
    let Driven { records, used_s } = driven::drive(deployment, &loads, settings)?;
    let record = records.first().ok_or_else(|| Failure::could_not_run("The driver returned nothing."))?;
    let good: u64 =
        record.response.iter().filter(|(outcome, _)| outcome.is_good()).map(|(_, histogram)| histogram.count()).sum();
    let all = record.all_responses(settings.timeout);
    Ok(Step {
        rate_per_s,
        p95_ms: all.quantile_us(0.95).unwrap_or(0) as f64 / 1000.0,
        cpu_s_per_request: used_s / sent.max(1) as f64,
        good: good as f64 / record.offered.max(1) as f64,
        lag_p99_ms: record.lag_summary().p99_us as f64 / 1000.0,
    })
}
