//! What can be typed behind `lab bench sql`.

use clap::Args;

use super::args::Output;
use crate::sql::yardstick;

/// `lab sql` and pgbench in turn.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 1 where the interval of the ratio isn't within 0.97 and 1.03.")]
pub(super) struct SqlArgs {
    /// Rounds; in each both run once
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub rounds: u32,
    /// Measured seconds of each turn
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Transactions per second
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rate: u32,
    /// Connections
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub connections: u32,
    #[command(flatten)]
    pub output: Output,
}

impl SqlArgs {
    pub fn plan(&self) -> yardstick::Plan {
        let Self { rounds, seconds, rate, connections, .. } = *self;
        yardstick::Plan { rounds, seconds, rate, connections }
    }
}
