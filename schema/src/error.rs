//! What can go wrong, grouped by what the user can do about it.

use std::path::Path;

use postgres::error::SqlState;
use serde::de::DeserializeOwned;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something was not done. `Display` is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database isn't as declared, or a check failed.
    #[error("{0}")]
    Finding(String),
    /// Usage error or bad input.
    #[error("{0}")]
    Usage(String),
    /// It could not run: no Postgres, no rights, no answer.
    #[error("{0}")]
    Unavailable(String),
    /// Postgres refused a statement.
    #[error("{doing}: {}", describe(source))]
    Database {
        /// What was being done.
        doing: String,
        /// What Postgres said.
        source: Box<postgres::Error>,
    },
    /// A migration failed.
    #[error("migration {name}: {message}")]
    Migration {
        /// Which.
        name: String,
        /// What Postgres said.
        message: String,
    },
}

impl Error {
    /// Exit code of the command line: 1 a finding, 2 bad input, 3 could not run.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Finding(_) => 1,
            Self::Usage(_) => 2,
            Self::Unavailable(_) | Self::Database { .. } | Self::Migration { .. } => 3,
        }
    }

    /// Would the same attempt succeed once another session has finished? Lock timeouts, deadlocks, and concurrent changes of one row of the catalogue.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Database { source, .. } => source.as_db_error().is_some_and(|error| {
                [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED].contains(error.code())
                    || error.message().starts_with("tuple concurrently")
            }),
            // diesel keeps no SQLSTATE; `dba bootstrap` pins the language of messages.
            Self::Migration { message, .. } => {
                message.contains("due to lock timeout") || message.contains("deadlock detected")
            }
            _ => false,
        }
    }

    /// The SQLSTATE, where Postgres gave one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Database { source, .. } => source.code().map(SqlState::code),
            _ => None,
        }
    }
}

/// Reads a file that the user named.
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::Usage(format!("can't read {}: {error}", path.display())))
}

/// Reads TOML; an error names the line and the key.
pub(crate) fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| Error::Usage(error.to_string().replace('\n', " ")))
}

/// Reads a file of TOML that the user named.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    from_toml(&read_text(path)?).map_err(|error| Error::Usage(format!("{}: {error}", path.display())))
}

/// What Postgres said, in one line.
pub(crate) fn describe(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => {
            let detail = db.detail().map(|text| format!(" ({})", text.replace('\n', "; "))).unwrap_or_default();
            format!("{}{detail} [{}]", db.message(), db.code().code())
        }
        None => connection::sentence(error),
    }
}

/// Why a program of Postgres failed: the first error that it printed, without its own name; else its last line.
pub(crate) fn reason(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(printed);
    let error = |line| ["error: ", "FATAL:  ", "PANIC:  "].iter().find_map(|mark| str::split_once(line, mark));
    let error = text.lines().find_map(error).map(|(_, error)| error);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    error.or(last).unwrap_or("it gave no reason").trim().trim_end_matches('.').to_owned()
}

/// Adds to an error what was being done.
pub(crate) trait Doing<T> {
    /// `doing` goes before the error: "reading rights: …".
    fn doing(self, doing: impl Into<String>) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, postgres::Error> {
    fn doing(self, doing: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::Database { doing: doing.into(), source: Box::new(source) })
    }
}

impl<T> Doing<T> for std::result::Result<T, connection::Error> {
    fn doing(self, doing: impl Into<String>) -> Result<T> {
        self.or_else(|error| match error {
            connection::Error::Postgres(source) => Err(source).doing(doing),
            other => Err(other.into()),
        })
    }
}

/// Of an address, or of a server that isn't to be trusted.
impl From<connection::Error> for Error {
    fn from(error: connection::Error) -> Self {
        match error {
            connection::Error::Usage(sentence) => Self::Usage(sentence),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, doing: impl Into<String>) -> Result<T> {
        self.map_err(|error| Error::Unavailable(format!("{}: {error}", doing.into())))
    }
}
