//! The rows of a deployment: where they are, putting them back, and what audits look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use postgres::Client;
use schema::roles::RolesFile;
use schema::{DATABASE, Passwords};

use super::Deployment;
use crate::Failure;
use crate::data::{self, connect, failed};
use crate::result::PostgresInfo;
use crate::system::copies::{as_login, copy_with, in_database};
use crate::system::databases::Engines;
use crate::system::log::Log;

/// The copy of a database that is kept to put it back.
#[must_use]
pub fn image_of(database: &str) -> String {
    format!("{database}_image")
}

/// What audits look at.
pub struct Audited {
    /// The rows of all services in one database.
    pub rows: Client,
    /// Each service's own database; none where that is the one of all.
    pub own: Vec<Client>,
}

impl Deployment {
    /// Keeps a copy of its databases and its log to put them back to; the services must be stopped.
    pub fn keep_image(&self) -> Result<(), Failure> {
        self.started.log.iter().try_for_each(Log::keep_image)?;
        self.databases()?
            .iter()
            .try_for_each(|(url, name, roles)| copy_with(url, name, &image_of(name), roles).map(drop))
    }

    /// Puts its databases and its log back to what was kept; the services must be stopped.
    pub fn restore_image(&self) -> Result<(), Failure> {
        self.started.log.iter().try_for_each(Log::restore_image)?;
        self.databases()?
            .iter()
            .try_for_each(|(url, name, roles)| copy_with(url, &image_of(name), name, roles).map(drop))
    }

    /// Its databases: URL as superuser, name, and who may do what.
    fn databases(&self) -> Result<Vec<(&str, String, RolesFile)>, Failure> {
        let own = self.layout.architecture.own_databases();
        if own.is_empty() {
            return Ok(vec![(self.database_url()?, DATABASE.to_owned(), RolesFile::default())]);
        }
        own.into_iter().map(|own| Ok((self.database_of(own.service())?, own.name(), own.roles()))).collect()
    }

    /// The product's database as superuser.
    pub fn database_url(&self) -> Result<&str, Failure> {
        let url = self.started.place.database_url.as_deref();
        url.ok_or_else(|| {
            Failure::could_not_run(
                "This system has no one database of all services, so its data can't be put back: use a system of the \
                 architecture shared-database.",
            )
        })
    }

    /// The database with a service's rows as superuser.
    pub fn database_of(&self, service: &str) -> Result<&str, Failure> {
        let url = self.place().database_of(service);
        url.ok_or_else(|| Failure::could_not_run(format!("Where the database of {service} is isn't known.")))
    }

    /// A database of its one server as superuser: what is observed of a server is the same from each of them.
    pub fn server_url(&self) -> Result<&str, Failure> {
        match self.layout.engines {
            Engines::One => self.database_of("account"),
            Engines::PerService => Err(Failure::usage(
                "Only one server can be observed, and here each database has its own: leave --engines out.",
            )),
        }
    }

    /// Bytes that its databases and its log hold.
    pub fn stored_bytes(&self) -> Result<u64, Failure> {
        let size = |url| -> Result<u64, Failure> {
            let row = connect(url)?.query_one("select pg_catalog.pg_database_size(pg_catalog.current_database())", &[]);
            let bytes: i64 = row.map_err(|error| failed("asking for a database's size", &error))?.get(0);
            Ok(bytes.unsigned_abs())
        };
        let databases: u64 = self.databases()?.iter().map(|(url, ..)| size(url)).sum::<Result<u64, Failure>>()?;
        Ok(databases + self.started.log.as_ref().map_or(Ok(0), Log::stored_bytes)?)
    }

    /// Sessions of clients at its server, without the one that asks.
    pub fn connections(&self) -> Result<u64, Failure> {
        let count = "select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend' and pid <> pg_catalog.pg_backend_pid()";
        let row = connect(self.server_url()?)?.query_one(count, &[]);
        let count: i64 = row.map_err(|error| failed("counting sessions", &error))?.get(0);
        Ok(count.unsigned_abs())
    }

    /// What audits look at.
    pub fn audited(&self) -> Result<Audited, Failure> {
        let Some(union) = &self.union else { return Ok(Audited { rows: self.superuser()?, own: Vec::new() }) };
        let own = self.databases()?.into_iter().map(|(url, ..)| connect(url)).collect::<Result<_, _>>()?;
        Ok(Audited { rows: union.bring_together(self.place())?, own })
    }

    /// Another database of its server as superuser.
    pub fn url_of(&self, database: &str) -> Result<String, Failure> {
        in_database(self.database_url()?, database)
    }

    /// The product's database as one of its logins.
    ///
    /// # Errors
    /// When the passwords can't be read.
    pub fn login_url(&self, role: &str) -> Result<String, Failure> {
        as_login(self.database_url()?, role, &self.passwords()?)
    }

    /// Passwords of its logins.
    pub fn passwords(&self) -> Result<Passwords, Failure> {
        Ok(Passwords::load(&self.started.home.join("passwords"))?)
    }

    /// A connection to the product's database as superuser.
    pub fn superuser(&self) -> Result<Client, Failure> {
        connect(&self.url_of(DATABASE)?)
    }

    /// Version and settings of the server.
    pub fn postgres_info(&self) -> Result<PostgresInfo, Failure> {
        postgres_info(&mut connect(self.database_of("account")?)?)
    }

    pub(super) fn read_data(&mut self) -> Result<(), Failure> {
        let file = self.started.home.join("signing-key.pem");
        let key = std::fs::read_to_string(&file)
            .map_err(|error| Failure::could_not_run(format!("{} can't be read: {error}.", file.display())))?;
        self.data = Arc::new(data::load(|service| connect(self.database_of(service)?), &key)?);
        Ok(())
    }
}

/// Version and settings of a server.
pub(crate) fn postgres_info(client: &mut Client) -> Result<PostgresInfo, Failure> {
    let failed = |error| failed("reading the server's settings", &error);
    let version = client.query_one("show server_version", &[]).map_err(failed)?.get(0);
    let rows = client
        .query(
            "select name, setting from pg_catalog.pg_settings
             where source not in ('default', 'client', 'session', 'override') and not name like any (array['%file', '%director%'])",
            &[],
        )
        .map_err(failed)?;
    let settings: BTreeMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(PostgresInfo { version, settings })
}
