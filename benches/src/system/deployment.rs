//! A running deployment, with the rows that requests are made of where it was filled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use postgres::Client;
use schema::{DATABASE, Passwords};

use super::copies::{as_login, copy, in_database};
use super::process::Plan;
use super::running::{Command, Options, Running};
use super::services;
use super::site::Site;
use super::supervisor::TICK;
use crate::data::{self, Dataset, Size, connect, failed};
use crate::load::writes::Written;
use crate::result::PostgresInfo;
use crate::{Failure, Place};

/// Reads that share a statement in a run, as its result records it.
pub const BATCH_MAX: u32 = 1;

/// The copy of a database that is kept to put it back.
#[must_use]
pub fn image_of(database: &str) -> String {
    format!("{database}_image")
}

/// A running system; dropping it stops what it started, and nothing else.
pub struct Deployment {
    place: Place,
    up_json: PathBuf,
    home: PathBuf,
    stop: Arc<AtomicBool>,
    running: Running,
    /// Empty unless the lab made the rows.
    data: Arc<Dataset>,
    written: Arc<Written>,
    salts: AtomicU32,
}

impl Deployment {
    /// Brings everything up and returns when all is ready. What happens on the way and later (a service that died) is
    /// reported to `say`.
    ///
    /// # Errors
    /// When something can't be started, or `options.stop` became true meanwhile.
    pub fn start(options: &Options, say: impl Fn(&str) + Send + 'static) -> Result<Self, Failure> {
        let (running, (place, up_json, home)) = Running::start(options.clone(), say)?;
        Ok(Self {
            place,
            up_json,
            home,
            stop: Arc::clone(&options.stop),
            running,
            data: Arc::default(),
            written: Arc::default(),
            salts: AtomicU32::new(0),
        })
    }

    /// A throw-away one, filled: with an image of its rows to put it back to.
    ///
    /// # Errors
    /// When something can't be started, or `stop` became true meanwhile. Later on `stop` doesn't touch it: it is ended by
    /// dropping it, so that what runs can be finished.
    pub fn filled(size: Size, seed: u64, optimised: bool, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        let options = Options {
            ephemeral: true,
            release: optimised,
            // Each request its own statement: who waits for whom is what is measured.
            batch_max: Some(BATCH_MAX),
            stop: Arc::clone(stop),
            ..Options::default()
        };
        eprintln!("Starting Postgres and the services …");
        let mut deployment = Self::start(&options, |news| eprintln!("{news}"))?;
        eprintln!("Making {} APIs of {} organisations …", size.apis, size.organisations);
        data::generate(&mut deployment.superuser()?, size, seed)?;
        deployment.stop_services()?;
        deployment.keep_image()?;
        deployment.start_services()?;
        deployment.read_data()?;
        Ok(deployment)
    }

    /// Puts the data back to the image and restarts the services, so that every replicate begins alike.
    pub fn reset(&mut self) -> Result<(), Failure> {
        self.stop_services()?;
        self.restore_image()?;
        self.start_services()?;
        self.written = Arc::default();
        // The same rows, but tokens don't last for ever.
        self.read_data()
    }

    /// Keeps a copy of its database to put it back to; the services must be stopped.
    pub fn keep_image(&self) -> Result<(), Failure> {
        copy(self.database_url()?, DATABASE, &image_of(DATABASE)).map(drop)
    }

    /// Puts its database back to what was kept; the services must be stopped.
    pub fn restore_image(&self) -> Result<(), Failure> {
        copy(self.database_url()?, &image_of(DATABASE), DATABASE).map(drop)
    }

    /// Where everything is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The file that names it for others.
    pub fn up_json(&self) -> &Path {
        &self.up_json
    }

    /// The folder that holds logs and secrets.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Names of the services that run.
    pub fn services(&self) -> Vec<String> {
        let running = &self.place.services;
        services::names().filter(|name| running.contains_key(*name)).map(str::to_owned).collect()
    }

    /// Names and process ids of the services.
    pub fn processes(&self) -> Vec<(String, u32)> {
        services::names().filter_map(|name| Some((name.to_owned(), self.process_id(name)?))).collect()
    }

    /// The process id of a service, while it runs.
    pub fn process_id(&self, name: &'static str) -> Option<u32> {
        self.running.ask(|answer| Command::Id(name, answer)).ok().flatten()
    }

    /// How a service is started: what another instance of it needs.
    pub fn plan(&self, name: &'static str) -> Result<Plan, Failure> {
        let plan = self.running.ask(|answer| Command::Plan(name, answer))?;
        plan.ok_or_else(|| Failure::usage(format!("Unknown service {name}.")))
    }

    /// Stops one service as SIGTERM does; the others go on.
    pub fn stop_service(&self, name: &'static str) -> Result<(), Failure> {
        self.running.ask(|answer| Command::Stop(name, answer))
    }

    /// Starts a service that was stopped or has died, and waits until it is ready.
    pub fn start_service(&self, name: &'static str) -> Result<(), Failure> {
        self.running.ask(|answer| Command::Start(name, answer))?
    }

    /// Stops the services; databases and stand-ins stay.
    pub fn stop_services(&self) -> Result<(), Failure> {
        services::names().try_for_each(|name| self.stop_service(name))
    }

    /// Starts the services that don't run.
    pub fn start_services(&self) -> Result<(), Failure> {
        services::names().try_for_each(|name| self.start_service(name))
    }

    /// Other values for some of a service's settings, from its next start on.
    pub fn set_environment(&self, name: &'static str, settings: Vec<(String, String)>) -> Result<(), Failure> {
        self.running.ask(|answer| Command::Environment(name, settings, answer))
    }

    /// Stops the database that was started here; the services stay.
    pub fn stop_database(&self) -> Result<(), Failure> {
        self.running.ask(Command::StopDatabase)?
    }

    /// Starts it again.
    pub fn start_database(&self) -> Result<(), Failure> {
        self.running.ask(Command::StartDatabase)?
    }

    /// Waits until `stop` of its options is true and everything is down; how many services died unasked until then.
    pub fn wait(mut self) -> usize {
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
        }
        self.running.end()
    }

    /// The product's database as superuser.
    pub fn database_url(&self) -> Result<&str, Failure> {
        let url = self.place.database_url.as_deref();
        url.ok_or_else(|| {
            Failure::could_not_run(
                "This system has no one database of all services, so its data can't be put back: use a system of the \
                 architecture shared-database.",
            )
        })
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
        Ok(Passwords::load(&self.home.join("passwords"))?)
    }

    /// A connection to the product's database as superuser.
    pub fn superuser(&self) -> Result<Client, Failure> {
        connect(&self.url_of(DATABASE)?)
    }

    /// Version and settings of the server.
    pub fn postgres_info(&self) -> Result<PostgresInfo, Failure> {
        let mut client = self.superuser()?;
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

    fn read_data(&mut self) -> Result<(), Failure> {
        let file = self.home.join("signing-key.pem");
        let key = std::fs::read_to_string(&file)
            .map_err(|error| Failure::could_not_run(format!("{} can't be read: {error}.", file.display())))?;
        self.data = Arc::new(data::load(|_| self.superuser(), &key)?);
        Ok(())
    }
}

impl Site for Deployment {
    fn url(&self, service: &str) -> Result<&str, Failure> {
        self.place.url(service)
    }

    fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    fn written(&self) -> &Arc<Written> {
        &self.written
    }

    fn salt(&self) -> u32 {
        self.salts.fetch_add(1, Ordering::Relaxed)
    }
}
