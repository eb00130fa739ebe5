//! The database of Govrnanza: its tables, views, keys and roles, and the tools that put them in place.
//!
//! All SQL that changes structure or rights lives in this crate's folder and in `db-roles.sql`; both are embedded, so that `dba` needs
//! no source tree. [`bootstrap()`] is run once as superuser, [`apply()`] as `govrnanza_admin` whenever something changed.

mod after_restore;
pub mod apply;
pub mod attack;
mod attributes;
pub mod blame;
pub mod bootstrap;
pub mod cluster;
pub mod copy;
mod counters;
pub mod coupling;
pub mod drift;
pub mod effective_rights;
mod embedded;
pub mod encoding;
mod error;
pub mod generate;
mod grantor;
pub mod impact;
mod keys;
pub mod migrate;
mod nouns;
pub mod own_database;
mod own_path;
mod passwords;
pub mod ports;
pub mod progress;
pub mod reconcile;
pub mod record;
pub mod releases;
pub mod roles;
pub mod session;
pub mod shell_command;
pub mod state;
mod suggest;
pub mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod views;
#[cfg(feature = "cli")]
pub mod watch;

pub use after_restore::{Feed, after_restore};
pub use apply::{ApplyOptions, Report, apply};
pub use bootstrap::bootstrap;
pub use connection;
pub use embedded::{ADMINISTRATOR, CROSS_KEYS, DATABASE, MIGRATIONS, ROLES, SERVICES, Script, VIEWS};
pub use error::{Error, Result, read_text};
pub use nouns::{Noun, watch_positions};
pub use own_database::OwnDatabase;
pub use passwords::Passwords;
