//! Pairs predicted from the pressures (Bubble-Up): how much a service slows the control workload says to which level of a
//! pressure it amounts, and another service's curve says how slow that one gets there. Compared with what was measured, that
//! checks the model.

use std::ops::RangeInclusive;

use super::outcome::{Curve, Pressures};
use crate::stats::Estimate;

/// Why a pair can't be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No significant slowdown of the control workload while that service runs, so its pressure has no size.
    NoPressure,
    /// No measured pressure slows the control workload so much: outside the curves.
    OutOfRange,
}

/// How much slower the median of `service` should be while something runs that slows the control workload by `pressure`; over
/// all pressures that slow it so much.
///
/// # Errors
/// Why it can't be predicted.
pub fn predict(
    measured: &Pressures,
    service: &str,
    pressure: Option<Estimate>,
) -> Result<RangeInclusive<f64>, Unknown> {
    let pressure = pressure.filter(|of| of.low > 1.0).ok_or(Unknown::NoPressure)?;
    let curve = |who: &str, pressure: &str| {
        let is = |of: &&Curve| of.service == who && of.pressure == pressure;
        measured.curves.iter().find(is)
    };
    let controls = measured.curves.iter().filter(|of| of.is_control());
    let found = controls.flat_map(|felt| {
        let slowed = curve(service, &felt.pressure);
        [pressure.low, pressure.ratio, pressure.high].into_iter().filter_map(move |ratio| at(felt, slowed?, ratio))
    });
    let (low, high) = found.fold((f64::INFINITY, 0.0_f64), |(low, high), ratio| (low.min(ratio), high.max(ratio)));
    if high > 0.0 { Ok(low..=high) } else { Err(Unknown::OutOfRange) }
}

/// The service's ratio where the control workload's first reaches `pressure`: between two levels on a straight line of logarithms.
fn at(control: &Curve, service: &Curve, pressure: f64) -> Option<f64> {
    let levels = control.levels.iter().zip(&service.levels);
    let points = levels.map(|(felt, slowed)| {
        let positive = |of: Option<Estimate>| of.map(|of| of.ratio).filter(|ratio| *ratio > 0.0);
        Some((positive(felt.p50)?.ln(), positive(slowed.p50)?.ln()))
    });
    let wanted = pressure.ln();
    let mut from = (0.0, 0.0);
    for to in points {
        let to = to?;
        if to.0 >= wanted && to.0 > from.0 {
            let part = ((wanted - from.0) / (to.0 - from.0)).clamp(0.0, 1.0);
            return Some((from.1 + part * (to.1 - from.1)).exp());
        }
        from = to;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::pressure::outcome::Level;

    fn of(ratio: f64, width: f64) -> Option<Estimate> {
        Some(Estimate { ratio, low: ratio / width, high: ratio * width, p: 0.01, replicates: 4 })
    }

    fn curve(service: &str, pressure: &str, ratios: [f64; 3]) -> Curve {
        let level = |ratio| Level { level: 1.0, p50: of(ratio, 1.0), p95: None, failed: 0.0 };
        Curve {
            service: service.into(),
            pressure: pressure.into(),
            unit: String::new(),
            levels: ratios.map(level).to_vec(),
        }
    }

    fn measured() -> Pressures {
        Pressures {
            replicates: 4,
            curves: vec![
                curve("control workload", "xmin-hold", [1.0, 2.0, 4.0]),
                curve("registry", "xmin-hold", [1.0, 4.0, 16.0]),
                curve("control workload", "rowlock", [1.0, 0.9, 1.1]),
                curve("registry", "rowlock", [2.0, 5.0, 50.0]),
            ],
        }
    }

    #[test]
    fn the_level_that_slows_the_control_workload_as_much_predicts_the_service() {
        let range = predict(&measured(), "registry", of(2.0, 1.0)).unwrap();
        assert!((range.start() - 4.0).abs() < 1e-9 && (range.end() - 4.0).abs() < 1e-9);
        // √8 lies half way between 2 and 4, as 8 does between 4 and 16; an interval makes a range.
        let range = predict(&measured(), "registry", of(8.0_f64.sqrt(), 1.1)).unwrap();
        assert!(range.contains(&8.0) && *range.start() > 6.0 && *range.end() < 10.0);
        assert!(range.end() - range.start() > 1.0, "{range:?}");
    }

    #[test]
    fn what_the_curves_say_nothing_of_is_not_made_up() {
        let measured = measured();
        let said = |pressure| predict(&measured, "registry", pressure).unwrap_err();
        assert_eq!(said(None), Unknown::NoPressure);
        assert_eq!(said(of(1.2, 1.5)), Unknown::NoPressure);
        assert_eq!(said(of(9.0, 1.0)), Unknown::OutOfRange);
        assert_eq!(predict(&measured, "billing", of(2.0, 1.0)).unwrap_err(), Unknown::OutOfRange);
    }
}
