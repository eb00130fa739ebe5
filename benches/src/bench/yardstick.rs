//! A cell of a bench whose yardstick isn't pgbench.

use serde::Serialize;

use crate::stats::Median;

/// In the shape of the others, with what doesn't apply left empty.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// What was measured.
    pub arm: &'static str,
    /// Sessions that ask.
    pub connections: usize,
    /// Things done in a second.
    pub requests_per_second: f64,
    /// None: pgbench can't do it.
    pub ratio_to_pgbench: Option<f64>,
    /// None.
    pub ratio_to_pgbench_best: Option<f64>,
    /// Speed by that of the outcome's yardstick.
    pub ratio_to_yardstick: Median,
    /// Half took less.
    pub p50_ms: f64,
    /// All but one of a hundred.
    pub p99_ms: f64,
}
