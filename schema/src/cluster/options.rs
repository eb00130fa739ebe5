//! Which cluster, where, and for how long.

use std::path::PathBuf;

use crate::error::{Doing, Error, Result};

/// How long a cluster lives that we start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Until it is stopped.
    Lasting,
    /// As long as the value of type [`Cluster`](super::Cluster); folder and all. A watchdog sees to it should this process be killed.
    Ephemeral,
    /// Until no process has used it for a minute. For tests, whose many processes share one; a watchdog ends it and removes the folder.
    WhileUsed,
}

/// Which cluster.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// A superuser of a running server: used as it is.
    pub database_url: Option<String>,
    /// Folder of the cluster; by [`Life::Ephemeral`] it is removed in the end with all that it holds, and made where none is given.
    pub home: Option<PathBuf>,
    /// How long it lives.
    pub life: Life,
    /// Faster, without fsync. For data that may be lost.
    pub careless: bool,
    /// More settings, as lines of `postgresql.conf`.
    pub settings: Vec<String>,
    /// More arguments of `initdb`: for tests, on servers that others made.
    pub initdb: Vec<String>,
}

impl ClusterOptions {
    /// From the environment: `DATABASE_URL`, `GOVRNANZA_HOME`.
    #[must_use]
    pub fn from_env() -> Self {
        let database_url = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        Self {
            database_url,
            home: None,
            life: Life::Lasting,
            careless: false,
            settings: Vec::new(),
            initdb: Vec::new(),
        }
    }

    /// A cluster of its own that leaves nothing behind.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self {
            database_url: None,
            home: None,
            life: Life::Ephemeral,
            careless: true,
            settings: Vec::new(),
            initdb: Vec::new(),
        }
    }
}

/// Folder of the lasting cluster, of passwords, of `up.json`.
pub fn home() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(home) = set("GOVRNANZA_HOME") {
        return std::path::absolute(home).doing("finding GOVRNANZA_HOME");
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/govrnanza"));
    }
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("govrnanza"))
        .ok_or_else(|| Error::Usage("no folder for data is known: set GOVRNANZA_HOME".to_owned()))
}
