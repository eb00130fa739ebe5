//! The service's own settings.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use kit::StartError;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};

use crate::counters::Caps;
use crate::mail::Sender;
use crate::smtp::Server;

/// How mail is protected on its way to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protection {
    /// Begins in the clear and must change to TLS, or nothing is sent.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: for a mail server on this machine.
    None,
}

/// Not `Debug`: there is a password in it.
#[derive(Args, Clone)]
pub struct Settings {
    /// mail server
    #[arg(long, env = "SMTP_HOST", value_name = "HOST")]
    pub smtp_host: Option<String>,
    /// its port
    #[arg(long, env = "SMTP_PORT", default_value_t = 587)]
    pub smtp_port: u16,
    /// protection of the connection to it
    #[arg(long, env = "SMTP_TLS", value_enum, default_value_t = Protection::Starttls)]
    pub smtp_tls: Protection,
    /// user name at the mail server
    #[arg(long, env = "SMTP_USER", value_name = "NAME")]
    pub smtp_user: Option<String>,
    /// password at the mail server
    #[arg(long, env = "SMTP_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    pub smtp_password: Option<String>,
    /// how long the mail server may take to answer, in seconds
    #[arg(long, env = "SMTP_TIMEOUT_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub smtp_timeout_seconds: u64,
    /// sender of all mails
    #[arg(long, env = "MAIL_FROM", default_value = "Govrnanza <no-reply@govrnanza.example>")]
    pub mail_from: String,
    /// where people end mails without signing in (List-Unsubscribe): a mailto: that somebody reads, or an https: address; default: not said
    #[arg(long, env = "MAIL_UNSUBSCRIBE", value_name = "URI")]
    pub mail_unsubscribe: Option<String>,
    /// where people reach the services (the gateway's origin): links in mails begin with it
    #[arg(long, env = "PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// mails to an address in an hour, from all organisations; more become one; 0: any number
    #[arg(long, env = "MAILS_PER_ADDRESS", default_value_t = 30)]
    pub mails_per_address: u32,
    /// mails of an organisation in an hour; more become one for each recipient; 0: any number
    #[arg(long, env = "MAILS_PER_ORGANISATION", default_value_t = 20_000)]
    pub mails_per_organisation: u32,
    /// addresses that an organisation may have asked for a confirmation in a day; the others are asked later; 0: any number
    #[arg(long, env = "ASKS_PER_ORGANISATION", default_value_t = 500)]
    pub asks_per_organisation: u32,
    /// mails sent at the same time
    #[arg(long, env = "MAIL_SENDERS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub mail_senders: u32,
    /// wait before the second attempt, in seconds; each further wait is twice as long, up to five minutes
    #[arg(long, env = "MAIL_RETRY_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub mail_retry_seconds: u32,
    /// hours until a mail that is never taken is given up
    #[arg(long, env = "MAIL_GIVE_UP_HOURS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=8760))]
    pub mail_give_up_hours: u32,
    /// after this time another sender takes over the mails of one that died, in seconds; more than twice the mail server's time-out
    #[arg(long, env = "MAIL_LEASE_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub mail_lease_seconds: u32,
    /// read the feeds again from the first change at or after this time (RFC 3339); makes nothing twice
    #[arg(long, env = "REPLAY_FROM", value_name = "TIME")]
    pub replay_from: Option<DateTime<Utc>>,
}

impl Settings {
    /// `From` and `List-Unsubscribe`.
    pub fn sender(&self) -> Result<Sender, StartError> {
        let from: Mailbox =
            self.mail_from.parse().map_err(|error| StartError::Usage(format!("MAIL_FROM: not an address: {error}")))?;
        let unsubscribe = match &self.mail_unsubscribe {
            Some(uri) if uri.chars().all(|letter| letter.is_ascii_graphic() && !matches!(letter, '<' | '>' | ',')) => {
                Some(uri.clone())
            }
            Some(_) => {
                return Err(StartError::Usage("MAIL_UNSUBSCRIBE: not a mailto: or https: address".to_owned()));
            }
            None => None,
        };
        let url = self.public_url.as_deref().map(|url| url.trim_end_matches('/'));
        let url = url.filter(|url| !url.is_empty());
        let url =
            url.ok_or_else(|| StartError::Usage("PUBLIC_URL is missing: where people reach the services".to_owned()))?;
        let is_url = ["https://", "http://"].iter().any(|start| url.starts_with(start));
        if !is_url
            || !url.chars().all(|letter| letter.is_ascii_graphic() && !matches!(letter, '?' | '#' | '"' | '<' | '>'))
        {
            return Err(StartError::Usage("PUBLIC_URL: not an http: or https: address".to_owned()));
        }
        Ok(Sender { from, unsubscribe, public_url: url.to_owned() })
    }

    /// The way to the mail server; nothing is connected yet.
    pub fn server(&self) -> Result<Server, StartError> {
        let host = self.smtp_host.as_deref().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| StartError::Usage("SMTP_HOST is missing: the mail server".to_owned()))?;
        let tls = || {
            TlsParameters::new(host.to_owned())
                .map_err(|error| StartError::Usage(format!("SMTP_HOST: no TLS to {host}: {error}")))
        };
        let tls = match self.smtp_tls {
            Protection::Starttls => Tls::Required(tls()?),
            Protection::Tls => Tls::Wrapper(tls()?),
            Protection::None => Tls::None,
        };
        let credentials = match (&self.smtp_user, &self.smtp_password) {
            (Some(user), Some(password)) if self.smtp_tls != Protection::None => {
                Some(Credentials::new(user.clone(), password.clone()))
            }
            (Some(_), Some(_)) => {
                return Err(StartError::Usage(
                    "SMTP_PASSWORD: never sent in the clear; set SMTP_TLS to starttls or tls".to_owned(),
                ));
            }
            (None, None) => None,
            (Some(_), None) => {
                return Err(StartError::Usage("SMTP_PASSWORD is missing: SMTP_USER has one".to_owned()));
            }
            (None, Some(_)) => {
                return Err(StartError::Usage("SMTP_USER is missing: whose password is SMTP_PASSWORD?".to_owned()));
            }
        };
        let timeout = Duration::from_secs(self.smtp_timeout_seconds);
        Ok(Server { host: host.to_owned(), port: self.smtp_port, tls, credentials, timeout })
    }

    /// How many mails there may be.
    pub fn caps(&self) -> Caps {
        Caps {
            per_address: i64::from(self.mails_per_address),
            per_organisation: i64::from(self.mails_per_organisation),
            asks_per_organisation: i64::from(self.asks_per_organisation),
        }
    }

    /// How long a claimed mail is a sender's own.
    pub fn lease(&self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.mail_lease_seconds))
    }
}
