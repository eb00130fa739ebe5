//! What a comparison gives.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::result::{Freshness, Metric, Verdict};
use crate::stats::Estimate;

/// What of a service is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Its response time when it is alone.
    Alone,
    /// Its response time when all are at work.
    Together,
    /// How much slower it gets while another one, or all, are under load: together ÷ alone.
    Interference,
}

/// One line of a comparison: the other ÷ the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// What of it.
    pub what: What,
    /// The service.
    pub service: String,
    /// What else was under load, where that matters.
    pub while_running: Option<String>,
    /// By which measure.
    pub metric: Metric,
    /// Geometric means of the base's replicates and the other's: milliseconds, shares of answers, or ratios.
    pub values: [Option<f64>; 2],
    /// With its 95 % interval.
    pub estimate: Option<Estimate>,
    /// Adjusted after Holm over the lines of the same kind and measure.
    pub p_adjusted: Option<f64>,
    /// What can be said.
    pub verdict: Verdict,
}

/// One of the results, with what stands behind its speed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Name that its team gave it.
    pub label: String,
    /// The run.
    pub run: String,
    /// Violations of what must always hold; speed bought with one of them is none.
    pub violations: BTreeMap<String, i64>,
    /// Whether there are any.
    pub disqualified: bool,
    /// How soon changes are seen elsewhere.
    pub freshness: Option<Freshness>,
    /// Good answers of all offered, by service, all at work (alone, where there is no such cell).
    pub good: BTreeMap<String, f64>,
    /// Operations that were left out, for it doesn't have them.
    pub missing: Vec<String>,
}

/// The base compared with one other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Versus {
    /// Index into the subjects.
    pub other: usize,
    /// What can be compared.
    pub lines: Vec<Line>,
    /// What to keep in mind: other machines, suspect measurements.
    pub notes: Vec<String>,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The base first.
    pub subjects: Vec<Subject>,
    /// Each other one.
    pub others: Vec<Versus>,
}
