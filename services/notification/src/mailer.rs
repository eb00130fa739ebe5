//! Sends what is due, on threads of its own: a slow mail server holds up nothing else, and one slow recipient only one of them.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::PgConnection;
use kit::{Clock, StartError};
use lettre::{SmtpTransport, Transport as _};

use crate::mail::{Sender, compose};
use crate::outbox::{self, Claim};
use crate::session::{self, SessionError};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::text::one_line;

/// Claimed at once: few, because they wait for one another.
const CLAIMED_MAX: i64 = 4;
/// The longest wait between two attempts.
const RETRY_MAX: TimeDelta = TimeDelta::minutes(5);
/// What is kept of a mail server's answer.
const REASON_CHARS_MAX: usize = 500;

/// A mail server's answers that say nothing about the mail: the login is refused, or the server as a whole.
const NOT_ABOUT_THE_MAIL: [&str; 6] = ["421", "454", "530", "534", "535", "538"];

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Sent,
    Later(String),
    Never(String),
}

/// A sender of mails.
#[derive(Clone)]
pub struct Mailer {
    transport: SmtpTransport,
    sender: Sender,
    clock: Clock,
    lease: TimeDelta,
    timeout: Duration,
    retry: TimeDelta,
    give_up: TimeDelta,
}

impl Mailer {
    /// As the settings say.
    pub fn new(settings: &Settings, clock: Clock) -> Result<Self, StartError> {
        Ok(Self {
            transport: settings.transport()?,
            sender: settings.sender()?,
            clock,
            lease: settings.lease(),
            timeout: Duration::from_secs(settings.smtp_timeout_seconds),
            retry: TimeDelta::seconds(i64::from(settings.mail_retry_seconds)),
            give_up: TimeDelta::hours(i64::from(settings.mail_give_up_hours)),
        })
    }

    /// Sends until the service stops. A database that is away is waited for.
    pub fn run(&self, url: &str, signals: &Signals) {
        while !signals.stopping() {
            if let Err(error) = self.session(url, signals) {
                tracing::warn!(%error, "mails wait for the database");
                signals.wait_for_mail();
            }
        }
    }

    fn session(&self, url: &str, signals: &Signals) -> Result<(), SessionError> {
        let connection = &mut session::open(url)?;
        while !signals.stopping() {
            if self.turn(connection, signals)? == 0 {
                signals.wait_for_mail();
            }
        }
        Ok(())
    }

    /// Claims what is due and tries to send it; how much was claimed.
    fn turn(&self, connection: &mut PgConnection, signals: &Signals) -> diesel::QueryResult<usize> {
        let begin = Instant::now();
        let claims = outbox::claim(connection, self.clock.now(), self.lease, CLAIMED_MAX)?;
        // A mail whose lease could end while it is being sent is left: whoever claims it next sends it.
        let enough = self.lease.to_std().unwrap_or_default().saturating_sub(self.timeout);
        for claim in &claims {
            if signals.stopping() || (begin.elapsed() > enough && claims.len() > 1) {
                break;
            }
            let outcome = self.send(connection, claim)?;
            self.record(connection, claim, outcome)?;
        }
        Ok(claims.len())
    }

    fn send(&self, connection: &mut PgConnection, claim: &Claim) -> diesel::QueryResult<Outcome> {
        let letter = outbox::letter(connection, claim)?;
        let message = match compose(&self.sender, &letter) {
            Ok(message) => message,
            Err(reason) => return Ok(Outcome::Never(reason)),
        };
        Ok(match self.transport.send(&message) {
            Ok(_) => Outcome::Sent,
            Err(error) => {
                let reason = one_line(&reason(&error), REASON_CHARS_MAX);
                let about_the_mail =
                    error.status().is_none_or(|code| !NOT_ABOUT_THE_MAIL.contains(&code.to_string().as_str()));
                if error.is_permanent() && about_the_mail { Outcome::Never(reason) } else { Outcome::Later(reason) }
            }
        })
    }

    fn record(&self, connection: &mut PgConnection, claim: &Claim, outcome: Outcome) -> diesel::QueryResult<()> {
        let now = self.clock.now();
        let (next, reason) = match outcome {
            Outcome::Sent => return outbox::sent(connection, claim, now),
            Outcome::Never(reason) => (None, reason),
            Outcome::Later(reason) => (self.next_attempt(claim, now), reason),
        };
        tracing::warn!(delivery = %claim.id, attempts = claim.attempts, given_up = next.is_none(), reason, "a mail was not taken");
        outbox::failed(connection, claim, next, &reason)
    }

    /// 5 s, 10 s, 20 s, … up to five minutes; none once it has been tried for days.
    fn next_attempt(&self, claim: &Claim, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if now - claim.created_at > self.give_up {
            return None;
        }
        let doublings = u32::try_from(claim.attempts - 1).unwrap_or(0).min(16);
        let wait = self.retry.checked_mul(2_i32.pow(doublings)).unwrap_or(RETRY_MAX).min(RETRY_MAX);
        Some(now + wait)
    }
}

/// The error with what lies under it: lettre's own text leaves that out.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(below) = source {
        let more = below.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = below.source();
    }
    text
}
