//! A connection, host by host, as libpq tries them.

use std::error::Error as _;
use std::time::Duration;

use postgres::config::{ChannelBinding, SslMode, SslNegotiation};
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};
use rand::seq::SliceRandom as _;

use crate::{Address, Error, Host, Mode};

impl Address {
    /// Connects to the first of its hosts that is there and as wanted (`target_session_attrs`). `prepare` adds what the program itself
    /// wants; it is called once for each attempt.
    ///
    /// # Errors
    /// [`Error::Usage`] where the server's certificate isn't to be trusted, or it offers no TLS where that is demanded: then nothing was
    /// sent. [`Error::Postgres`] where the server refused or can't be reached.
    pub fn connect(&self, prepare: impl Fn(&mut Config)) -> Result<Client, Error> {
        let mut hosts: Vec<_> = self.hosts().iter().collect();
        if self.get("load_balance_hosts") == Some("random") {
            hosts.shuffle(&mut rand::rng());
        }
        let wanted = self.get("target_session_attrs").unwrap_or("any");
        let rounds = if wanted == "prefer-standby" { vec!["standby", "any"] } else { vec![wanted] };
        let mut why = None;
        for wanted in rounds {
            for host in &hosts {
                match self.connect_to(host, &prepare) {
                    Ok(mut client) => match is_as(&mut client, wanted).map_err(Error::Postgres)? {
                        true => return Ok(client),
                        false => {
                            why = Some(Error::Unavailable(format!(
                                "no server is as wanted: target_session_attrs={wanted}"
                            )));
                        }
                    },
                    // This one answered: the next would answer the same.
                    Err(error) if is_final(&error) => return Err(error),
                    Err(error) => why = Some(error),
                }
            }
        }
        Err(why.unwrap_or_else(|| Error::Usage("no host is given".to_owned())))
    }

    fn connect_to(&self, host: &Host, prepare: &impl Fn(&mut Config)) -> Result<Client, Error> {
        let attempts: &[SslMode] = match self.mode() {
            _ if host.is_socket() => &[SslMode::Disable],
            Mode::Disable => &[SslMode::Disable],
            Mode::Allow => &[SslMode::Disable, SslMode::Require],
            Mode::Prefer => &[SslMode::Prefer, SslMode::Disable],
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[SslMode::Require],
        };
        let password = self.password(host).unwrap_or_default();
        let mut why = None;
        for ssl in attempts {
            let mut config = self.config(host, password.as_deref(), *ssl);
            prepare(&mut config);
            let connected = if *ssl == SslMode::Disable { config.connect(NoTls) } else { config.connect(self.tls()?) };
            match connected {
                Ok(client) => return Ok(client),
                // What the first attempt said is what the person asked for.
                Err(error) if may_be_otherwise(&error) => why = why.or(Some(error)),
                Err(error) => return Err(self.distrusted(host, error)),
            }
        }
        match why {
            Some(error) => Err(self.distrusted(host, error)),
            None => Err(Error::Usage("no attempt was made".to_owned())),
        }
    }

    fn config(&self, host: &Host, password: Option<&str>, ssl: SslMode) -> Config {
        let mut config = Config::new();
        config.user(self.user()).dbname(self.database()).port(host.port).ssl_mode(ssl);
        // The name is what a certificate is compared with.
        config.host(if host.name.is_empty() { host.target() } else { &host.name });
        if let Some(address) = host.address.as_deref().and_then(|address| address.parse().ok()) {
            config.hostaddr(address);
        }
        if let Some(password) = password {
            config.password(password);
        }
        if let Some(options) = self.get("options") {
            config.options(options);
        }
        if let Some(name) = self.get("application_name").or_else(|| self.get("fallback_application_name")) {
            config.application_name(name);
        }
        let seconds = |keyword| self.number(keyword).map(|number| Duration::from_secs(number.into()));
        if let Some(time) = seconds("connect_timeout") {
            config.connect_timeout(time);
        }
        if let Some(time) = self.number("tcp_user_timeout") {
            config.tcp_user_timeout(Duration::from_millis(time.into()));
        }
        config.keepalives(self.get("keepalives") != Some("0"));
        if let Some(time) = seconds("keepalives_idle") {
            config.keepalives_idle(time);
        }
        if let Some(time) = seconds("keepalives_interval") {
            config.keepalives_interval(time);
        }
        if let Some(count) = self.number("keepalives_count") {
            config.keepalives_retries(count);
        }
        if self.get("sslnegotiation") == Some("direct") {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        config.channel_binding(match self.get("channel_binding") {
            Some("require") => ChannelBinding::Require,
            Some("disable") => ChannelBinding::Disable,
            _ => ChannelBinding::Prefer,
        });
        config
    }

    /// A certificate that isn't to be trusted in one sentence; other errors as they are.
    fn distrusted(&self, host: &Host, error: postgres::Error) -> Error {
        let (said, name) = (sentence(&error), if host.name.is_empty() { host.target() } else { &host.name });
        let mode = self.mode().name();
        if said.contains("does not support TLS") {
            return Error::Usage(format!("{name} offers no TLS, which sslmode={mode} demands: nothing was sent"));
        }
        if !is_distrust(&said) {
            return Error::Postgres(error);
        }
        let reason = said.rsplit(": ").next().unwrap_or_default();
        Error::Usage(if reason.to_lowercase().contains("mismatch") {
            format!(
                "the server's certificate isn't for {name}, which sslmode={mode} demands ({reason}): nothing was sent"
            )
        } else {
            format!(
                "the certificate of {name} is not to be trusted ({reason}): nothing was sent; sslrootcert names the authority's certificate"
            )
        })
    }
}

/// Whether what OpenSSL or libpq said means that the server's certificate isn't to be trusted.
#[must_use]
pub fn is_distrust(said: &str) -> bool {
    ["certificate verify failed", "does not match host name", "does not support SSL, but SSL was required"]
        .iter()
        .any(|part| said.contains(part))
}

/// An error with its causes.
#[must_use]
pub fn sentence(error: &postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.extend([": ", &said]);
        }
        // What follows is what OpenSSL said, which this holds already.
        cause = if is_distrust(&text) { None } else { error.source() };
    }
    text
}

/// Whether another attempt at the same host, with or without TLS, may end otherwise: the handshake failed, or `pg_hba.conf` refused.
fn may_be_otherwise(error: &postgres::Error) -> bool {
    match error.as_db_error() {
        Some(said) => *said.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        None => error.to_string().contains("TLS handshake"),
    }
}

fn is_final(error: &Error) -> bool {
    match error {
        Error::Usage(_) => true,
        Error::Unavailable(_) => false,
        Error::Postgres(error) => error.code().is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW),
    }
}

fn is_as(client: &mut Client, wanted: &str) -> Result<bool, postgres::Error> {
    let question = match wanted {
        "read-write" => "select pg_catalog.current_setting('transaction_read_only') operator(pg_catalog.=) 'off'",
        "read-only" => "select pg_catalog.current_setting('transaction_read_only') operator(pg_catalog.=) 'on'",
        "primary" => "select not pg_catalog.pg_is_in_recovery()",
        "standby" => "select pg_catalog.pg_is_in_recovery()",
        _ => return Ok(true),
    };
    client.query_one(question, &[])?.try_get(0)
}
