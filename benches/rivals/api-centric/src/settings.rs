//! Settings of each of the five in addition to the product's own.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use kit::StartError;

use crate::nouns::{COUNT, NOUNS, Noun};

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
    /// how long an answer may be used again, in milliseconds: `5000` for all, `5000,standings=0,persons=30000` by noun; 0: it serves
    /// those who asked before its call began
    #[arg(long, env = "CACHE_TTL_MS", default_value = "0", value_name = "MS,NOUN=MS")]
    pub cache_ttl_ms: Ttl,
    /// run a read's handler after its facts are fetched and not meanwhile, and look at the copy each time: needed where there are several
    /// instances of the service
    #[arg(long, env = "IN_SEQUENCE", default_value_t = false, action = clap::ArgAction::Set)]
    pub in_sequence: bool,
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
}

/// How long answers may be used again: each edge of a service is one noun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ttl {
    all: Duration,
    /// In the order of [`NOUNS`].
    by_noun: [Option<Duration>; COUNT],
}

impl Ttl {
    /// The same for all.
    #[must_use]
    pub fn of_all(all: Duration) -> Self {
        Self { all, ..Self::default() }
    }

    /// That of a noun's rows.
    #[must_use]
    pub fn of(&self, noun: &Noun) -> Duration {
        let place = NOUNS.iter().position(|known| known.name == noun.name);
        place.and_then(|place| self.by_noun[place]).unwrap_or(self.all)
    }
}

/// As it is read: `5000,standings=0`.
impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.all.as_millis())?;
        let own = NOUNS.iter().zip(self.by_noun).filter_map(|(noun, ttl)| Some((noun, ttl?)));
        own.into_iter().try_for_each(|(noun, ttl)| write!(f, ",{}={}", noun.name, ttl.as_millis()))
    }
}

impl FromStr for Ttl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut ttl = Self::default();
        for part in text.split(',') {
            let (name, ms) = part.split_once('=').map_or((None, part), |(name, ms)| (Some(name.trim()), ms));
            let ms = ms.trim().parse().map(Duration::from_millis);
            let ms = ms.map_err(|_| format!("{part}: expected milliseconds, or noun=milliseconds"))?;
            let Some(name) = name else {
                ttl.all = ms;
                continue;
            };
            let place = NOUNS.iter().position(|noun| noun.name == name).ok_or_else(|| {
                let known: Vec<&str> = NOUNS.iter().map(|noun| noun.name).collect();
                format!("unknown noun {name}: expected one of {}", known.join(", "))
            })?;
            ttl.by_noun[place] = Some(ms);
        }
        Ok(ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::{PERSONS, STANDINGS, USAGE};

    #[test]
    fn a_time_to_live_is_of_all_or_of_a_noun() {
        let of = |text: &str| {
            text.parse::<Ttl>().map(|ttl| [&STANDINGS, &PERSONS, &USAGE].map(|noun| ttl.of(noun).as_millis()))
        };
        assert_eq!(of("5000"), Ok([5000; 3]));
        assert_eq!(of("standings=0,persons=5000"), Ok([0, 5000, 0]));
        assert_eq!(of("1000, standings=0 , persons=30000"), Ok([0, 30_000, 1000]));
        for text in ["0", "5000", "5000,standings=0,persons=30000", "0,persons=5000"] {
            let ttl: Ttl = text.parse().unwrap();
            assert_eq!(ttl.to_string().parse(), Ok(ttl), "{text}");
        }
        assert_eq!("standings=0, 5000".parse::<Ttl>().unwrap().to_string(), "5000,standings=0");
        for wrong in ["", "x", "standing=0", "persons=", "persons=-1", "1,", "persons=1s"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
