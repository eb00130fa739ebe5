//! Rates: what each service's requests cost the processors, and from that one set of rates for the whole experiment.

use std::time::Duration;

use super::cell::loads;
use super::driven::{self, Driven};
use crate::Failure;
use crate::design::Cell;
use crate::load::driver::Settings;
use crate::load::schedule::Workload;
use crate::measure::plan::{Options, schedule_seed};
use crate::result::ServiceInfo;
use crate::system::Deployment;

/// Requests per second while costs are measured: low enough that nothing queues.
const PROBE_PER_S: f64 = 80.0;

/// Measures what a request of each service costs (services, database and driver, which shares the machine), and
/// scales the workload's weights so that all together use `options.utilisation` of the processors. The same absolute
/// rates stand in every cell.
pub fn rates(
    deployment: &mut Deployment,
    workload: &Workload,
    services: &[String],
    options: &Options,
) -> Result<Vec<ServiceInfo>, Failure> {
    let each = options.preset.calibration() / services.len().max(1) as u32;
    let mut infos = Vec::new();
    for name in services {
        let Some(of) = workload.services.get(name) else {
            continue;
        };
        eprintln!("Measuring what a request of {name} costs …");
        let mut info = ServiceInfo {
            name: name.clone(),
            rate_per_s: PROBE_PER_S,
            cpu_s_per_request: 0.0,
            knee_per_s: None,
            endpoints: of.endpoints.iter().map(|endpoint| (endpoint.name.clone(), endpoint.share)).collect(),
        };
        // Once to warm up, once to measure.
        drive(deployment, workload, &info, each / 3, options)?;
        info.cpu_s_per_request = drive(deployment, workload, &info, each * 2 / 3, options)?;
        infos.push(info);
    }
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64;
    let weight = |info: &ServiceInfo| workload.services.get(&info.name).map_or(0.0, |of| of.weight);
    let cost: f64 = infos.iter().map(|info| weight(info) * info.cpu_s_per_request).sum();
    if cost <= 0.0 {
        return Err(Failure::could_not_run("The cost of a request can't be measured: is /proc readable?"));
    }
    let scale = options.utilisation * cpus / cost;
    for info in &mut infos {
        let own = workload.services.get(&info.name).and_then(|of| of.rate_per_s);
        info.rate_per_s = own.unwrap_or_else(|| (weight(info) * scale).max(options.preset.rate_min_per_s()));
    }
    Ok(infos)
}

/// Drives one service alone; processor seconds of the whole machine per request.
fn drive(
    deployment: &Deployment,
    workload: &Workload,
    info: &ServiceInfo,
    duration: Duration,
    options: &Options,
) -> Result<f64, Failure> {
    let cell = Cell::Alone { service: info.name.clone() };
    // A replicate of its own number, so that calibration repeats no request of the experiment.
    let seed = schedule_seed(options.seed, usize::from(u16::MAX), &cell);
    let loads = loads(deployment, workload, std::slice::from_ref(info), duration, seed)?;
    let settings = Settings { settle: Duration::ZERO, ..Settings::default() };
    let Driven { records, used_s } = driven::drive(deployment, &loads, settings)?;
    let requests: u64 = records.iter().map(|record| record.offered).sum();
    if let Some(bad) = records.iter().find(|record| record.goodput_per_s() < 0.5 * info.rate_per_s) {
        let outcomes: Vec<String> =
            bad.response.iter().map(|(outcome, histogram)| format!("{outcome:?} {}", histogram.count())).collect();
        return Err(Failure::could_not_run(format!(
            "{} doesn't answer as the contract says, so there is nothing to measure: {}.",
            info.name,
            outcomes.join(", ")
        )));
    }
    Ok(used_s / requests.max(1) as f64)
}
