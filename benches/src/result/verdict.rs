//! What can be said of a ratio.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stats::{Estimate, minimum_detectable_effect};

/// Level of every claim.
const SIGNIFICANT: f64 = 0.05;

/// What can be said of a ratio of times, or of shares of slow answers. Less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Significantly below 1 (p < 0.05 after Holm).
    Better,
    /// Significantly above 1, likewise.
    Worse,
    /// The whole interval lies within what comparisons of identical systems leave open: no effect shown, which isn't "no effect".
    WithinNoise,
    /// The interval allows for an effect and for none.
    Inconclusive,
    /// This much data can't carry the number.
    InsufficientData,
}

impl Verdict {
    /// Of a ratio within one run, by its adjusted p-value and that run's comparisons of identical systems, `nulls`. What lies wholly
    /// within what they leave open is not claimed, also where it is significant: without that, 6.6 % of runs on identical systems claim
    /// a difference (`error_rates`), with it fewer than 5 %.
    #[must_use]
    pub fn in_run(estimate: Option<Estimate>, p: f64, nulls: &[Estimate]) -> Self {
        Self::of(estimate, p, minimum_detectable_effect(nulls))
    }

    /// Of a ratio with its adjusted p-value; `detectable` is the ratio that comparisons of identical systems leave open, where that is
    /// known.
    #[must_use]
    pub fn of(estimate: Option<Estimate>, p: f64, detectable: Option<f64>) -> Self {
        let Some(estimate) = estimate else {
            return Self::InsufficientData;
        };
        match detectable {
            Some(mde) if estimate.high <= mde && estimate.low >= 1.0 / mde => Self::WithinNoise,
            _ if p >= SIGNIFICANT => Self::Inconclusive,
            _ if estimate.ratio > 1.0 => Self::Worse,
            _ => Self::Better,
        }
    }

    /// Whether an effect was shown.
    #[must_use]
    pub fn is_significant(self) -> bool {
        matches!(self, Self::Better | Self::Worse)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::WithinNoise => "within noise",
            Self::Inconclusive => "inconclusive",
            Self::InsufficientData => "insufficient data",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(ratio: f64, low: f64, high: f64, p: f64) -> Option<Estimate> {
        Some(Estimate { ratio, low, high, p, replicates: 7 })
    }

    /// The figures of a real run.
    #[test]
    fn what_identical_systems_leave_open_is_not_claimed() {
        let nulls = [estimate(0.75, 0.38, 1.53, 0.37).unwrap()];
        assert_eq!(Verdict::in_run(estimate(1.99, 1.64, 2.28, 3e-5), 1e-4, &nulls), Verdict::WithinNoise);
        assert_eq!(Verdict::in_run(estimate(2.17, 1.34, 3.40, 5e-3), 5e-3, &nulls), Verdict::Worse);
        assert_eq!(Verdict::in_run(estimate(1.10, 0.80, 1.50, 0.4), 0.8, &nulls), Verdict::WithinNoise);
        assert_eq!(Verdict::in_run(estimate(1.60, 0.80, 3.20, 0.1), 0.1, &nulls), Verdict::Inconclusive);
        assert_eq!(Verdict::in_run(None, 1.0, &nulls), Verdict::InsufficientData);
    }
}
