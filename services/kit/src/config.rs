//! Settings that all services have: flags, each with its environment variable; no files.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use connection::{Address, Mode, is_distrust};
use diesel::{Connection as _, PgConnection};

use crate::clients::Clients;
use crate::start::StartError;

/// For a service without settings of its own.
#[derive(Args, Clone, Debug, Default)]
pub struct NoSettings {}

/// What every service is told. Not `Debug`: the URLs hold passwords.
#[derive(Args, Clone)]
pub struct Common {
    /// connection string of the service's reader
    #[arg(long, env = "DATABASE_READ_URL", value_name = "URL", hide_env_values = true)]
    pub database_read_url: Option<String>,
    /// connection string of the service's writer
    #[arg(long, env = "DATABASE_WRITE_URL", value_name = "URL", hide_env_values = true)]
    pub database_write_url: Option<String>,
    /// address and port to listen on; port 0 takes a free one
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// connections, and threads, for reads
    #[arg(long, env = "POOL_READ_SIZE", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub pool_read_size: u32,
    /// connections, and threads, for writes
    #[arg(long, env = "POOL_WRITE_SIZE", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub pool_write_size: u32,
    /// how long a request may wait for a thread, and for a connection, in milliseconds
    #[arg(long, env = "POOL_WAIT_MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub pool_wait_ms: u64,
    /// requests of a kind (reads, writes, each shared read) that may wait for a thread; one more is answered with 503
    #[arg(long, env = "QUEUE_MAX", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub queue_max: u32,
    /// reads by key that may share a statement; 1 gives each its own
    #[arg(long, env = "BATCH_MAX", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub batch_max: u32,
    /// shares a statement even where there is nobody to share it with; for tests
    #[arg(skip)]
    pub batch_always: bool,
    /// event loops
    #[arg(long, env = "WORKERS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,
    /// a file with the public keys of tokens (JSON Web Key Set) instead of the database's
    #[arg(long, env = "JWKS", value_name = "FILE")]
    pub jwks: Option<String>,
    /// the issuer that tokens must name
    #[arg(long, env = "JWT_ISSUER", default_value = "govrnanza")]
    pub jwt_issuer: String,
    /// a file with signed seconds that are added to the time; for development and tests
    #[arg(long, env = "CLOCK_FILE", value_name = "FILE")]
    pub clock_file: Option<PathBuf>,
    /// what to log: a level, or tracing's filter syntax
    #[arg(long, env = "LOG", default_value = "info")]
    pub log: String,
    /// What clients may ask of it.
    #[command(flatten)]
    pub clients: Clients,
}

impl Common {
    /// Where reader and writer connect to, in words for libpq; with limits of time.
    pub(crate) fn addresses(&self) -> Result<[String; 2], StartError> {
        let read = address(self.database_read_url.as_deref(), "DATABASE_READ_URL")?;
        let write = address(self.database_write_url.as_deref(), "DATABASE_WRITE_URL")?;
        Ok([read, write])
    }
}

fn address(given: Option<&str>, variable: &str) -> Result<String, StartError> {
    let given = given.filter(|text| !text.is_empty()).ok_or_else(|| {
        StartError::Usage(format!("{variable} is missing: the connection string of the service's login"))
    })?;
    let address = Address::read(given).map_err(|error| StartError::Usage(format!("{variable}: {error}")))?;
    for note in address.notes() {
        tracing::warn!(setting = variable, "{note}");
    }
    // A host that doesn't answer must not hold the pool's threads for minutes.
    let address = address.or("connect_timeout", "3").or("tcp_user_timeout", "10000");
    let words = address.words();
    if address.mode() >= Mode::Require {
        trusted(&words, variable)?;
    }
    Ok(words)
}

/// Whoever demands TLS learns at the start that this server isn't to be trusted, before a password was sent to it. Any other trouble may
/// pass: then the service starts and isn't ready.
fn trusted(words: &str, variable: &str) -> Result<(), StartError> {
    let Err(error) = PgConnection::establish(words) else { return Ok(()) };
    let said = error.to_string();
    match said.lines().find(|line| is_distrust(line)) {
        Some(line) => Err(StartError::Usage(format!("{variable}: {}; nothing was sent", line.trim()))),
        None => Ok(()),
    }
}
