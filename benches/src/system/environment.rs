//! A whole system made for the run: services built for load on a cluster of their own, with a data set that can be put
//! back to where it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use postgres::Client;
use schema::{ApplyOptions, DATABASE, Passwords};

use crate::data::{self, Dataset, Size, connect, failed};
use crate::load::writes::Written;
use crate::result::PostgresInfo;
use crate::system::{self, Instance, services};
use crate::{Failure, Target};

/// The database that every replicate starts from.
pub const IMAGE: &str = "govrnanza_image";

/// Reads that share a statement in a run, and what its result says of that.
pub const BATCH_MAX: u32 = 1;

/// The running system and its data.
pub struct Environment {
    instance: Instance,
    data: Arc<Dataset>,
    written: Arc<Written>,
    salts: AtomicU32,
}

impl Environment {
    /// Starts everything, fills the database and keeps an image of it.
    ///
    /// # Errors
    /// When something can't be started, or `stop` became true meanwhile. Later on `stop` doesn't touch it: it is ended by
    /// dropping it, so that what runs can be finished.
    pub fn start(size: Size, seed: u64, optimised: bool, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        let options = system::Options {
            ephemeral: true,
            port_base: 0,
            release: optimised,
            // Each request its own statement: who waits for whom is what is measured.
            batch_max: Some(BATCH_MAX),
            ..system::Options::default()
        };
        eprintln!("Starting Postgres and the services …");
        let instance = start_unless(&options, stop)?;
        eprintln!("Making {} APIs of {} organisations …", size.apis, size.organisations);
        let url = database_url(instance.target())?.to_owned();
        data::generate(&mut connect(&url)?, size, seed)?;
        let data = Arc::new(data::load(&mut connect(&url)?, &signing_key(&instance)?)?);
        let environment = Self { instance, data, written: Arc::default(), salts: AtomicU32::new(0) };
        environment.without_services(|maintenance| {
            maintenance
                .batch_execute(&format!("create database {IMAGE} template {DATABASE}"))
                .map_err(|error| failed("keeping an image of the data", &error))
        })?;
        Ok(environment)
    }

    /// Puts the data back to the image and restarts the services, so that every replicate begins alike.
    pub fn reset(&mut self) -> Result<(), Failure> {
        self.without_services(|maintenance| {
            let failed = |error| failed("putting the data back", &error);
            maintenance.batch_execute(&format!("drop database {DATABASE} with (force)")).map_err(failed)?;
            maintenance.batch_execute(&format!("create database {DATABASE} template {IMAGE}")).map_err(failed)?;
            // A copy doesn't carry the rights on the database itself.
            maintenance.batch_execute(&format!("alter database {DATABASE} owner to govrnanza_admin")).map_err(failed)
        })?;
        self.written = Arc::default();
        // The same rows, but tokens don't last for ever.
        let mut client = connect(self.database_url()?)?;
        self.data = Arc::new(data::load(&mut client, &signing_key(&self.instance)?)?);
        Ok(())
    }

    /// Names of the services that run.
    pub fn services(&self) -> Vec<String> {
        let running = &self.instance.target().services;
        services::names().filter(|name| running.contains_key(*name)).map(str::to_owned).collect()
    }

    /// Names and process ids of the services.
    pub fn processes(&self) -> Vec<(String, u32)> {
        services::names().filter_map(|name| Some((name.to_owned(), self.instance.process_id(name)?))).collect()
    }

    /// What runs, to stop and start its parts.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Base URL of a service.
    pub fn url(&self, service: &str) -> Result<&str, Failure> {
        self.instance.target().url(service)
    }

    /// The product's database as superuser.
    pub fn database_url(&self) -> Result<&str, Failure> {
        database_url(self.instance.target())
    }

    /// The data.
    pub fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    /// What was changed since the data was put back.
    pub fn written(&self) -> &Arc<Written> {
        &self.written
    }

    /// Another number each time, for what must be new in each cell.
    pub fn salt(&self) -> u32 {
        self.salts.fetch_add(1, Ordering::Relaxed)
    }

    /// Version and settings of the server.
    pub fn postgres_info(&self) -> Result<PostgresInfo, Failure> {
        let mut client = connect(self.database_url()?)?;
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

    /// Stops the services, does something in the maintenance database, brings database rights up to date, starts them.
    fn without_services(&self, work: impl FnOnce(&mut Client) -> Result<(), Failure>) -> Result<(), Failure> {
        let names: Vec<&'static str> =
            services::names().filter(|name| self.instance.process_id(name).is_some()).collect();
        for name in &names {
            self.instance.stop_service(name)?;
        }
        let mut url = url::Url::parse(self.database_url()?)
            .map_err(|error| Failure::could_not_run(format!("The database's URL is none: {error}.")))?;
        url.set_path("postgres");
        work(&mut connect(url.as_str())?)?;
        self.grant()?;
        for name in &names {
            self.instance.start_service(name)?;
        }
        Ok(())
    }

    /// The product's database as one of its logins.
    ///
    /// # Errors
    /// When the passwords can't be read.
    pub fn login_url(&self, role: &str) -> Result<String, Failure> {
        let mut url = url::Url::parse(self.database_url()?)
            .map_err(|error| Failure::could_not_run(format!("The database's URL is none: {error}.")))?;
        let _ = url.set_username(role);
        let _ = url.set_password(self.passwords()?.get(role));
        Ok(url.into())
    }

    fn passwords(&self) -> Result<Passwords, Failure> {
        Passwords::load(&self.instance.home().join("passwords")).map_err(could_not)
    }

    fn grant(&self) -> Result<(), Failure> {
        let passwords = self.passwords()?;
        let admin = self.login_url("govrnanza_admin")?;
        let options = ApplyOptions { passwords: Some(passwords), ..ApplyOptions::default() };
        schema::apply(&admin, &options).map_err(could_not)?;
        Ok(())
    }
}

fn could_not(error: schema::Error) -> Failure {
    Failure::could_not_run(format!("{error}."))
}

fn database_url(target: &Target) -> Result<&str, Failure> {
    target
        .database_url
        .as_deref()
        .ok_or_else(|| Failure::could_not_run("This system doesn't tell its database, so its data can't be put back."))
}

fn signing_key(instance: &Instance) -> Result<String, Failure> {
    let file = instance.home().join("signing-key.pem");
    std::fs::read_to_string(&file)
        .map_err(|error| Failure::could_not_run(format!("{} can't be read: {error}.", file.display())))
}

/// Starts the system; only while it is starting it ends with `stop`.
fn start_unless(options: &system::Options, stop: &Arc<AtomicBool>) -> Result<Instance, Failure> {
    let its_own = Arc::new(AtomicBool::new(false));
    let started = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !started.load(Ordering::Relaxed) {
                if stop.load(Ordering::Relaxed) {
                    its_own.store(true, Ordering::Relaxed);
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        let instance = Instance::start(options, &its_own, |news| eprintln!("{news}"));
        started.store(true, Ordering::Relaxed);
        instance
    })
}
