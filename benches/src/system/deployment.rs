//! A running deployment, with the rows that requests are made of where it was filled.

mod rows;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::databases::Layout;
use super::process::Plan;
use super::relay::Relay;
use super::running::{Command, Options, Running, Started};
use super::services::{self, Architecture};
use super::site::Site;
use super::supervisor::TICK;
use super::union::{self, Union};
use crate::data::{self, Dataset, Size};
use crate::load::writes::Written;
use crate::{Failure, Place};
pub(crate) use rows::postgres_info;
pub use rows::{Audited, image_of};

/// Reads that share a statement in a run, as its result records it.
pub const BATCH_MAX: u32 = 1;

/// A running system; dropping it stops what it started, and nothing else.
pub struct Deployment {
    started: Started,
    layout: Layout,
    stop: Arc<AtomicBool>,
    running: Running,
    /// Where each service has its own database and the lab made the rows.
    union: Option<Union>,
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
        let (running, started) = Running::start(options.clone(), say)?;
        Ok(Self {
            started,
            layout: options.layout,
            stop: Arc::clone(&options.stop),
            running,
            union: None,
            data: Arc::default(),
            written: Arc::default(),
            salts: AtomicU32::new(0),
        })
    }

    /// A throw-away one, filled: with an image of its rows to put it back to.
    ///
    /// # Errors
    /// When something can't be started, or `stop` became true meanwhile. Later on `stop` ends
    /// no more than a start that takes unusually long: it is ended by dropping it, so that what runs can be finished.
    pub fn filled(size: Size, seed: u64, optimised: bool, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        Self::filled_as(Layout::default(), size, seed, optimised, stop)
    }

    /// The same in another layout.
    ///
    /// # Errors
    /// As for [`Deployment::filled`].
    pub fn filled_as(
        layout: Layout,
        size: Size,
        seed: u64,
        optimised: bool,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let options = Options {
            layout,
            ephemeral: true,
            release: optimised,
            settings: vec![
                // Each request its own statement: who waits for whom is what is measured.
                ("BATCH_MAX".to_owned(), BATCH_MAX.to_string()),
                // Each mail is asked for at the end of an experiment: the mailbox forgets none of them.
                ("KEEP".to_owned(), "1000000".to_owned()),
            ],
            stop: Arc::clone(stop),
            ..Options::default()
        };
        eprintln!("Starting Postgres and the services …");
        let mut deployment = Self::start(&options, |news| eprintln!("{news}"))?;
        eprintln!("Making {} APIs of {} organisations …", size.apis, size.organisations);
        deployment.fill(size, seed)?;
        deployment.stop_services()?;
        deployment.keep_image()?;
        deployment.start_services()?;
        deployment.read_data()?;
        Ok(deployment)
    }

    fn fill(&mut self, size: Size, seed: u64) -> Result<(), Failure> {
        if self.layout.architecture == Architecture::SharedDatabase {
            data::generate(&mut self.superuser()?, size, seed)?;
            return Ok(());
        }
        let union = Union::filled(size, seed)?;
        if self.started.log.is_some() {
            // The owners' rows alone: who takes over as relay tells them all.
            self.stop_services()?;
            union.hand_out(self.place(), false)?;
            eprintln!("Sending them through the log …");
            self.start_services()?;
        } else {
            union.hand_out(self.place(), true)?;
        }
        union::vacuum(self.place())?;
        self.union = Some(union);
        Ok(())
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

    /// Where everything is.
    pub fn place(&self) -> &Place {
        &self.started.place
    }

    /// The file that names it for others.
    pub fn up_json(&self) -> &Path {
        &self.started.up_json
    }

    /// The folder that holds logs and secrets.
    pub fn home(&self) -> &Path {
        &self.started.home
    }

    /// Names of the services that run.
    pub fn services(&self) -> Vec<String> {
        let running = &self.started.place.services;
        services::names().filter(|name| running.contains_key(*name)).map(str::to_owned).collect()
    }

    /// Names and process ids of the services, and of the log's parts where there is one.
    pub fn processes(&self) -> Vec<(String, u32)> {
        let all = services::names().chain(services::LOG.iter().map(|part| part.name));
        all.filter_map(|name| Some((name.to_owned(), self.process_id(name)?))).collect()
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

    /// Stops one process as SIGTERM does; the others go on.
    pub fn stop_service(&self, name: &'static str) -> Result<(), Failure> {
        self.running.ask(|answer| Command::Stop(name, answer))
    }

    /// Starts a process that was stopped or has died, and waits until it is ready.
    pub fn start_service(&self, name: &'static str) -> Result<(), Failure> {
        self.running.ask(|answer| Command::Start(name, answer))?
    }

    /// Stops the services, and the log where there is one; databases and stand-ins stay.
    pub fn stop_services(&self) -> Result<(), Failure> {
        self.running.ask(Command::StopAll)
    }

    /// Starts what doesn't run. Where there is a log, the copies are up to date when this returns.
    pub fn start_services(&self) -> Result<(), Failure> {
        self.running.ask(Command::StartAll)?
    }

    /// Other values for some of a service's settings, from its next start on.
    pub fn set_environment(&self, name: &'static str, settings: Vec<(String, String)>) -> Result<(), Failure> {
        self.running.ask(|answer| Command::Environment(name, settings, answer))
    }

    /// Stops the servers that were started here; the services stay.
    pub fn stop_database(&self) -> Result<(), Failure> {
        self.running.ask(|answer| Command::StopDatabase(None, answer))?
    }

    /// Starts them again.
    pub fn start_database(&self) -> Result<(), Failure> {
        self.running.ask(|answer| Command::StartDatabase(None, answer))?
    }

    /// Stops the database of one service, which has its own: its server, or on a shared server its sessions, and nobody comes in.
    pub fn stop_database_of(&self, service: &'static str) -> Result<(), Failure> {
        self.running.ask(|answer| Command::StopDatabase(Some(service), answer))?
    }

    /// Starts it again.
    pub fn start_database_of(&self, service: &'static str) -> Result<(), Failure> {
        self.running.ask(|answer| Command::StartDatabase(Some(service), answer))?
    }

    /// The relay before a service, where there are relays.
    pub fn relay(&self, service: &str) -> Option<&Relay> {
        self.started.ways.services.get(service)
    }

    /// How much later whoever asks has an answer, on every way that goes by way of a relay.
    pub fn set_round_trip(&self, delay: Duration) {
        self.started.ways.all().for_each(|relay| relay.set_round_trip(delay));
    }

    /// How it is laid out.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Waits until `stop` of its options is true and, after `before`, everything is down; how many services died unasked until then.
    pub fn wait(mut self, before: impl FnOnce()) -> usize {
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
        }
        before();
        self.running.end()
    }
}

impl Site for Deployment {
    fn url(&self, service: &str) -> Result<&str, Failure> {
        self.started.place.url(service)
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
