//! What several of the tests need.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::Failure;
use crate::design::Cell;
use crate::load::driver::{self, Settings};
use crate::load::schedule::{MATRIX, Workload};
use crate::measure::cell::loads;
use crate::measure::kept;
use crate::measure::plan::schedule_seed;
use crate::result::{SelfTest, ServiceInfo};
use crate::system::Deployment;

/// Requests that warm connections up before each measured part.
const SETTLE: Duration = Duration::from_millis(80);

/// A test's outcome.
pub(super) fn outcome(id: &str, pass: Option<bool>, found: String) -> SelfTest {
    SelfTest { id: id.into(), found, pass, at: Some(kept::now()) }
}

/// Whether to end early.
pub(super) fn stopped(stop: &AtomicBool) -> Result<(), Failure> {
    match stop.load(Ordering::Relaxed) {
        true => Err(Failure::could_not_run("Ended before the tests were done.")),
        false => Ok(()),
    }
}

/// Median response time in microseconds, failures at the time-out, of one service alone at `rate_per_s` for `measure`; the
/// same `number` gives the same requests.
pub(super) fn median_us(
    deployment: &Deployment,
    service: &str,
    rate_per_s: f64,
    measure: Duration,
    number: usize,
) -> Result<f64, Failure> {
    let workload =
        Workload::parse(MATRIX).map_err(|error| Failure::could_not_run(format!("The built-in workload: {error}")))?;
    let seed = schedule_seed(1, number, &Cell::Alone { service: service.to_owned() });
    let info = ServiceInfo::at(service, rate_per_s);
    let loads = loads(deployment, &workload, &[info], SETTLE + measure, seed)?;
    let settings = Settings { settle: SETTLE, ..Settings::default() };
    let records = driver::run(&loads, settings)?;
    let record = records.first().ok_or_else(|| Failure::could_not_run("The driver returned nothing."))?;
    Ok(record.all_responses(settings.timeout).quantile_us(0.5).unwrap_or(0) as f64)
}
