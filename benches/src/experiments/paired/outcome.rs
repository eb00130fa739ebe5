//! Two ways of answering, compared: the plan and the outcome.

use serde::{Deserialize, Serialize};

use crate::result::text::interval_or_none;
use crate::result::{Metric, Table};
use crate::stats::Estimate;

/// How a comparison is run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Requests per second, the same in each arm.
    pub rate_per_s: f64,
    /// Seconds that each arm is measured in a replicate.
    pub seconds: u64,
    /// How often.
    pub replicates: usize,
    /// Seed of data and requests.
    pub seed: u64,
}

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
    /// Whether there is enough data to say anything of it.
    #[serde(alias = "resolved")]
    pub enough_data: bool,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Comparison {
    /// The first one is the base.
    pub sides: [Side; 2],
    /// Each as second ÷ first.
    pub ratios: Vec<Ratio>,
}

/// Its name in JSON.
pub(crate) fn name(metric: Metric) -> String {
    serde_json::to_value(metric).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Comparison {
    /// Both sides, and the ratios.
    #[must_use]
    pub fn table(&self, plan: &Plan) -> Table {
        let Plan { rate_per_s, seconds, replicates, .. } = plan;
        let row = |side: &Side| {
            let sql = side.db_ms.map_or_else(|| "not known".to_owned(), |ms| format!("{ms:.3}"));
            let [p50, p95, p99] = [side.p50_ms, side.p95_ms, side.p99_ms].map(|ms| format!("{ms:.2}"));
            [side.name.clone(), p50, p95, p99, format!("{:.2} %", side.good * 100.0), sql]
        };
        let ratios: Vec<String> =
            self.ratios.iter().map(|ratio| format!("{} {}", ratio.label(), ratio.text())).collect();
        Table::new(&["read of one API"], &["median ms", "p95 ms", "p99 ms", "good answers", "own SQL ms"], &[])
            .titled(format!("{rate_per_s:.0} reads per second to each in turn, {replicates} times {seconds} s"))
            .rows(self.sides.iter().map(row))
            .note(format!("{} ÷ {}: {}.", self.sides[1].name, self.sides[0].name, ratios.join(", ")))
    }
}

impl Ratio {
    /// What it compares.
    fn label(&self) -> &str {
        match self.metric.as_str() {
            "oneIn20" => "share of requests above the first one's p95",
            "oneIn100" => "share of requests above the first one's p99",
            "p50" => "median",
            "db" => "own SQL",
            other => other,
        }
    }

    /// The ratio with its interval, or that there is too little data for one.
    #[must_use]
    pub fn text(&self) -> String {
        interval_or_none(self.estimate.filter(|_| self.enough_data))
    }
}
