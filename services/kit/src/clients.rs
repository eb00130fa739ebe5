//! What clients may ask of a service: settings, whose address counts, how much one may write, and how many connections
//! one may hold.

mod address;
mod at_once;
mod connections;
mod limit;

use std::str::FromStr;

use clap::Args;

pub use address::Networks;
pub(crate) use address::subject;
pub use at_once::{AtOnce, Place};
pub(crate) use connections::Connections;
pub use limit::Limit;
pub(crate) use limit::Limits;

/// What protects a service from its clients. All waits are in milliseconds.
#[derive(Args, Clone, Debug)]
pub struct Clients {
    /// addresses or networks (10.0.0.0/8) of the proxies in front, comma-separated: X-Forwarded-For is believed from them alone
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "", value_name = "NETWORKS")]
    pub trusted_proxies: Networks,
    /// origins whose pages may call this service, comma-separated; none: no page of another origin may
    #[arg(long, env = "CORS_ORIGINS", default_value = "", value_name = "ORIGINS")]
    pub cors_origins: Origins,
    /// requests that change something one token may send in a minute, at once or spread; 0: any number
    #[arg(long, env = "WRITE_LIMIT_PER_TOKEN", default_value_t = 1200)]
    pub write_limit_per_token: u32,
    /// requests that change something, signing in included, one address may send in a minute; 0: any number
    #[arg(long, env = "WRITE_LIMIT_PER_ADDRESS", default_value_t = 6000)]
    pub write_limit_per_address: u32,
    /// connections one address may hold open, at each instance; one more is closed at once. 0: any number. Trusted proxies may hold any number
    #[arg(long, env = "CONNECTIONS_PER_ADDRESS", default_value_t = 256)]
    pub connections_per_address: usize,
    /// how long a request's head may take to arrive
    #[arg(long, env = "HEAD_WAIT_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub head_wait_ms: u64,
    /// how long a request's body may take to arrive, and an answer to be taken
    #[arg(long, env = "BODY_WAIT_MS", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub body_wait_ms: u64,
    /// how long a connection may stay open with nothing asked
    #[arg(long, env = "IDLE_WAIT_MS", default_value_t = 75_000, value_parser = clap::value_parser!(u64).range(50..=600_000))]
    pub idle_wait_ms: u64,
}

impl Default for Clients {
    /// The defaults of the flags, but no limits: for tests, which are one address with one token.
    fn default() -> Self {
        Self {
            trusted_proxies: Networks::default(),
            cors_origins: Origins::default(),
            write_limit_per_token: 0,
            write_limit_per_address: 0,
            connections_per_address: 0,
            head_wait_ms: 10_000,
            body_wait_ms: 15_000,
            idle_wait_ms: 75_000,
        }
    }
}

/// Origins that are let in: scheme, host and port, as browsers send them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Is this one of them, to the letter?
    pub(crate) fn allow(&self, origin: &str) -> bool {
        self.0.iter().any(|own| own == origin)
    }
}

impl FromStr for Origins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let origins = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        let check = |origin: &str| {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            match host {
                Some(host) if !host.is_empty() && !host.contains(['/', '*', ' ']) => Ok(origin.to_owned()),
                _ => Err(format!("{origin} is no origin: it looks like https://app.example.com, without a path")),
            }
        };
        Ok(Self(origins.map(check).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_whole_and_compared_to_the_letter() {
        let two: Origins = "https://a.example, http://localhost:3000".parse().unwrap();
        assert!(two.allow("https://a.example") && two.allow("http://localhost:3000"));
        for other in ["https://a.example.evil", "http://a.example", "null", "", "https://a.example/"] {
            assert!(!two.allow(other), "{other}");
        }
        for wrong in ["*", "a.example", "https://a.example/x", "https://", "null"] {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
        assert_eq!("".parse(), Ok(Origins::default()));
    }
}
