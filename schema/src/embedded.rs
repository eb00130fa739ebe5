//! What is Govrnanza's own: its names, and the SQL that the build script put into the binary. All else here works on any database.

#[cfg(feature = "testing")]
use sha2::{Digest, Sha256};

/// The services that own tables; each is a schema of this name.
pub const SERVICES: &[&str] = &["account", "profile", "registry", "billing", "notification"];

/// The name of the product's database.
pub const DATABASE: &str = "govrnanza";

/// The role that owns the database and runs `dba apply`.
pub const ADMINISTRATOR: &str = "govrnanza_admin";

/// One migration: both directions, as text.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// `<stamp>_<service>_<verb>_<thing>`.
    pub name: &'static str,
    /// Forward.
    pub up: &'static str,
    /// Back.
    pub down: &'static str,
}

impl Script {
    /// The service whose tables it changes: the word after the stamp.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.name.split('_').nth(1).unwrap_or_default()
    }

    /// The stamp in digits, as diesel keeps it in its history.
    #[must_use]
    pub fn version(&self) -> String {
        self.name.split('_').next().unwrap_or_default().replace('-', "")
    }

    /// Queries that name what it leaves for somebody to decide: comments of the form `--     select …;`, each on a line of its own.
    pub fn leaves(&self) -> impl Iterator<Item = &'static str> {
        self.up.lines().filter_map(|line| {
            line.strip_prefix("--     ")
                .filter(|query| query.starts_with("select "))
                .map(|query| query.trim_end_matches(';'))
        })
    }
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// A short name of this state of all DDL and rights: equal text, equal fingerprint.
#[cfg(feature = "testing")]
#[must_use]
pub fn fingerprint() -> String {
    let mut hash = Sha256::new();
    for script in MIGRATIONS {
        hash.update(script.name);
        hash.update(script.up);
    }
    for (service, sql) in VIEWS.iter().chain(CROSS_KEYS) {
        hash.update(service);
        hash.update(sql);
    }
    hash.update(ROLES);
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
