//! The whole system for the long tests: real services under short loads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::Failure;
use crate::data::Size;
use crate::load::driver::{self, ServiceRecord, Settings};
use crate::load::schedule::{MATRIX, Workload};
use crate::measure::cell::loads;
use crate::measure::plan::schedule_seed;
use crate::result::ServiceInfo;
use crate::system::environment::Environment;

/// Requests that warm connections up before each measured part.
const SETTLE: Duration = Duration::from_millis(80);

/// The services, filled, at nobody's service but ours.
pub struct System {
    pub environment: Environment,
    workload: Workload,
}

impl System {
    pub fn start(optimised: bool, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        let workload = Workload::parse(MATRIX)
            .map_err(|error| Failure::could_not_run(format!("The built-in workload: {error}")))?;
        Ok(Self { environment: Environment::start(Size::SMALL, 1, optimised, stop)?, workload })
    }

    /// Names of the services under test.
    pub fn services(&self) -> Vec<String> {
        let mut names = self.environment.services();
        names.retain(|name| self.workload.services.contains_key(name));
        names
    }

    /// One service alone at `rate_per_s` for `measure`; the same number gives the same requests.
    pub fn drive(
        &self,
        service: &str,
        rate_per_s: f64,
        measure: Duration,
        number: usize,
    ) -> Result<ServiceRecord, Failure> {
        let info = ServiceInfo::at(service, rate_per_s);
        let cell = crate::design::Cell::Alone { service: service.to_owned() };
        let seed = schedule_seed(1, number, &cell);
        let loads = loads(&self.environment, &self.workload, &[info], SETTLE + measure, seed)?;
        let settings = Settings { settle: SETTLE, ..Settings::default() };
        let mut records = driver::run(&loads, settings).map_err(|error| Failure::could_not_run(format!("{error}.")))?;
        records.pop().ok_or_else(|| Failure::could_not_run("The driver returned nothing."))
    }

    /// The median of such a drive in microseconds, failures at the time-out.
    pub fn median_us(&self, service: &str, rate_per_s: f64, measure: Duration, number: usize) -> Result<f64, Failure> {
        let record = self.drive(service, rate_per_s, measure, number)?;
        let all = record.all_responses(Settings::default().timeout);
        Ok(all.quantile_us(0.5).unwrap_or(0) as f64)
    }
}

/// Whether to end early.
pub fn stopped(stop: &AtomicBool) -> Result<(), Failure> {
    match stop.load(Ordering::Relaxed) {
        true => Err(Failure::could_not_run("Ended before the tests were done.")),
        false => Ok(()),
    }
}
