//! One session of an actor: rounds of its script until the arm ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postgres::Client;
use schema::connection::{self, Address};

use super::login;
use super::step::{Step, Values};
use crate::Failure;
use crate::data::failed;
use crate::measure::sessions::Actor;
use crate::stats::Histogram;

/// A statement that waits for longer has met something that doesn't end by itself.
const STATEMENT_MAX: &str = "30s";

/// How soon a session that sleeps notices that it is over.
const SLICE: Duration = Duration::from_millis(50);

/// What became of an actor's rounds.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    /// Times of all rounds, failed ones included, from the moment each was due.
    pub times: Histogram,
    /// Those that went well.
    pub good: u64,
    /// The others by SQLSTATE, `connection` without one, or by the outcome of HTTP.
    pub errors: BTreeMap<String, u64>,
    /// Mean wait inside the service for a database thread and a connection, milliseconds; 0 where nobody says it.
    pub pool_ms: f64,
}

impl Rounds {
    /// Those that broke the contract: a full plan, a taken name and a crossing change are answers that it promises.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let promised = |code: &str| matches!(code, "stale" | "expected4xx");
        let broken = self.errors.iter().filter(|(code, _)| !promised(code));
        broken.map(|(_, count)| count).sum()
    }

    /// Adds another session's.
    pub fn add(&mut self, other: &Self) {
        self.times.add(&other.times);
        self.good += other.good;
        for (code, count) in &other.errors {
            *self.errors.entry(code.clone()).or_default() += count;
        }
    }
}

/// One session, connected and ready to begin.
pub struct Session {
    actor: Actor,
    address: Address,
    client: Option<Client>,
    values: Values,
    over: Arc<AtomicBool>,
}

impl Session {
    /// Connects, unless each round does.
    ///
    /// # Errors
    /// When the first connection is refused.
    pub fn open(
        actor: &Actor,
        superuser_url: &str,
        (org, orgs): (String, String),
        number: u64,
    ) -> Result<Self, Failure> {
        let role = actor.role.as_deref().unwrap_or_default();
        let mut session = Self {
            actor: actor.clone(),
            address: login::address(superuser_url, role)?,
            client: None,
            // Sessions number their rounds in ranges of their own.
            values: Values { org, orgs, n: number << 32 },
            over: Arc::default(),
        };
        if !actor.reconnect {
            session.connect().map_err(|error| match error {
                connection::Error::Postgres(error) => failed(&format!("connecting as {role}"), &error),
                other => schema::Error::from(other).into(),
            })?;
        }
        Ok(session)
    }

    /// Ends early, within a round too, once this is true; a statement that waits is for others to end.
    #[must_use]
    pub fn ended_by(mut self, over: &Arc<AtomicBool>) -> Self {
        self.over = Arc::clone(over);
        self
    }

    /// Rounds from `start` to `end`.
    #[must_use]
    pub fn run(mut self, start: Instant, end: Instant) -> Rounds {
        let mut rounds = Rounds::default();
        let first = start + Duration::from_millis(self.actor.start_ms);
        self.sleep_until(first);
        for round in 0..self.actor.rounds.unwrap_or(u64::MAX) {
            let due = match self.actor.every_ms {
                Some(ms) => first + Duration::from_secs_f64(ms / 1000.0 * round as f64),
                None => Instant::now(),
            };
            if due >= end {
                // An idle session keeps its connection.
                self.sleep_until(end);
                break;
            }
            self.sleep_until(due);
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            self.values.n += 1;
            match self.round() {
                Ok(()) => rounds.good += 1,
                Err(error) => {
                    let code = error.as_db_error().map_or("connection", |error| error.code().code());
                    *rounds.errors.entry(code.to_owned()).or_default() += 1;
                    self.recover();
                }
            }
            rounds.times.record_us(due.elapsed().as_micros() as u64);
            if self.actor.until_good && rounds.good > 0 {
                break;
            }
        }
        rounds
    }

    fn round(&mut self) -> Result<(), connection::Error> {
        if self.actor.reconnect {
            self.client = None;
        }
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.connect()?;
        }
        let (steps, values) = (self.actor.script.clone(), self.values.clone());
        self.steps(&steps, &values)
    }

    fn connect(&mut self) -> Result<(), connection::Error> {
        let mut client = self.address.connect(|_| {})?;
        client.batch_execute(&format!("set statement_timeout = '{STATEMENT_MAX}'"))?;
        self.client = Some(client);
        let (steps, values) = (self.actor.begin.clone(), self.values.clone());
        self.steps(&steps, &values)
    }

    fn steps(&mut self, steps: &[Step], values: &Values) -> Result<(), connection::Error> {
        for step in steps {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            match step {
                Step::Sleep(pause) => self.sleep_until(Instant::now() + *pause),
                Step::Statement(text) => {
                    if let Some(client) = &mut self.client {
                        client.batch_execute(&values.fill(text))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Out of whatever transaction the round was in; a connection that is gone is made anew by the next round.
    fn recover(&mut self) {
        if let Some(client) = &mut self.client {
            let _ = client.batch_execute("rollback");
        }
    }

    fn sleep_until(&self, moment: Instant) {
        while !self.over.load(Ordering::Relaxed) {
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(SLICE));
        }
    }
}
