//! What is compared, what it needs, and how it is computed from a histogram.

use serde::{Deserialize, Serialize};

use crate::stats::Histogram;

/// Failures count as this slow, microseconds.
pub const CENSORED_US: u64 = 10_000_000;

/// What is compared. Each is a ratio together ÷ alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// Median response time.
    P50,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
    /// Share of requests slower than the alone-p95: alone 1 in 20 by definition.
    OneIn20,
    /// Share of requests slower than the alone-p99: alone 1 in 100 by definition.
    OneIn100,
}

impl Metric {
    /// All of them, headline first.
    pub const ALL: [Self; 5] = [Self::OneIn20, Self::P50, Self::P95, Self::OneIn100, Self::P99];

    /// (replicates, requests of the tail pooled over each arm) below which nothing is claimed.
    pub(crate) fn needs(self) -> (usize, u64) {
        match self {
            Self::P50 => (4, 0),
            Self::OneIn20 => (4, 100),
            Self::P95 | Self::OneIn100 => (8, 100),
            Self::P99 => (20, 100),
        }
    }

    /// Part of the requests that lie in the tail it speaks of.
    pub(crate) fn tail(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P95 | Self::OneIn20 => 0.05,
            Self::P99 | Self::OneIn100 => 0.01,
        }
    }

    /// Whether it is a share of the requests, not a time.
    #[must_use]
    pub fn is_share(self) -> bool {
        matches!(self, Self::OneIn20 | Self::OneIn100)
    }

    /// The effect that the lab is asked to find, as a ratio: a measurement that something else can have changed by more than that is
    /// left out.
    pub(crate) fn asked(self) -> f64 {
        match self {
            Self::P50 | Self::P95 | Self::P99 => 1.2,
            Self::OneIn20 | Self::OneIn100 => 1.5,
        }
    }

    /// [`value`](Self::value) at the least, were this part of the requests slowed by something else: without those.
    pub(crate) fn value_without(self, histogram: &Histogram, threshold_us: u64, slowed: f64) -> Option<f64> {
        let rest = 1.0 - slowed;
        match self {
            Self::P50 | Self::P95 | Self::P99 => {
                let q = 1.0 - self.tail();
                histogram.quantile_us(((q - slowed) / rest).max(0.0)).map(|us| us as f64)
            }
            Self::OneIn20 | Self::OneIn100 => Some((self.value(histogram, threshold_us)? - slowed) / rest),
        }
    }

    /// One replicate's value: a quantile in microseconds, or the share of requests slower than `threshold_us`.
    pub(crate) fn value(self, histogram: &Histogram, threshold_us: u64) -> Option<f64> {
        match self {
            Self::P50 => histogram.quantile_us(0.5).map(|us| us as f64),
            Self::P95 => histogram.quantile_us(0.95).map(|us| us as f64),
            Self::P99 => histogram.quantile_us(0.99).map(|us| us as f64),
            // Half a request is added to both sides of a share (Haldane–Anscombe), so that an empty tail has a logarithm.
            Self::OneIn20 | Self::OneIn100 => (histogram.count() > 0)
                .then(|| (histogram.count_beyond(threshold_us) as f64 + 0.5) / (histogram.count() as f64 + 1.0)),
        }
    }
}
