//! How much is run for which claim.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{Cell, cells};

/// Requests of each arrangement that the share above the own p95 needs.
pub const REQUESTS_FOR_SHARE: f64 = 1.1 * 100.0 / 0.05;

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Two services, three short blocks, below a minute: only shows that everything runs.
    Smoke,
    /// Each service alone and all together, 7 cells × 2.6 s × 8 replicates, then four known problems of a shared database with their
    /// remedies; about seven minutes: enough for the median, p95 and the share of requests above the own p95.
    Demo,
    /// 19 cells × 8 s × 4 replicates, about thirteen minutes: enough for the same, and for what observing costs.
    Quick,
    /// 23 cells × 30 s × 10 replicates, about two and a half hours: also enough for p95 and the share above the own p99.
    Standard,
    /// As standard with 20 replicates, overnight: also enough for p99.
    Full,
    /// 6 cells × 10 s × 2 replicates above the machine's capacity, about four minutes: shows no percentile, only how fast
    /// the number of unanswered requests grows.
    Stress,
}

impl Preset {
    /// As it is typed.
    #[must_use]
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// How long each cell is measured.
    #[must_use]
    pub fn measure(self) -> Duration {
        match self {
            Self::Smoke => Duration::from_secs(2),
            Self::Demo => Duration::from_millis(2600),
            Self::Quick => Duration::from_secs(8),
            Self::Stress => Duration::from_secs(10),
            Self::Standard | Self::Full => Duration::from_secs(30),
        }
    }

    /// How long each cell runs before it is measured.
    #[must_use]
    pub fn settle(self) -> Duration {
        match self {
            Self::Smoke | Self::Demo => Duration::from_millis(500),
            Self::Quick | Self::Stress => Duration::from_secs(1),
            Self::Standard | Self::Full => Duration::from_secs(5),
        }
    }

    /// How often every cell is run: the number of independent observations.
    #[must_use]
    pub fn replicates(self) -> usize {
        match self {
            Self::Stress => 2,
            Self::Smoke => 3,
            Self::Demo => 8,
            Self::Quick => 4,
            Self::Standard => 10,
            Self::Full => 20,
        }
    }

    /// How long finding the rates may take.
    #[must_use]
    pub fn calibration(self) -> Duration {
        match self {
            Self::Smoke => Duration::from_secs(4),
            Self::Demo | Self::Quick | Self::Stress => Duration::from_secs(15),
            Self::Standard | Self::Full => Duration::from_secs(60),
        }
    }

    /// How often each freshness is tried.
    #[must_use]
    pub fn freshness_tries(self) -> usize {
        match self {
            Self::Smoke | Self::Stress => 10,
            _ => 100,
        }
    }

    /// The services under load, of those that run.
    #[must_use]
    pub fn services(self, running: &[String]) -> Vec<String> {
        match self {
            Self::Smoke => {
                running.iter().filter(|name| ["profile", "registry"].contains(&name.as_str())).cloned().collect()
            }
            _ => running.to_vec(),
        }
    }

    /// Part of the machine's processors that all services together are driven to, unless said.
    #[must_use]
    pub fn utilisation(self) -> f64 {
        match self {
            Self::Stress => 1.5,
            _ => 0.6,
        }
    }

    /// Whether ratios of it may be claimed: above capacity an open loop has no steady state, so nothing it measures is one.
    #[must_use]
    pub fn claims_ratios(self) -> bool {
        self != Self::Stress
    }

    /// Every cell of one replicate.
    #[must_use]
    pub fn cells(self, services: &[String]) -> Vec<Cell> {
        let mut cells = cells(services, &self.nulls(services), &self.unwatched(services));
        if !self.pairs() {
            cells.retain(|cell| !matches!(cell, Cell::Pair { .. }));
        }
        cells
    }

    /// Whether each pair of services gets a cell: where minutes are few, each alone against all together says more of each.
    #[must_use]
    pub fn pairs(self) -> bool {
        !matches!(self, Self::Demo | Self::Stress)
    }

    /// Whether known problems of a shared database are caused as well, each with its control and its remedy.
    #[must_use]
    pub fn problems(self) -> bool {
        self == Self::Demo
    }

    /// No service is driven slower than this, in requests per second: every cell has something to measure, and where each service is
    /// to be resolved within minutes, so does the share above the own p95.
    #[must_use]
    pub fn rate_min_per_s(self) -> f64 {
        match self {
            Self::Demo => self.rate_for_share_per_s(),
            _ => 5.0,
        }
    }

    /// How long each arrangement is measured, all replicates together, seconds.
    #[must_use]
    pub fn measured_s(self) -> f64 {
        self.replicates() as f64 * self.measure().as_secs_f64()
    }

    /// From this rate on there is enough for the share above the own p95: a tenth more than the hundred requests in that twentieth.
    #[must_use]
    pub fn rate_for_share_per_s(self) -> f64 {
        REQUESTS_FOR_SHARE / self.measured_s()
    }

    /// Part of all cells that may be run again where something disturbed them.
    #[must_use]
    pub fn repeats(self) -> f64 {
        match self {
            // Above capacity every measurement is suspect, and another one would be; the demo has its minutes to keep.
            Self::Stress | Self::Demo => 0.0,
            _ => 0.2,
        }
    }

    /// Which services get a cell that nobody watches.
    #[must_use]
    pub fn unwatched(self, services: &[String]) -> Vec<String> {
        match self {
            Self::Quick | Self::Standard | Self::Full => {
                services.iter().filter(|name| ["billing", "registry"].contains(&name.as_str())).cloned().collect()
            }
            _ => vec![],
        }
    }

    /// Which services get a null cell.
    #[must_use]
    pub fn nulls(self, services: &[String]) -> Vec<String> {
        match self {
            Self::Standard | Self::Full => services.to_vec(),
            Self::Stress => vec![],
            _ => services.iter().filter(|name| *name == "registry").cloned().collect(),
        }
    }
}
