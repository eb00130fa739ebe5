//! How much each service felt each kind of pressure.

use serde::{Deserialize, Serialize};

use crate::measure::control_workload;
use crate::result::text::{capital, interval_or_none};
use crate::result::{Outcome, Table};
use crate::stats::Estimate;

/// All curves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pressures {
    /// Independent observations of each level.
    pub replicates: usize,
    /// By pressure and service.
    pub curves: Vec<Curve>,
}

/// How much one service feels one kind of pressure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Curve {
    /// A service, or the control workload.
    #[serde(alias = "victim")]
    pub service: String,
    /// Such as `rowlock`.
    #[serde(alias = "dial")]
    pub pressure: String,
    /// Of the levels.
    pub unit: String,
    /// From light to heavy.
    pub levels: Vec<Level>,
}

/// One level, compared with no pressure in the same replicate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Level {
    /// In the pressure's unit.
    pub level: f64,
    /// Ratio of the medians; null where it can't be formed.
    pub p50: Option<Estimate>,
    /// Ratio of the 95th percentiles.
    pub p95: Option<Estimate>,
    /// Share of requests that failed.
    pub failed: f64,
}

impl Curve {
    /// Whether it is the control workload's, which older labs called the bystander.
    #[must_use]
    pub fn is_control(&self) -> bool {
        [control_workload::NAME, "bystander"].contains(&self.service.as_str())
    }
}

impl<P> Outcome<P> for Pressures {
    fn tables(&self, _: &P) -> Vec<Table> {
        let cell = |level: &Level| {
            format!("{}: {}, {:.1} % failed", level.level, interval_or_none(level.p95), level.failed * 100.0)
        };
        let mut table = Table::new(&["pressure", "service", "light", "medium", "heavy"], &[], &[]).titled(format!(
            "95th percentile under each pressure, compared with none, with its 95 % interval; {} replicates",
            self.replicates
        ));
        for curve in &self.curves {
            let levels = curve.levels.iter().map(cell);
            table.row(
                [format!("{} ({})", curve.pressure, curve.unit), capital(&curve.service)].into_iter().chain(levels),
            );
        }
        vec![table]
    }
}
