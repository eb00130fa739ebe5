//! What each of the five is told beside the product's own settings.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use kit::StartError;

/// The product's settings, and those of its calls to the others. Not `Debug`: some are secret.
#[derive(Args, Clone)]
pub struct WithCalls<P: Args + Clone> {
    /// The product's own.
    #[command(flatten)]
    pub product: P,
    /// Those of the calls.
    #[command(flatten)]
    pub calls: Calls,
}

/// Where the others are, and how patient, and how forgetful the calls are.
#[derive(Args, Clone)]
pub struct Calls {
    /// login `SERVICE_copier` on the service's own database: writes what was fetched
    #[arg(long, env = "COPIER_DATABASE_URL", hide_env_values = true)]
    pub copier_database_url: String,
    /// the service's reader, for answers to the other services
    #[arg(long = "internal-read-url", id = "internal_read_url", env = "DATABASE_READ_URL", hide_env_values = true)]
    pub internal_read_url: String,
    /// base URL of Account
    #[arg(long, env = "ACCOUNT_URL")]
    pub account_url: Option<String>,
    /// base URL of Profile
    #[arg(long, env = "PROFILE_URL")]
    pub profile_url: Option<String>,
    /// base URL of Registry
    #[arg(long, env = "REGISTRY_URL")]
    pub registry_url: Option<String>,
    /// base URL of Billing
    #[arg(long, env = "BILLING_URL")]
    pub billing_url: Option<String>,
    /// base URL of Notification
    #[arg(long, env = "NOTIFICATION_URL")]
    pub notification_url: Option<String>,
    /// secrets of services, `name=secret,name=secret`: Account knows all five, each other service its own
    #[arg(long, env = "SERVICE_CREDENTIALS", hide_env_values = true)]
    pub service_credentials: String,
    /// how long an answer may be used again, in milliseconds; 0: it serves those who asked before its call began
    #[arg(long, env = "CACHE_TTL_MS", default_value_t = 0)]
    pub cache_ttl_ms: u64,
    /// time between two looks at a feed, in milliseconds
    #[arg(long, env = "POLL_INTERVAL_MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub poll_interval_ms: u64,
    /// how long one attempt of a call may take, in milliseconds
    #[arg(long, env = "EDGE_TIMEOUT_MS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub edge_timeout_ms: u64,
}

impl Calls {
    /// Where a service is, without a slash at the end.
    ///
    /// # Errors
    /// Its variable is missing.
    pub fn url_of(&self, service: &str) -> Result<String, StartError> {
        let url = match service {
            "account" => &self.account_url,
            "profile" => &self.profile_url,
            "registry" => &self.registry_url,
            "billing" => &self.billing_url,
            _ => &self.notification_url,
        };
        let missing =
            || StartError::Usage(format!("{}_URL is missing: the base URL of {service}", service.to_uppercase()));
        url.as_ref().map(|url| url.trim_end_matches('/').to_owned()).ok_or_else(missing)
    }

    /// The secrets by service.
    ///
    /// # Errors
    /// A pair without `=`, or without a secret.
    pub fn secrets(&self) -> Result<HashMap<String, String>, StartError> {
        let read = |pair: &str| match pair.trim().split_once('=') {
            Some((name, secret)) if !name.is_empty() && !secret.is_empty() => Ok((name.to_owned(), secret.to_owned())),
            _ => Err(StartError::Usage("SERVICE_CREDENTIALS: expected name=secret,name=secret".to_owned())),
        };
        self.service_credentials.split(',').map(read).collect()
    }

    /// How long an answer may be used again.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_millis(self.cache_ttl_ms)
    }
}
