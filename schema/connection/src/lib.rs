//! Where a database is, and a connection to it: one reading of connection strings, and one way to TLS, for services, `dba` and `lab`.
//!
//! [`Address::read`] understands what `psql` understands. Services hand [`Address::words`] to libpq; `dba` and `lab` use
//! [`Address::connect`].

mod address;
mod check;
mod files;
mod keywords;
mod open;
mod surroundings;
mod text;
mod tls;
mod written;

pub use address::{Address, Host};
pub use check::Mode;
pub use open::{is_distrust, sentence};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be read, or a certificate isn't to be trusted: one sentence, without secrets. Nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// No server is as wanted (`target_session_attrs`).
    #[error("{0}")]
    Unavailable(String),
    /// The server refused, or can't be reached.
    #[error("{}", sentence(.0))]
    Postgres(#[from] postgres::Error),
}

impl Error {
    /// What Postgres said, if it did.
    #[must_use]
    pub fn as_db_error(&self) -> Option<&postgres::error::DbError> {
        match self {
            Self::Postgres(error) => error.as_db_error(),
            Self::Usage(_) | Self::Unavailable(_) => None,
        }
    }
}
