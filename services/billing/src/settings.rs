//! Billing's own settings.

use std::time::Duration;

use chrono::TimeDelta;
use clap::{ArgAction, Args};

use crate::dunning::Terms;

/// Flags and variables. Not `Debug`: the key is a secret.
#[derive(Args, Clone)]
pub struct Settings {
    /// where the payment provider is
    #[arg(long, env = "STRIPE_API_BASE", default_value = "https://api.stripe.com", value_name = "URL")]
    pub stripe_api_base: String,
    /// our key at the payment provider
    #[arg(long, env = "STRIPE_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub stripe_api_key: Option<String>,
    /// how long an answer of the provider is waited for, in milliseconds
    #[arg(long, env = "PROVIDER_TIMEOUT_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=120_000))]
    pub provider_timeout_ms: u64,
    /// after how long a charge whose answer never came is asked for again, in milliseconds; doubles each time
    #[arg(long, env = "ASK_AGAIN_MS", default_value_t = 15_000, value_parser = clap::value_parser!(i64).range(1..=3_600_000))]
    pub ask_again_ms: i64,
    /// charges asked for at once
    #[arg(long, env = "CHARGE_PARALLEL", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub charge_parallel: u32,
    /// charges begun in one transaction
    #[arg(long, env = "CHARGE_BATCH", default_value_t = 64, value_parser = clap::value_parser!(i64).range(1..=1000))]
    pub charge_batch: i64,
    /// invoices written in one transaction
    #[arg(long, env = "INVOICE_BATCH", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub invoice_batch: i64,
    /// how long an instance that died is waited for before another takes over, in milliseconds
    #[arg(long, env = "LEASE_MS", default_value_t = 10_000, value_parser = clap::value_parser!(i64).range(10..=600_000))]
    pub lease_ms: i64,
    /// days from the notice of a payment to charging it
    #[arg(long, env = "NOTICE_DAYS", default_value_t = 3, value_parser = clap::value_parser!(i64).range(0..=90))]
    pub notice_days: i64,
    /// days from the first failed charge to the freeze
    #[arg(long, env = "FREEZE_DAYS", default_value_t = 14, value_parser = clap::value_parser!(i64).range(0..=365))]
    pub freeze_days: i64,
    /// whether this instance does the runs and charges; one that doesn't only answers requests
    #[arg(long, env = "WORK", default_value_t = true, action = ArgAction::Set)]
    pub work: bool,
    /// whether runs start by themselves on the 1st at 00:10 UTC
    #[arg(long, env = "SCHEDULE", default_value_t = true, action = ArgAction::Set)]
    pub schedule: bool,
}

impl Settings {
    /// The times of dunning.
    pub fn terms(&self) -> Terms {
        let ask_again = TimeDelta::milliseconds(self.ask_again_ms);
        Terms { notice_days: self.notice_days, freeze_days: self.freeze_days, ask_again }
    }

    /// How long an answer is waited for.
    pub fn provider_timeout(&self) -> Duration {
        Duration::from_millis(self.provider_timeout_ms)
    }
}
