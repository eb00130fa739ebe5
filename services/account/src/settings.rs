//! Account's own settings and commands.

use chrono::TimeDelta;
use clap::{Args, Subcommand};

use crate::store::sign_in::Limits;

/// Flags, each with its variable. Not `Debug`: one is secret.
#[derive(Args, Clone)]
pub struct Settings {
    /// Ed25519 keys in PKCS#8 PEM, one after the other; the first signs, all are published
    #[arg(long, env = "JWT_SIGNING_KEY", value_name = "PEM", hide_env_values = true)]
    pub jwt_signing_key: Option<String>,
    /// how long a token lives, in seconds
    #[arg(long, env = "TOKEN_LIFETIME_S", default_value_t = 3600, value_parser = clap::value_parser!(i64).range(60..=kit::auth::LIFETIME_MAX_SECONDS))]
    pub token_lifetime_s: i64,
    /// how long a password is enough, in days
    #[arg(long, env = "PASSWORD_MAX_AGE_DAYS", default_value_t = 90, value_parser = clap::value_parser!(i64).range(1..=36_500))]
    pub password_max_age_days: i64,
    /// failed sign-ins of one login before further ones are refused
    #[arg(long, env = "SIGN_IN_LIMIT_PER_LOGIN", default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..))]
    pub sign_in_limit_per_login: i32,
    /// failed sign-ins from one address before further ones are refused
    #[arg(long, env = "SIGN_IN_LIMIT_PER_ADDRESS", default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..))]
    pub sign_in_limit_per_address: i32,
    /// how long failed sign-ins count, in seconds from the first
    #[arg(long, env = "SIGN_IN_WINDOW_S", default_value_t = 900, value_parser = clap::value_parser!(i64).range(1..=86_400))]
    pub sign_in_window_s: i64,
    /// passwords that may wait to be hashed, two at a time; one more is answered with 429
    #[arg(long, env = "HASH_QUEUE_MAX", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub hash_queue_max: u32,
    /// of those waiting and at work, how many one address or one login may have; one more is answered with 429. 0: any number
    #[arg(long, env = "HASH_QUEUE_PER_CLIENT", default_value_t = 16)]
    pub hash_queue_per_client: usize,
    /// organisations one address may sign up in an hour, at once or spread, at each instance; 0: any number
    #[arg(long, env = "SIGN_UP_LIMIT_PER_ADDRESS", default_value_t = 60)]
    pub sign_up_limit_per_address: u32,
    /// Something else than serving
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the binary does besides serving.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Print a fresh signing key as PEM, for JWT_SIGNING_KEY
    GenerateKey,
    /// Make an operator, the platform's own staff; the password is the first line of standard input
    CreateOperator {
        /// the operator's e-mail address
        #[arg(long)]
        email: String,
    },
}

impl Default for Settings {
    /// The defaults of the flags, but an address has all to itself: for tests, which are one.
    fn default() -> Self {
        Self {
            jwt_signing_key: None,
            token_lifetime_s: 3600,
            password_max_age_days: 90,
            sign_in_limit_per_login: 10,
            sign_in_limit_per_address: 100,
            sign_in_window_s: 900,
            hash_queue_max: 64,
            hash_queue_per_client: 0,
            sign_up_limit_per_address: 0,
            command: None,
        }
    }
}

impl Settings {
    /// How many failed sign-ins are too many.
    pub fn limits(&self) -> Limits {
        Limits {
            per_login: self.sign_in_limit_per_login,
            per_address: self.sign_in_limit_per_address,
            window: TimeDelta::seconds(self.sign_in_window_s),
        }
    }

    /// How long a password is enough.
    pub fn password_max_age(&self) -> TimeDelta {
        TimeDelta::days(self.password_max_age_days)
    }
}
