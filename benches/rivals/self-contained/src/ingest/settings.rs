//! Settings of an ingester.

use crate::Log;

/// Settings of an ingester.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// The consumer.
    #[arg(long, env = "SERVICE")]
    pub service: String,
    /// Its own database, as its copier's login.
    #[arg(long, env = "COPIER_DATABASE_URL", hide_env_values = true)]
    pub copier_database_url: String,
    /// Each record waits so long before it is applied: a delay of known size, to try what measures it.
    #[arg(long, env = "APPLY_DELAY_MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=60_000))]
    pub apply_delay_ms: u64,
    /// The log.
    #[command(flatten)]
    pub log: Log,
}
