//! A connection of its own, for a thread that works beside the requests.

use diesel::PgConnection;

/// As the service is called, at the database as well.
pub const NAME: &str = "notification";

/// Why a thread's connection ended: its text is for the log, and the thread opens another one.
pub type SessionError = Box<dyn std::error::Error>;

/// Connects, with the settings that all of the service's connections have.
pub fn open(url: &str) -> Result<PgConnection, SessionError> {
    Ok(kit::connect(NAME, url)?)
}
