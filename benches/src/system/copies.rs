//! The same rows elsewhere: in a second cluster, and in another database of the first.

use schema::cluster::{Cluster, ClusterOptions};
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
    /// Starts it: logins with these passwords, rows of this seed; `settings` are further lines of `postgresql.conf`.
    ///
    /// # Errors
    /// When it can't be started or filled.
    pub fn start(passwords: &Passwords, size: Size, seed: u64, settings: Vec<String>) -> Result<Self, Failure> {
        let cluster =
            Cluster::find_or_start(&ClusterOptions { careless: false, settings, ..ClusterOptions::ephemeral() })
                .map_err(could_not)?;
        schema::bootstrap(cluster.url(), passwords).map_err(could_not)?;
        let admin = "govrnanza_admin";
        let password = passwords.get(admin).unwrap_or_default();
        grant(&cluster.url_of(admin, password, DATABASE), passwords)?;
        let url = superuser(cluster.url(), DATABASE)?;
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

/// Database-level grants and whatever else isn't as `db-roles.sql` says: a copy carries none of them.
pub fn grant(admin_url: &str, passwords: &Passwords) -> Result<(), Failure> {
    let options = ApplyOptions { passwords: Some(passwords.clone()), ..ApplyOptions::default() };
    schema::apply(admin_url, &options).map_err(could_not)?;
    Ok(())
}

/// Makes `copy` a copy of the database `image`, with its grants.
pub fn copy(superuser_url: &str, passwords: &Passwords, image: &str, copy: &str) -> Result<String, Failure> {
    let mut client = connect(&superuser(superuser_url, "postgres")?)?;
    for sql in [
        format!("drop database if exists {copy} with (force)"),
        format!("create database {copy} template {image}"),
        format!("alter database {copy} owner to govrnanza_admin"),
    ] {
        client.batch_execute(&sql).map_err(|error| failed("copying the database", &error))?;
    }
    let url = superuser(superuser_url, copy)?;
    grant(&login(&url, "govrnanza_admin", passwords)?, passwords)?;
    Ok(url)
}

/// Another database of the same server, as superuser.
///
/// # Errors
/// When the URL is none.
pub fn superuser(superuser_url: &str, database: &str) -> Result<String, Failure> {
    let mut url = parsed(superuser_url)?;
    url.set_path(database);
    Ok(url.into())
}

/// The same database as a login of the product.
pub fn login(superuser_url: &str, role: &str, passwords: &Passwords) -> Result<String, Failure> {
    let mut url = parsed(superuser_url)?;
    let _ = url.set_username(role);
    let _ = url.set_password(passwords.get(role));
    Ok(url.into())
}

fn parsed(url: &str) -> Result<url::Url, Failure> {
    url::Url::parse(url).map_err(|error| Failure::could_not_run(format!("The database's URL is none: {error}.")))
}

/// The failure that a cluster could not be made or reached.
pub fn could_not(error: schema::Error) -> Failure {
    Failure::could_not_run(format!("{error}."))
}
