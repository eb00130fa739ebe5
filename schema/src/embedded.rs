//! What the build script put into the binary.

#[cfg(feature = "testing")]
use sha2::{Digest, Sha256};

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
    /// The service whose tables it makes: the word after the stamp.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.name.split('_').nth(1).unwrap_or_default()
    }

    /// The stamp in digits, as diesel keeps it in its history.
    #[must_use]
    pub fn version(&self) -> String {
        self.name.split('_').next().unwrap_or_default().replace('-', "")
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
