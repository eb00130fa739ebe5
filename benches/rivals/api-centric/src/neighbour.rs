//! A neighbour as its callers see it: every call goes through single flight, bulkhead, breaker, time-out and one retry.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::Rng;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::credentials::Credentials;
use crate::http::{self, Trouble};
use crate::metrics::Metrics;
use crate::nouns::{Noun, PERSONS};
use crate::policy::{BULKHEAD, Breaker, Flights, RetryBudget};
use crate::settings::Ttl;

/// The longest wait before a retry: somewhere below it, so that not all come back at once.
const JITTER_MS: u64 = 30;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Away {
    /// The breaker is open: nobody asks now.
    #[error("not asked: it failed too often")]
    Open,
    /// Too many calls are under way.
    #[error("not asked: too many calls wait for it")]
    Full,
    /// The call failed.
    #[error("{0}")]
    Failed(#[from] Trouble),
}

/// Rows of a noun: of an organisation, of ids, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of what.
    pub noun: &'static Noun,
    /// Of which organisation; none where the ids are organisations'.
    pub organisation: Option<Uuid>,
    /// Of which ids, sorted; none: all.
    pub ids: Option<Vec<Uuid>>,
    /// Whatever the time to live, no answer from before it was asked will do.
    pub now: bool,
    /// Where it is asked: the same of the same rows.
    pub(crate) path: String,
}

impl Question {
    fn new(noun: &'static Noun, organisation: Option<Uuid>, ids: Option<Vec<Uuid>>) -> Self {
        let texts = ids.as_ref().map(|ids| ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","));
        let query = [organisation.map(|id| format!("organisation={id}")), texts.map(|ids| format!("ids={ids}"))];
        let query = query.into_iter().flatten().collect::<Vec<_>>().join("&");
        Self { noun, organisation, ids, now: false, path: format!("/internal/v1/{}?{query}", noun.name) }
    }

    /// About these organisations, or all plans.
    #[must_use]
    pub fn of(noun: &'static Noun, ids: impl IntoIterator<Item = Uuid>) -> Self {
        Self::new(noun, None, Some(sorted(ids)))
    }

    /// About some of an organisation.
    #[must_use]
    pub fn some(noun: &'static Noun, organisation: Uuid, ids: impl IntoIterator<Item = Uuid>) -> Self {
        Self::new(noun, Some(organisation), Some(sorted(ids)))
    }

    /// About all of an organisation.
    #[must_use]
    pub fn all(noun: &'static Noun, organisation: Uuid) -> Self {
        Self::new(noun, Some(organisation), None)
    }

    /// The same, not to be answered from a cache.
    #[must_use]
    pub fn now(self) -> Self {
        Self { now: true, ..self }
    }
}

fn sorted(ids: impl IntoIterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// A row's columns by name.
pub type Row = serde_json::Map<String, Value>;

/// One row of an answer.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub struct Item {
    /// The version of the owner's own row; none where it has none.
    pub version: Option<i64>,
    /// Its columns.
    pub row: Row,
}

/// All rows of an answer.
#[derive(Debug)]
pub struct Rows {
    /// When its call began: the owner's rows are not older.
    pub began: Instant,
    /// Them.
    pub items: Vec<Item>,
}

/// What every internal endpoint answers.
#[derive(serde::Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

type Answer = Result<Arc<Rows>, Away>;

/// One of the other services.
pub struct Neighbour {
    name: &'static str,
    url: String,
    timeout: Duration,
    ttl: Ttl,
    credentials: Arc<Credentials>,
    metrics: Metrics,
    bulkhead: Semaphore,
    breaker: Mutex<Breaker>,
    budget: Mutex<RetryBudget>,
    flights: Flights<Answer>,
}

impl Neighbour {
    /// The neighbour at `url`.
    #[must_use]
    pub fn new(
        name: &'static str,
        url: String,
        timeout: Duration,
        ttl: Ttl,
        credentials: Arc<Credentials>,
        metrics: Metrics,
    ) -> Self {
        Self {
            name,
            url,
            timeout,
            ttl,
            credentials,
            metrics,
            bulkhead: Semaphore::new(BULKHEAD),
            breaker: Mutex::default(),
            budget: Mutex::default(),
            flights: Flights::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The rows of a question: another request's answer where that is new enough.
    ///
    /// # Errors
    /// [`Away`]: whether that matters is the edge's to say.
    pub async fn ask(&self, question: &Question) -> Answer {
        // A person who isn't there may come any moment: an answer of fewer than were asked for is never kept. Without a row of the
        // other nouns there is a value all the same (active, none).
        let asked = question.ids.as_ref().filter(|_| question.noun == &PERSONS).map_or(0, Vec::len);
        let whole = |answer: &Answer| {
            let rows = answer.as_ref().ok().filter(|rows| rows.items.len() >= asked)?;
            // As JSON a row of any noun has fewer than 512 bytes; in memory it takes twice that.
            Some(rows.items.len() * 1024)
        };
        let call = || async {
            let began = Instant::now();
            let items = self.get(&question.path).await?;
            Ok(Arc::new(Rows { began, items }))
        };
        let ttl = if question.now { Duration::ZERO } else { self.ttl.of(question.noun) };
        self.flights.ask(&question.path, ttl, whole, call).await
    }

    /// The items at a path, through everything but single flight.
    ///
    /// # Errors
    /// [`Away`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Away> {
        let result = self.guarded(path).await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(Away::Open) => "breaker",
            Err(Away::Full) => "bulkhead",
            Err(Away::Failed(_)) => "failed",
        };
        self.metrics.call(self.name, outcome);
        result
    }

    async fn guarded<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Away> {
        let _place = self.bulkhead.try_acquire().map_err(|_| Away::Full)?;
        self.budget().called();
        let first = self.attempt(path).await;
        let Err(Away::Failed(_)) = first else { return first };
        if !self.budget().retry() {
            return first;
        }
        self.metrics.retry(self.name);
        let pause = rand::rng().random_range(0..=JITTER_MS);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        self.attempt(path).await
    }

    async fn attempt<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Away> {
        let pass = self.breaker().admit(Instant::now()).ok_or(Away::Open)?;
        let answer = self.authorised::<Items<T>>(path).await;
        let mut breaker = self.breaker();
        breaker.record(pass, answer.is_ok(), Instant::now());
        self.metrics.breaker(self.name, breaker.is_closed());
        Ok(answer?.items)
    }

    /// With our token; with a new one if that was refused (the clock was moved, or keys were exchanged).
    async fn authorised<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        let url = format!("{}{path}", self.url);
        let token = self.credentials.token(self.timeout).await?;
        match http::get(&url, Some(&token), self.timeout).await {
            Err(Trouble::Status(401)) => {
                self.credentials.refused(&token).await;
                let token = self.credentials.token(self.timeout).await?;
                http::get(&url, Some(&token), self.timeout).await
            }
            answer => answer,
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn budget(&self) -> MutexGuard<'_, RetryBudget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
