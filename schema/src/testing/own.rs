//! A cluster for one test.

use std::path::PathBuf;

use crate::apply::{ApplyOptions, install};
use crate::cluster::{Cluster, ClusterOptions};
use crate::embedded::DATABASE;
use crate::error::Result;
use crate::passwords::Passwords;

/// A cluster of one's own: for tests of roles, limits and memberships, which are shared by all databases of a cluster, and of restarts.
#[derive(Debug)]
pub struct TestCluster {
    cluster: Cluster,
    options: ClusterOptions,
    passwords: Passwords,
}

impl TestCluster {
    /// A server without our database.
    #[must_use]
    pub fn bare() -> Self {
        Self::with(ClusterOptions::ephemeral())
    }

    /// A server of these options, without our database.
    #[must_use]
    pub fn with(options: ClusterOptions) -> Self {
        let made = Cluster::find_or_start(&options).and_then(|cluster| {
            let folder = cluster.home().map(PathBuf::from).unwrap_or_default();
            Ok(Self { cluster, options, passwords: Passwords::load(&folder.join("passwords"))? })
        });
        match made {
            Ok(cluster) => cluster,
            Err(error) => panic!("no cluster of my own: {error}"),
        }
    }

    /// A server with the database `govrnanza`, as the product has it, connection limits included.
    #[must_use]
    pub fn ephemeral() -> Self {
        let cluster = Self::bare();
        if let Err(error) = install(&cluster.cluster, DATABASE, &cluster.passwords, &ApplyOptions::default()) {
            panic!("no database in a cluster of my own: {error}");
        }
        cluster
    }

    /// URL of a login, or of `superuser`, in a database.
    #[must_use]
    pub fn url(&self, database: &str, role: &str) -> String {
        if role == "superuser" {
            return self.cluster.superuser_url(database);
        }
        self.cluster.url_of(role, self.passwords.get(role).unwrap_or_default(), database)
    }

    /// The passwords of its logins.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// The server.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Stops it as an administrator would.
    pub fn stop(&mut self) -> Result<()> {
        self.cluster.stop()
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.cluster.kill()
    }

    /// Starts it again, at the same port.
    pub fn start(&mut self) -> Result<()> {
        self.cluster.start_again(&self.options)
    }
}
