//! The same rows elsewhere: in a second cluster, and in another database of the first.

use std::path::Path;

use schema::cluster::{Cluster, ClusterOptions};
use schema::roles::RolesFile;
use schema::{ApplyOptions, DATABASE, Passwords};

use crate::Failure;
use crate::data::{self, Size, connect, failed};

/// A cluster of its own with the product's database, filled from the same seed.
pub struct FilledCluster {
    /// Stopped when dropped.
    _cluster: Cluster,
    url: String,
}

impl FilledCluster {
    /// Starts it with rows of this seed, and logins with these passwords or with its own; `settings` are further lines of
    /// `postgresql.conf`.
    ///
    /// # Errors
    /// When it can't be started or filled.
    pub fn start(passwords: Option<&Passwords>, size: Size, seed: u64, settings: Vec<String>) -> Result<Self, Failure> {
        let options = ClusterOptions { careless: false, settings, ..ClusterOptions::ephemeral() };
        let cluster = Cluster::find_or_start(&options)?;
        let passwords = match (passwords, cluster.home()) {
            (Some(passwords), _) => passwords.clone(),
            // They go with its folder, also where this process is killed.
            (None, home) => Passwords::load(&home.unwrap_or(Path::new("")).join("passwords"))?,
        };
        schema::bootstrap(cluster.url(), &passwords)?;
        let url = in_database(cluster.url(), DATABASE)?;
        let admin = as_login(&url, "govrnanza_admin", &passwords)?;
        schema::apply(&admin, &ApplyOptions { passwords: Some(passwords), ..ApplyOptions::default() })?;
        data::generate(&mut connect(&url)?, size, seed)?;
        Ok(Self { _cluster: cluster, url })
    }

    /// The product's database in it, as superuser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Tokens signed with the first cluster's keys are good here, too.
    ///
    /// # Errors
    /// When a database can't be read or written.
    pub fn trust(&self, first: &str) -> Result<(), Failure> {
        let refused = |error| failed("copying the signing keys", &error);
        let keys: String = connect(first)?
            .query_one("select coalesce(jsonb_agg(k), '[]')::text from account.signing_keys k", &[])
            .map_err(refused)?
            .get(0);
        connect(&self.url)?
            .execute(
                "insert into account.signing_keys select * from jsonb_populate_recordset(null::account.signing_keys, $1::text::jsonb)
                 on conflict do nothing",
                &[&keys],
            )
            .map_err(refused)?;
        Ok(())
    }
}

/// Makes the database `copy` with the rows of `of`, to which nobody may be connected. Owner and rights are given anew: a copy
/// doesn't have them by itself. Its URL as superuser.
pub fn copy(superuser_url: &str, of: &str, copy: &str) -> Result<String, Failure> {
    copy_with(superuser_url, of, copy, &RolesFile::default())
}

/// The same, of a database with these roles.
pub fn copy_with(superuser_url: &str, of: &str, copy: &str, roles: &RolesFile) -> Result<String, Failure> {
    let mut client = connect(&in_database(superuser_url, "postgres")?)?;
    let rights = roles.applied(copy).into_iter().filter(|right| right.of_database(copy)).map(|right| right.sql);
    let make = [
        format!("drop database if exists {copy} with (force)"),
        format!("create database {copy} template {of} owner govrnanza_admin"),
    ];
    for sql in make.into_iter().chain(rights) {
        client.batch_execute(&sql).map_err(|error| failed(&format!("copying {of} to {copy}"), &error))?;
    }
    in_database(superuser_url, copy)
}

/// Another database of the same server, as the same login.
///
/// # Errors
/// When the URL can't be read.
pub fn in_database(url: &str, database: &str) -> Result<String, Failure> {
    Ok(schema::session::address(url)?.in_database(database).url())
}

/// The same database as a login of the product.
pub fn as_login(url: &str, role: &str, passwords: &Passwords) -> Result<String, Failure> {
    Ok(schema::session::address(url)?.as_login(role, passwords.get(role)).url())
}
