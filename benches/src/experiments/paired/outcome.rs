//! What came out of two arms, and how it is written.

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::result::Metric;
use crate::stats::Estimate;

/// One arm's sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Side {
    /// The arm.
    pub name: String,
    /// Requests measured.
    pub requests: u64,
    /// Quantiles of the response time over all replicates, milliseconds; failures stand in them at the time-out.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Good answers, of all offered.
    pub good: f64,
    /// Milliseconds in statements per answer, as the service reports it.
    pub db_ms: Option<f64>,
}

/// The second arm ÷ the first one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ratio {
    /// `p50`, `p95`, `p99`, `oneIn20`, `oneIn100` or `db`.
    pub metric: String,
    /// With its 95 % interval.
    pub estimate: Option<Estimate>,
    /// Whether this much data can carry it.
    pub resolved: bool,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Comparison {
    /// How it was run.
    pub plan: Plan,
    /// The first one is the base.
    pub sides: [Side; 2],
    /// Each as second ÷ first.
    pub ratios: Vec<Ratio>,
}

/// As it stands in JSON.
pub(crate) fn name(metric: Metric) -> String {
    serde_json::to_value(metric).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Plan { rate_per_s, seconds, replicates, .. } = self.plan;
        writeln!(f, "{rate_per_s:.0} reads/s to each in turn, {replicates} times {seconds} s.\n")?;
        writeln!(
            f,
            "{:28}{:>10}{:>10}{:>10}{:>10}{:>12}",
            "", "median ms", "p95 ms", "p99 ms", "good %", "own SQL ms"
        )?;
        for side in &self.sides {
            let db = side.db_ms.map_or_else(|| "not told".into(), |ms| format!("{ms:.3}"));
            writeln!(
                f,
                "{:28}{:>10.2}{:>10.2}{:>10.2}{:>10.2}{db:>12}",
                side.name,
                side.p50_ms,
                side.p95_ms,
                side.p99_ms,
                side.good * 100.0
            )?;
        }
        writeln!(f, "\n{} ÷ {}:", self.sides[1].name, self.sides[0].name)?;
        for ratio in &self.ratios {
            writeln!(f, "  {:10}{}", ratio.metric, ratio.text())?;
        }
        Ok(())
    }
}

impl Ratio {
    /// The ratio with its interval, or that there is none.
    #[must_use]
    pub fn text(&self) -> String {
        match self.estimate.filter(|_| self.resolved) {
            Some(of) => format!("×{:.2} ({:.2}–{:.2})", of.ratio, of.low, of.high),
            None => "not resolved".into(),
        }
    }
}
