//! Sends what is due, on threads of its own: a slow mail server holds up nothing else, and one slow recipient only one of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::PgConnection;
use kit::{Clock, Progress, StartError};
use uuid::Uuid;

use crate::addresses;
use crate::gate::{Gate, back_off};
use crate::invitations;
use crate::mail::{Sender, compose};
use crate::outbox::{self, Claim};
use crate::refusal::{Refusal, Verdict};
use crate::session::{self, SessionError};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::smtp::{MAIL_TIMEOUTS, Server, Session};
use crate::text::one_line;

/// Claimed at once: few, because they wait for one another.
const CLAIMED_MAX: i64 = 4;
/// What is kept of a mail server's answer.
const REASON_CHARS_MAX: usize = 500;

/// Why a mail with a link is given up that was never refused.
const UNANSWERED: &str =
    "handed over again and again without an answer: the mail may have arrived, so it isn't sent again by itself";

/// The same of a mail that invites.
const INVITED_OFTEN: &str =
    "the address was invited three times within thirty days, or the mail was handed over without an answer";

/// Why a mail that invites is given up.
const WITHDRAWN: &str = "the login has been accepted, removed or given another address";

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Sent,
    Refused(Refusal),
}

/// A sender of mails.
#[derive(Clone)]
pub struct Mailer {
    server: Server,
    gate: Arc<Gate>,
    sender: Sender,
    clock: Clock,
    lease: TimeDelta,
    timeout: Duration,
    retry: TimeDelta,
    give_up: TimeDelta,
}

impl Mailer {
    /// As the settings say.
    pub fn new(settings: &Settings, clock: Clock, gate: Arc<Gate>) -> Result<Self, StartError> {
        Ok(Self {
            server: settings.server()?,
            gate,
            sender: settings.sender()?,
            clock,
            lease: settings.lease(),
            timeout: Duration::from_secs(settings.smtp_timeout_seconds),
            retry: TimeDelta::seconds(i64::from(settings.mail_retry_seconds)),
            give_up: TimeDelta::hours(i64::from(settings.mail_give_up_hours)),
        })
    }

    /// Sends until the service stops. A database that is away is waited for.
    pub fn run(&self, url: &str, signals: &Signals, progress: &Progress) {
        while !signals.stopping() {
            if let Err(error) = self.session(url, signals, progress) {
                tracing::warn!(%error, "mails wait for the database");
                signals.wait_for_mail();
            }
        }
    }

    fn session(&self, url: &str, signals: &Signals, progress: &Progress) -> Result<(), SessionError> {
        let connection = &mut session::open(url)?;
        outbox::prepare(connection)?;
        let smtp = &mut Session::new(self.server.clone())?;
        let mut after = Uuid::nil();
        while !signals.stopping() {
            let claimed = self.turn(connection, smtp, &mut after, signals, progress)?;
            progress.done();
            if claimed == 0 {
                signals.wait_for_mail();
            }
        }
        Ok(())
    }

    /// Claims what is due and tries to send it; how much was claimed. Nothing is, while the mail server refuses.
    fn turn(
        &self,
        connection: &mut PgConnection,
        smtp: &mut Session,
        after: &mut Uuid,
        signals: &Signals,
        progress: &Progress,
    ) -> diesel::QueryResult<usize> {
        if !self.gate.is_open(self.clock.now()) {
            return Ok(0);
        }
        let begin = Instant::now();
        let claims = outbox::claim(connection, self.clock.now(), self.lease, CLAIMED_MAX, after)?;
        // A mail whose lease could end while it is being sent goes back: whoever claims it next sends it.
        let enough = self.lease.to_std().unwrap_or_default().saturating_sub(MAIL_TIMEOUTS * self.timeout);
        for (number, claim) in claims.iter().enumerate() {
            let late = number > 0 && begin.elapsed() > enough;
            if signals.stopping() || late || !self.gate.is_open(self.clock.now()) {
                outbox::release(connection, &claims[number..], self.clock.now())?;
                break;
            }
            let outcome = self.send(connection, smtp, claim)?;
            self.record(connection, claim, outcome)?;
            progress.done();
        }
        Ok(claims.len())
    }

    fn send(&self, connection: &mut PgConnection, smtp: &mut Session, claim: &Claim) -> diesel::QueryResult<Outcome> {
        let mut letter = outbox::letter(connection, claim)?;
        let mut token = None;
        if let Some(invitation) = claim.invitation
            && !invitations::is_open(connection, invitation)?
        {
            return Ok(Outcome::Refused(Refusal::own(Verdict::Final, WITHDRAWN)));
        }
        if let Some(address) = claim.asks {
            token = self.ask(connection, claim, address)?;
            if token.is_none() {
                let why = if claim.invitation.is_some() { INVITED_OFTEN } else { UNANSWERED };
                return Ok(Outcome::Refused(Refusal::own(Verdict::Final, why)));
            }
        }
        letter.link = token.as_ref().map(|token| self.sender.link(token));
        let sent = compose(&self.sender, &letter)
            .map_err(|reason| Refusal::own(Verdict::Final, &reason))
            .and_then(|message| smtp.send(&message));
        // Where no answer came, the recipient may have the link: it goes on working.
        if let (Some(token), Err(Refusal { unanswered: false, .. })) = (&token, &sent) {
            addresses::forget_token(connection, token)?;
        }
        Ok(sent.map_or_else(Outcome::Refused, |()| Outcome::Sent))
    }

    /// A token for each attempt: what is kept of one can't be mailed again. Kept before the mail goes: who reads it can use it at once.
    /// None: the mail may have arrived often enough, or the address was invited often enough. What was made for a mail that was asked for
    /// again counts from then on.
    fn ask(&self, connection: &mut PgConnection, claim: &Claim, address: Uuid) -> diesel::QueryResult<Option<String>> {
        let now = self.clock.now();
        let since = match claim.invitation {
            _ if claim.tried_from > claim.created_at => claim.tried_from,
            Some(_) => now - addresses::INVITED_WITHIN,
            None => DateTime::UNIX_EPOCH,
        };
        addresses::new_token(connection, (claim.organisation_id, address, claim.invitation), since, now)
    }

    fn record(&self, connection: &mut PgConnection, claim: &Claim, outcome: Outcome) -> diesel::QueryResult<()> {
        let now = self.clock.now();
        let Outcome::Refused(refusal) = outcome else {
            self.gate.took();
            return outbox::sent(connection, claim, now);
        };
        let next = match refusal.verdict {
            Verdict::Final => None,
            Verdict::Mail => self.next_attempt(claim, now),
            // Not before it is this mail's own turn either: if it is the only one that is refused, the others come first.
            Verdict::Server => {
                let until = self.gate.refused(now, self.retry);
                self.next_attempt(claim, now).map(|next| next.max(until))
            }
        };
        let reason = one_line(&refusal.reason, REASON_CHARS_MAX);
        let about = refusal.verdict;
        tracing::warn!(delivery = %claim.id, attempts = claim.attempts, given_up = next.is_none(), ?about, reason, "a mail was not taken");
        outbox::failed(connection, claim, next, &reason)
    }

    /// 5 s, 10 s, 20 s, … up to five minutes; none once it has been tried for days.
    fn next_attempt(&self, claim: &Claim, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let attempts = u32::try_from(claim.attempts).unwrap_or(0);
        (now - claim.tried_from <= self.give_up).then(|| now + back_off(self.retry, attempts))
    }
}
