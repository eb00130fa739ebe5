//! A connection that takes warnings seriously.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postgres::error::DbError;
use postgres::{Client, Config, NoTls};

use crate::error::{Doing, Error, Result};

/// Postgres answers a GRANT that does nothing with a warning alone (01007, 01006): read here as an error, for a right that was believed to be
/// given, or taken, is worse than a failure.
pub struct Session {
    /// The connection.
    pub client: Client,
    warnings: Arc<Mutex<Vec<DbError>>>,
}

impl Session {
    /// Connects by a libpq URL.
    pub fn connect(url: &str) -> Result<Self> {
        Self::open(config(url)?, |config| config.connect(NoTls))
    }

    /// Connects by a libpq URL; what is run isn't counted, see [`connect_uncounted`].
    pub fn connect_uncounted(url: &str) -> Result<Self> {
        Self::open(config(url)?, connect_uncounted)
    }

    /// Connects by a libpq URL to another database than it names.
    pub fn connect_to(url: &str, database: &str) -> Result<Self> {
        let mut config = config(url)?;
        config.dbname(database);
        Self::open(config, |config| config.connect(NoTls))
    }

    fn open(
        mut config: Config,
        connect: impl FnOnce(&Config) -> std::result::Result<Client, postgres::Error>,
    ) -> Result<Self> {
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&warnings);
        config.application_name("dba").connect_timeout(Duration::from_secs(10));
        config.notice_callback(move |notice| {
            if notice.severity() == "WARNING" || notice.parsed_severity() == Some(postgres::error::Severity::Warning) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
            }
        });
        let client = connect(&config).map_err(|source| connecting(&config, source))?;
        Ok(Self { client, warnings })
    }

    /// Runs one or more statements; a warning is an error. `doing` names them for the reader of an error.
    pub fn run(&mut self, sql: &str, doing: &str) -> Result<()> {
        self.client.batch_execute(sql).doing(doing)?;
        let warnings = std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner));
        match warnings.first() {
            None => Ok(()),
            Some(warning) => Err(Error::Finding(format!(
                "{doing}: Postgres only warned, \"{}\" [{}], which means that nothing was done",
                warning.message(),
                warning.code().code()
            ))),
        }
    }

    /// Runs `work` in a transaction: committed if it succeeds, else rolled back.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.run("begin", "begin")?;
        match work(self) {
            Ok(value) => {
                self.run("commit", "commit")?;
                Ok(value)
            }
            Err(error) => {
                // The first error is the one to tell; a failed rollback ends with the connection.
                let _ = self.client.batch_execute("rollback");
                self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clear();
                Err(error)
            }
        }
    }

    /// Ends a transaction that failed, if there is one. The first error is the one to tell: a failed rollback ends with the connection.
    pub fn roll_back(&mut self) {
        let _ = self.client.batch_execute("rollback");
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// One value of one row.
    pub fn value<T: for<'a> postgres::types::FromSql<'a>>(&mut self, sql: &str) -> Result<T> {
        self.client.query_one(sql, &[]).and_then(|row| row.try_get(0)).doing(sql.to_owned())
    }

    /// First column, as text, of every row.
    pub fn texts(&mut self, sql: &str) -> Result<Vec<String>> {
        let rows = self.client.query(sql, &[]).doing(sql.to_owned())?;
        rows.iter().map(|row| row.try_get(0).doing(sql.to_owned())).collect()
    }
}

/// Reads a libpq URL.
pub fn config(url: &str) -> Result<Config> {
    Config::from_str(url).map_err(|error| Error::Usage(format!("this is no database URL: {error}")))
}

/// Option of a session that `pg_stat_statements` counts nothing of.
const UNCOUNTED: &str = "-c pg_stat_statements.track=none";

/// These options of a session, and that it isn't counted.
#[must_use]
pub fn uncounted(options: &str) -> String {
    format!("{options} {UNCOUNTED}").trim_start().to_owned()
}

/// Connects so that `pg_stat_statements` counts nothing of the session: it holds so many statements and no more, and ours would push out those of services.
/// Superusers may say so, and whom they let; anybody else, and who comes through a pooler that takes no options, is counted as ever.
pub fn connect_uncounted(config: &Config) -> std::result::Result<Client, postgres::Error> {
    let mut quiet = config.clone();
    quiet.options(&uncounted(config.get_options().unwrap_or_default()));
    match quiet.connect(NoTls) {
        Err(refused) if refused.as_db_error().is_some() => config.connect(NoTls),
        done => done,
    }
}

fn connecting(config: &Config, source: postgres::Error) -> Error {
    let who = config.get_user().unwrap_or("?");
    let database = config.get_dbname().unwrap_or(who);
    if source.as_db_error().is_some() {
        return Error::Database { doing: format!("connecting to {database} as {who}"), source: Box::new(source) };
    }
    Error::Unavailable(format!("can't reach Postgres for {database} as {who}: {source}"))
}

/// An identifier, quoted where it must be.
pub fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A literal, quoted.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
