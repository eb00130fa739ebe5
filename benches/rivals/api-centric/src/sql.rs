//! Statements beside the product's own pools: one pipelined connection for each login, driven by a thread of its own.
//!
//! A neighbour's question so takes none of the product's database threads, and a fact is written while requests wait for
//! nothing but its commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Statement};

/// A statement that takes longer counts as failed: a request waits for it.
const WITHIN: Duration = Duration::from_secs(2);

/// A parameter of a statement.
pub type Parameter<'a> = &'a (dyn ToSql + Sync);

/// The local database can't be asked. What it said is for the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the local database: {0}")]
pub struct Failed(String);

/// One login's connection, made when first needed and again when it broke.
pub struct Sql {
    config: Config,
    background: Handle,
    session: tokio::sync::Mutex<Option<Arc<Session>>>,
}

struct Session {
    client: Client,
    statements: Mutex<HashMap<String, Statement>>,
}

impl Sql {
    /// Of a connection string; nothing is connected yet. Connections are driven on `background`.
    ///
    /// # Errors
    /// A connection string that can't be read.
    pub fn new(url: &str, background: Handle) -> Result<Self, Failed> {
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| Failed(error.to_string()))?;
        config.connect_timeout(WITHIN).application_name("api-centric");
        Ok(Self { config, background, session: tokio::sync::Mutex::default() })
    }

    /// The one value of the one row of a statement, as JSON: the statement ends in `::text`.
    ///
    /// # Errors
    /// The database is away, refuses, or takes longer than two seconds.
    pub async fn json(&self, text: &str, parameters: &[Parameter<'_>]) -> Result<Value, Failed> {
        let run = async {
            let session = self.session().await?;
            let statement = session.prepared(text).await?;
            session.client.query_one(&statement, parameters).await.map_err(|error| failed(&error))
        };
        let row = tokio::time::timeout(WITHIN, run).await.map_err(|_| Failed("no answer in time".to_owned()))??;
        let text: Option<&str> = row.try_get(0).map_err(|error| failed(&error))?;
        serde_json::from_str(text.unwrap_or("null")).map_err(|error| Failed(error.to_string()))
    }

    async fn session(&self) -> Result<Arc<Session>, Failed> {
        let mut session = self.session.lock().await;
        if let Some(open) = session.as_ref().filter(|open| !open.client.is_closed()) {
            return Ok(Arc::clone(open));
        }
        let config = self.config.clone();
        let connecting = self.background.spawn(async move {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        });
        let client = connecting.await.map_err(|error| Failed(error.to_string()))?.map_err(|error| failed(&error))?;
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
