//! The paired t-test on log ratios.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A ratio (together ÷ alone) with its 95 % interval. All values are plain ratios: 1 means no difference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Estimate {
    /// Geometric mean of the replicates' ratios.
    pub ratio: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Two-sided p-value of "the ratio is 1", not adjusted for the number of cells.
    pub p: f64,
    /// Replicates it was made of.
    pub replicates: usize,
}

impl Estimate {
    /// Whether the interval excludes 1, before any adjustment.
    #[must_use]
    pub fn excludes_one(&self) -> bool {
        self.low > 1.0 || self.high < 1.0
    }

    /// What the ratio is at most, with this confidence (one-sided).
    #[must_use]
    pub fn at_most(&self, confidence: f64) -> f64 {
        let student = StudentsT::new(0.0, 1.0, self.replicates as f64 - 1.0);
        student.map_or(f64::INFINITY, |student| {
            // The interval may be wider above than below, where it allows for a bias.
            let error = (self.high / self.ratio).ln() / student.inverse_cdf(0.975);
            self.ratio * (error * student.inverse_cdf(confidence)).exp()
        })
    }

    /// With an interval that allows for a bias as well: the ratio may be too high by up to `high` and too low by up to `low`, both
    /// logarithms, 0 or more. The p-value is that of the effect that the larger of the two leaves.
    #[must_use]
    pub fn widened(self, high: f64, low: f64) -> Self {
        if high <= 0.0 && low <= 0.0 {
            return self;
        }
        let log = self.ratio.ln();
        let left = log.abs() - if log > 0.0 { high } else { low };
        let student = StudentsT::new(0.0, 1.0, self.replicates as f64 - 1.0);
        let p = student.ok().filter(|_| left > 0.0).map_or(1.0, |student| {
            let error = (self.high / self.low).ln() / (2.0 * student.inverse_cdf(0.975));
            2.0 * student.sf(left / error)
        });
        Self { low: self.low * (-high).exp(), high: self.high * low.exp(), p, ..self }
    }
}

/// The ratio `together / alone` of pairs measured in the same replicate, by a paired t-test on `ln(together) - ln(alone)`
/// (Kalibera & Jones, "Rigorous benchmarking in reasonable time", ISMM 2013, with logs in place of means).
///
/// Pairs with a value that is not positive and finite carry no ratio and are left out; with fewer than two pairs left, or
/// where all differ from 1 by the very same, there is no interval, hence `None`: *not resolved*.
#[must_use]
pub fn paired_ratio(pairs: &[(f64, f64)]) -> Option<Estimate> {
    let logs: Vec<f64> =
        pairs.iter().map(|(alone, together)| together.ln() - alone.ln()).filter(|log| log.is_finite()).collect();
    let Interval { mean, half, p } = interval(&logs)?;
    Some(Estimate { ratio: mean.exp(), low: (mean - half).exp(), high: (mean + half).exp(), p, replicates: logs.len() })
}

/// A mean difference (together − alone) with its 95 % interval, in the unit of what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Difference {
    /// Mean of the replicates' differences.
    pub mean: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
}

/// The difference `together - alone` of pairs measured in the same replicate, by a paired t-test; `None` below two finite
/// pairs, or where all differ by the very same.
#[must_use]
pub fn paired_difference(pairs: &[(f64, f64)]) -> Option<Difference> {
    let differences: Vec<f64> =
        pairs.iter().map(|(alone, together)| together - alone).filter(|difference| difference.is_finite()).collect();
    let Interval { mean, half, .. } = interval(&differences)?;
    Some(Difference { mean, low: mean - half, high: mean + half })
}

/// A mean, half the width of its 95 % interval, and the p-value of "it is 0".
struct Interval {
    mean: f64,
    half: f64,
    p: f64,
}

/// Student's one-sample interval; `None` below two values. Values that are all equal and not 0 have none either: no spread
/// is what a histogram's resolution does to few values, and would pass for certainty.
fn interval(values: &[f64]) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (variance / n).sqrt();
    let student = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
    let p = if error > 0.0 {
        2.0 * student.sf((mean / error).abs())
    } else if mean == 0.0 {
        1.0
    } else {
        return None;
    };
    Some(Interval { mean, half: student.inverse_cdf(0.975) * error, p })
}

/// The minimum detectable effect, as a ratio ≥ 1: the bound farthest from 1 of the intervals that *this run's own* null
/// cells gave. It has no power of its own: an effect of this size is found about every second time.
/// What lies within it can't be told from nothing on this machine today. `None` without a resolved null cell.
#[must_use]
pub fn minimum_detectable_effect(nulls: &[Estimate]) -> Option<f64> {
    let widest = nulls.iter().map(|null| null.high.ln().abs().max(null.low.ln().abs())).fold(f64::NAN, f64::max);
    widest.is_finite().then(|| widest.exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spread_is_no_certainty() {
        assert_eq!(paired_ratio(&[(1.0, 2.0); 4]), None);
        assert_eq!(paired_ratio(&[(2.0, 2.0); 4]).map(|one| one.p), Some(1.0));
        let broken = [(1.0, f64::NAN), (1.0, 2.0), (1.0, 4.0)];
        assert_eq!(paired_difference(&broken).map(|one| one.mean), Some(2.0));
    }

    /// Five pairs worked out by hand: log ratios 0.1, 0.2, 0.3, 0.2, 0.2; mean 0.2, sd 0.0707107, t(4, 0.975) = 2.776445.
    #[test]
    fn interval_equals_the_textbook() {
        let pairs: Vec<(f64, f64)> = [0.1_f64, 0.2, 0.3, 0.2, 0.2].iter().map(|log| (10.0, 10.0 * log.exp())).collect();
        let estimate = paired_ratio(&pairs).expect("five pairs");
        let half = 2.776_445 * 0.070_710_7 / 5_f64.sqrt();
        assert!((estimate.ratio.ln() - 0.2).abs() < 1e-9);
        assert!((estimate.high.ln() - 0.2 - half).abs() < 1e-5, "{estimate:?}");
        assert!((0.2 - estimate.low.ln() - half).abs() < 1e-5);
        assert!((estimate.p - 0.003_198).abs() < 1e-4, "{estimate:?}");
    }

    /// 97.5 % one-sided is the interval's own upper end.
    #[test]
    fn a_one_sided_bound_is_the_end_of_a_two_sided_interval() {
        let of = paired_ratio(&[(1.0, 1.1), (1.0, 1.2), (1.0, 1.4)]).unwrap();
        assert!((of.at_most(0.975) - of.high).abs() < 1e-9 && of.at_most(0.99) > of.high && of.at_most(0.9) < of.high);
    }

    /// A bias of 10 % either way on the pairs above: t = (0.2 − ln 1.1) · √5 ÷ 0.0707107.
    #[test]
    fn a_bias_widens_the_interval_and_raises_p() {
        let pairs: Vec<(f64, f64)> = [0.1_f64, 0.2, 0.3, 0.2, 0.2].iter().map(|log| (10.0, 10.0 * log.exp())).collect();
        let plain = paired_ratio(&pairs).expect("five pairs");
        let wide = plain.widened(1.1_f64.ln(), 1.2_f64.ln());
        assert!((wide.low * 1.1 / plain.low - 1.0).abs() < 1e-9 && (wide.high / 1.2 / plain.high - 1.0).abs() < 1e-9);
        let t = (0.2 - 1.1_f64.ln()) * 5_f64.sqrt() / 0.070_710_7;
        let p = 2.0 * StudentsT::new(0.0, 1.0, 4.0).unwrap().sf(t);
        assert!((wide.p - p).abs() < 1e-4, "{wide:?} {p}");
        assert_eq!(plain.widened(0.3, 0.0).p, 1.0, "the bias explains all of it");
        assert_eq!(plain.widened(0.0, 0.0), plain);
    }

    #[test]
    fn one_pair_or_a_zero_is_not_resolved() {
        assert_eq!(paired_ratio(&[(1.0, 2.0)]), None);
        assert_eq!(paired_ratio(&[(1.0, 2.0), (0.0, 2.0), (1.0, 0.0)]), None);
    }

    #[test]
    fn equal_pairs_are_no_effect() {
        let estimate = paired_ratio(&[(2.0, 2.0), (3.0, 3.0), (4.0, 4.0)]).expect("three pairs");
        assert_eq!((estimate.ratio, estimate.p), (1.0, 1.0));
        assert!(!estimate.excludes_one());
    }

    #[test]
    fn the_widest_null_sets_the_detectable_effect() {
        let null = |low, high| Estimate { ratio: 1.0, low, high, p: 1.0, replicates: 4 };
        let mde = minimum_detectable_effect(&[null(0.95, 1.04), null(0.8, 1.1)]).expect("two nulls");
        assert!((mde - 1.25).abs() < 1e-9);
        assert_eq!(minimum_detectable_effect(&[]), None);
    }
}
