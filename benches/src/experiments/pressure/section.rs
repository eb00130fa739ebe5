//! What dials showed, as a file beside a result keeps it.

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

/// All curves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dials {
    /// Of this shape.
    pub version: u32,
    /// Independent observations of each level.
    pub replicates: usize,
    /// By dial and victim.
    pub curves: Vec<Curve>,
}

/// How much one service feels one dial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Curve {
    /// A service, or `bystander`.
    pub victim: String,
    /// Such as `rowlock`.
    pub dial: String,
    /// Of the levels.
    pub unit: String,
    /// From light to heavy.
    pub levels: Vec<Level>,
}

/// One level, compared with no pressure in the same replicate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Level {
    /// In the dial's unit.
    pub level: f64,
    /// Ratio of the medians; null where it can't be formed.
    pub p50: Option<Estimate>,
    /// Ratio of the 95th percentiles.
    pub p95: Option<Estimate>,
    /// Share of requests that failed.
    pub failed: f64,
}

impl std::fmt::Display for Dials {
    /// For people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "Pressure dials, {} replicates: 95th percentile compared with no pressure, (95 % interval), failed",
            self.replicates
        )?;
        let mut last = "";
        for curve in &self.curves {
            if curve.dial != last {
                writeln!(f, "{} ({})", curve.dial, curve.unit)?;
                last = &curve.dial;
            }
            write!(f, "  {:14}", curve.victim)?;
            for level in &curve.levels {
                let ratio = level
                    .p95
                    .map_or_else(|| "not resolved".into(), |e| format!("×{:.2} ({:.2}–{:.2})", e.ratio, e.low, e.high));
                write!(f, "  {:>5}: {ratio:24} {:4.1} %", level.level, level.failed * 100.0)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
