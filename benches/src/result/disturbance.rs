//! What disturbed a measurement, and how much of its figures that can have been.
//!
//! A warning says that something happened, not that it matters. What it can have done is bounded here for each figure: lateness of
//! the driver is known for every request, and time that was taken from a processor can only have slowed so many requests. The
//! bound widens the interval of a ratio; a measurement is left out of a figure only where the bound is larger than the effect that
//! the lab is asked to find.

use std::collections::BTreeMap;

use super::cell::{CellResult, ServiceResult};
use super::combination::while_running;
use super::metric::{CENSORED_US, Metric};
use super::warning::Warning;
use crate::stats::{Histogram, MalformedHistogram};

/// Requests slowed for each that met a taken processor: those behind it wait too. A queue at a third of its capacity makes it 1.5.
const BEHIND: f64 = 1.5;
/// What observing may cost in every cell alike, share of one core: only more than that makes cells unlike.
const OBSERVING: f64 = 0.03;

/// What can have happened to one service in one cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disturbance {
    /// Its response times without the driver's lateness, where the driver was late.
    in_time: Option<Histogram>,
    /// Part of its requests that can have been slowed by what took processor time away.
    slowed: f64,
    /// Something of unknown size.
    unknown: bool,
}

/// By service, what ran meanwhile, and replicate; those without a warning aren't there.
pub(crate) type Disturbances = BTreeMap<(String, String, usize), Disturbance>;

/// Of the cells that count, on a machine with so many processors.
pub(crate) fn disturbances(cells: &[CellResult], cpus: usize) -> Result<Disturbances, MalformedHistogram> {
    let mut found = Disturbances::new();
    for cell in cells.iter().filter(|cell| cell.valid && !cell.warnings.is_empty()) {
        for of in &cell.services {
            let disturbance = Disturbance::of(cell, of, cpus)?;
            found.insert((of.name.clone(), while_running(&cell.cell, &of.name), cell.replicate), disturbance);
        }
    }
    Ok(found)
}

/// Whether something else can have changed the median or the p95 of one of a cell's services by more than the effect that the lab is asked to
/// find.
pub(crate) fn is_disturbed(cell: &CellResult, cpus: usize) -> Result<bool, MalformedHistogram> {
    for of in cell.services.iter().filter(|_| !cell.warnings.is_empty()) {
        let (disturbance, measured) = (Disturbance::of(cell, of, cpus)?, of.responses(CENSORED_US)?);
        let too_much = |metric: &Metric| disturbance.factor(*metric, &measured, 0) > metric.asked();
        if measured.count() > 0 && [Metric::P50, Metric::P95].iter().any(too_much) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Disturbance {
    fn of(cell: &CellResult, service: &ServiceResult, cpus: usize) -> Result<Self, MalformedHistogram> {
        let mut all = Self::default();
        let taken = |share: f64| share / cpus.max(1) as f64 * BEHIND;
        for warning in &cell.warnings {
            match warning {
                Warning::DriverLate { service: late, .. } if *late == service.name => {
                    all.in_time = Some(service.in_time(CENSORED_US)?);
                }
                // Another service's requests are bounded by their own lateness; an older lab's sentence has no number.
                Warning::DriverLate { .. } | Warning::Other { .. } => {}
                Warning::NotAtRest => all.unknown = true,
                Warning::ForeignCpu { share } | Warning::Stolen { share } => all.slowed += taken(*share),
                Warning::ObserverCpu { share } => all.slowed += taken((share - OBSERVING).max(0.0)),
            }
        }
        Ok(all)
    }

    /// By what factor a figure can be too high because of it: 1 or more, infinite where it is unknown. Whatever disturbs makes
    /// answers slower, never faster.
    pub(crate) fn factor(&self, metric: Metric, measured: &Histogram, threshold_us: u64) -> f64 {
        if self.unknown {
            return f64::INFINITY;
        }
        let found = metric.value(measured, threshold_us);
        let histogram = self.in_time.as_ref().unwrap_or(measured);
        match (found, metric.value_without(histogram, threshold_us, self.slowed)) {
            (Some(found), Some(least)) if least > 0.0 => (found / least).max(1.0),
            _ => f64::INFINITY,
        }
    }
}
