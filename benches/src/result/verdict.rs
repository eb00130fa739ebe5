//! What can be said of a ratio.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

/// What can be said of a ratio of times, or of shares of slow answers. Less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Significantly below 1 (p < 0.05 after Holm), and by more than identical systems differ.
    Better,
    /// Significantly above 1, likewise.
    Worse,
    /// The whole interval lies within what identical systems differ by: no effect shown, which isn't "no effect".
    WithinNoise,
    /// The interval allows for an effect and for none.
    Inconclusive,
    /// This much data can't carry the number.
    InsufficientData,
}

impl Verdict {
    /// Of a ratio with its adjusted p-value; `detectable` is the ratio that identical systems differ by, where that is known.
    #[must_use]
    pub fn of(estimate: Option<Estimate>, p: f64, detectable: Option<f64>) -> Self {
        let Some(estimate) = estimate else {
            return Self::InsufficientData;
        };
        match detectable {
            Some(mde) if estimate.high <= mde && estimate.low >= 1.0 / mde => Self::WithinNoise,
            _ if p >= 0.05 => Self::Inconclusive,
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
