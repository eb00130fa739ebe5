//! Statements beside the product's own pools: one pipelined connection for each login and event loop.
//!
//! A neighbour's question so takes none of the product's database threads, and its answer comes back on the loop that waits for
//! it: no other thread has to be woken.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::trace;

/// A statement that takes longer counts as failed: a request waits for it.
const WITHIN: Duration = Duration::from_secs(2);

/// What its sessions are called.
const NAME: &str = "api-centric";

/// A parameter of a statement.
pub type Parameter<'a> = &'a (dyn ToSql + Sync);

/// The local database can't be asked. What it said is for the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the local database: {0}")]
pub struct Failed(String);

/// One login's connections, made when first needed and again when they broke.
pub struct Sql {
    config: Config,
    /// Tells the login's connections from others' of the same loop.
    number: usize,
}

/// Locked while connecting, so that those who come meanwhile share what comes of it.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Session>>>>;

thread_local! {
    /// The connections of this event loop, which drives them.
    static SESSIONS: RefCell<HashMap<usize, Slot>> = RefCell::default();
}

struct Session {
    client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

impl Sql {
    /// Of a connection string; nothing is connected yet.
    ///
    /// # Errors
    /// A connection string that can't be read.
    pub fn new(url: &str) -> Result<Self, Failed> {
        static NUMBERS: AtomicUsize = AtomicUsize::new(0);
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| Failed(error.to_string()))?;
        config.connect_timeout(WITHIN);
        Ok(Self { config, number: NUMBERS.fetch_add(1, Ordering::Relaxed) })
    }

    /// The one value of the one row of a statement, read as JSON: the statement ends in `::text`.
    ///
    /// # Errors
    /// The database is away, refuses, or takes longer than two seconds; or the value is another one.
    pub async fn json<T: DeserializeOwned>(&self, text: &str, parameters: &[Parameter<'_>]) -> Result<T, Failed> {
        let value = self.text(text, parameters).await?;
        serde_json::from_str(&value).map_err(|error| Failed(error.to_string()))
    }

    /// [`Sql::json`] as it comes from the database: for who passes it on.
    ///
    /// # Errors
    /// The database is away, refuses, or takes longer than two seconds.
    pub async fn text(&self, text: &str, parameters: &[Parameter<'_>]) -> Result<String, Failed> {
        let began = Instant::now();
        let run = async {
            let session = self.session().await?;
            let statement = session.prepared(text).await?;
            session.client.query_one(&statement, parameters).await.map_err(|error| failed(&error))
        };
        let row = tokio::time::timeout(WITHIN, run).await.map_err(|_| Failed("no answer in time".to_owned()))??;
        trace::statement(text, began);
        let value: Option<String> = row.try_get(0).map_err(|error| failed(&error))?;
        Ok(value.unwrap_or_else(|| "null".to_owned()))
    }

    async fn session(&self) -> Result<Arc<Session>, Failed> {
        let slot = SESSIONS.with_borrow_mut(|sessions| Arc::clone(sessions.entry(self.number).or_default()));
        let mut session = slot.lock().await;
        if let Some(open) = session.as_ref().filter(|open| !open.client.is_closed()) {
            return Ok(Arc::clone(open));
        }
        let (client, connection) = self.config.connect(NoTls).await.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        // As the product's sessions: without it each statement is planned anew each time, for a plan for one id looks cheaper.
        client.batch_execute(&kit::db::session_setup(NAME)).await.map_err(|error| failed(&error))?;
        let made = Arc::new(Session { client, statements: Mutex::default() });
        *session = Some(Arc::clone(&made));
        Ok(made)
    }
}

impl Session {
    async fn prepared(&self, text: &str) -> Result<Statement, Failed> {
        let known = || self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statement) = known().get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).await.map_err(|error| failed(&error))?;
        known().insert(text.to_owned(), statement.clone());
        Ok(statement)
    }
}

fn failed(error: &tokio_postgres::Error) -> Failed {
    Failed(error.as_db_error().map_or_else(|| error.to_string(), |said| said.message().to_owned()))
}

impl Failed {
    /// Because of an error that isn't the database's.
    pub(crate) fn because(error: &impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}
