//! Pairs predicted from the dials (Bubble-Up): how much an aggressor presses on the bystander says at which setting of a dial
//! it stands, and the victim's curve there says what it should suffer. Beside what was measured, that checks the model.

use std::ops::RangeInclusive;

use super::{Curve, Dials};
use crate::stats::Estimate;

/// Why a pair can't be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The bystander wasn't shown to suffer beside the aggressor, so its pressure has no size.
    NoPressure,
    /// No dial presses so much on the bystander: the curves say nothing of it.
    OffTheDials,
}

/// What the victim's median should be, compared with alone, beside somebody who presses so on the bystander; over all dials
/// that reach such a pressure.
///
/// # Errors
/// Why it can't be said.
pub fn predict(dials: &Dials, victim: &str, pressure: Option<Estimate>) -> Result<RangeInclusive<f64>, Unknown> {
    let pressure = pressure.filter(|of| of.low > 1.0).ok_or(Unknown::NoPressure)?;
    let curve = |who: &str, dial: &str| {
        let is = |of: &&Curve| of.victim == who && of.dial == dial;
        dials.curves.iter().find(is)
    };
    let bystanders = dials.curves.iter().filter(|of| of.victim == "bystander");
    let found = bystanders.flat_map(|felt| {
        let suffered = curve(victim, &felt.dial);
        [pressure.low, pressure.ratio, pressure.high].into_iter().filter_map(move |ratio| at(felt, suffered?, ratio))
    });
    let (low, high) = found.fold((f64::INFINITY, 0.0_f64), |(low, high), ratio| (low.min(ratio), high.max(ratio)));
    if high > 0.0 { Ok(low..=high) } else { Err(Unknown::OffTheDials) }
}

/// The victim's ratio where the bystander's first reaches `pressure`: between two levels on a straight line of logarithms.
fn at(bystander: &Curve, victim: &Curve, pressure: f64) -> Option<f64> {
    let levels = bystander.levels.iter().zip(&victim.levels);
    let points = levels.map(|(felt, suffered)| {
        let positive = |of: Option<Estimate>| of.map(|of| of.ratio).filter(|ratio| *ratio > 0.0);
        Some((positive(felt.p50)?.ln(), positive(suffered.p50)?.ln()))
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
    use crate::experiments::pressure::Level;

    fn of(ratio: f64, width: f64) -> Option<Estimate> {
        Some(Estimate { ratio, low: ratio / width, high: ratio * width, p: 0.01, replicates: 4 })
    }

    fn curve(victim: &str, dial: &str, ratios: [f64; 3]) -> Curve {
        let level = |ratio| Level { level: 1.0, p50: of(ratio, 1.0), p95: None, failed: 0.0 };
        Curve { victim: victim.into(), dial: dial.into(), unit: String::new(), levels: ratios.map(level).to_vec() }
    }

    fn dials() -> Dials {
        Dials {
            version: 1,
            replicates: 4,
            curves: vec![
                curve("bystander", "xmin-hold", [1.0, 2.0, 4.0]),
                curve("registry", "xmin-hold", [1.0, 4.0, 16.0]),
                curve("bystander", "rowlock", [1.0, 0.9, 1.1]),
                curve("registry", "rowlock", [2.0, 5.0, 50.0]),
            ],
        }
    }

    #[test]
    fn the_setting_that_hurts_the_bystander_as_much_says_what_the_victim_suffers() {
        let range = predict(&dials(), "registry", of(2.0, 1.0)).unwrap();
        assert!((range.start() - 4.0).abs() < 1e-9 && (range.end() - 4.0).abs() < 1e-9);
        // √8 lies half way between 2 and 4, as 8 does between 4 and 16; an interval makes a range.
        let range = predict(&dials(), "registry", of(8.0_f64.sqrt(), 1.1)).unwrap();
        assert!(range.contains(&8.0) && *range.start() > 6.0 && *range.end() < 10.0);
        assert!(range.end() - range.start() > 1.0, "{range:?}");
    }

    #[test]
    fn what_the_curves_say_nothing_of_is_not_made_up() {
        let dials = dials();
        let said = |pressure| predict(&dials, "registry", pressure).unwrap_err();
        assert_eq!(said(None), Unknown::NoPressure);
        assert_eq!(said(of(1.2, 1.5)), Unknown::NoPressure);
        assert_eq!(said(of(9.0, 1.0)), Unknown::OffTheDials);
        assert_eq!(predict(&dials, "billing", of(2.0, 1.0)).unwrap_err(), Unknown::OffTheDials);
    }
}
