//! What is started for a deployment, and the one thread that starts it, watches over it and stops it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use schema::OwnDatabase;

use super::databases::{Databases, Layout};
use super::gateway::{self, Gateway};
use super::home::Home;
use super::log::Log;
use super::patience::Patience;
use super::process::{Plan, READY_WITHIN, sentence};
use super::services::{self, Architecture, Kind, names, with_instances};
use super::supervisor::{Supervisor, TICK};
use super::ways::Ways;
use super::{binaries, once, ports, settings};
use crate::{Failure, Operator, Place};

/// How long a later start of all may still take once `stop` is true, so that an experiment comes to an orderly end.
const GRACE: Duration = Duration::from_secs(15);

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which processes on which databases.
    pub layout: Layout,
    /// Another home folder than the usual one.
    pub home: Option<PathBuf>,
    /// A cluster and a home of its own, gone afterwards.
    pub ephemeral: bool,
    /// Ports from here on; 0 for free ones.
    pub port_base: u16,
    /// Show what the services log.
    pub logs: bool,
    /// nginx in front of the services.
    pub gateway: bool,
    /// How many of each service; 0 is one.
    pub instances: u16,
    /// Services as they are built for load.
    pub release: bool,
    /// Settings of every process, where they aren't what it does by itself.
    pub settings: Vec<(String, String)>,
    /// Once it is true, a start that goes on ends: at once the first time, a little later what is started again.
    pub stop: Arc<AtomicBool>,
}

/// What can be asked of the thread; each with a place for the answer.
pub(super) enum Command {
    /// SIGTERM to all that hold the product's data or move them, and wait for their end.
    StopAll(Sender<()>),
    /// Start all that don't run, and wait until they are ready.
    StartAll(Sender<Result<(), Failure>>),
    /// SIGTERM to a process, and wait for its end.
    Stop(&'static str, Sender<()>),
    /// Start a process that isn't running, and wait until it is ready.
    Start(&'static str, Sender<Result<(), Failure>>),
    /// How a service is started.
    Plan(&'static str, Sender<Option<Plan>>),
    /// The process id of a running service.
    Id(&'static str, Sender<Option<u32>>),
    /// Other settings for a service, from its next start on.
    Environment(&'static str, Vec<(String, String)>, Sender<()>),
    /// Stop the servers that were started here, or the database of one service; the services stay.
    StopDatabase(Option<&'static str>, Sender<Result<(), Failure>>),
    /// Start it again.
    StartDatabase(Option<&'static str>, Sender<Result<(), Failure>>),
}

/// The thread; when this is dropped it stops what it started, and nothing else.
pub(super) struct Running {
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<usize>>,
}

/// What can be asked of it without its thread.
pub(super) struct Started {
    /// Where everything is.
    pub(super) place: Place,
    /// The file that names it for others.
    pub(super) up_json: PathBuf,
    /// The folder of logs and secrets.
    pub(super) home: PathBuf,
    /// Its relays, where there are some.
    pub(super) ways: Ways,
    /// Where the log is, if there is one.
    pub(super) log: Option<Log>,
}

impl Running {
    /// Returns when all is ready. What happens on the way and later (a service that died) goes to `say`.
    pub(super) fn start(options: Options, say: impl Fn(&str) + Send + 'static) -> Result<(Self, Started), Failure> {
        let (commands, received) = mpsc::channel();
        let (ready, started) = mpsc::channel();
        // Everything is started by this one thread, because the kernel ends a child when the thread that made it ends.
        let thread = std::thread::spawn(move || match Up::bring(&options, &say) {
            Ok((mut up, up_json)) => {
                let (place, home, ways) = (up.place.clone(), up.home.path().to_owned(), up.ways.clone());
                let _ = ready.send(Ok(Started { place, up_json, home, ways, log: up.log.clone() }));
                up.watch(&received, &say)
            }
            Err(failure) => {
                let _ = ready.send(Err(failure));
                0
            }
        });
        let running = Self { commands: Some(commands), thread: Some(thread) };
        let started = started.recv().map_err(|_| Failure::could_not_run("The supervising thread is gone."))??;
        Ok((running, started))
    }

    /// Asks the thread and waits for its answer.
    pub(super) fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, Failure> {
        let (answer, answered) = mpsc::channel();
        let gone = || Failure::could_not_run("Everything is being stopped.");
        let commands = self.commands.as_ref().ok_or_else(gone)?;
        commands.send(command(answer)).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())
    }

    /// Stops everything; how many processes had died unasked.
    pub(super) fn end(&mut self) -> usize {
        self.commands = None;
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the thread owns. They end in this order: each service still has its database while it finishes.
struct Up {
    gateway: Option<Gateway>,
    supervisor: Supervisor,
    databases: Databases,
    home: Home,
    place: Place,
    ways: Ways,
    log: Option<Log>,
    stop: Arc<AtomicBool>,
}

impl Up {
    /// Starts everything and waits until it is ready; with the file that names it for others.
    fn bring(options: &Options, say: &dyn Fn(&str)) -> Result<(Self, PathBuf), Failure> {
        let Layout { architecture, engines, relayed, cache_ttl } = options.layout;
        let mut services = with_instances(&architecture.processes(), options.instances);
        services.extend(options.gateway.then_some(gateway::PORT));
        services.retain(|one| Log::named().is_none() || !services::is_of_node(one));
        let home = Home::open_as(options.home.as_deref(), options.ephemeral)?;
        let processes: Vec<_> = services.iter().copied().filter(|service| service.kind != Kind::Port).collect();
        let folder = binaries::folder(&processes, options.release, &options.stop, say)?;
        let ports = ports::choose(options.port_base, &services)?;
        say("Starting the database …");
        let mut databases = Databases::start(architecture, engines, home.path(), options.ephemeral, &options.stop)?;
        databases.prepare(&options.stop)?;
        let at = |(service, port): (&services::Service, &u16)| (service.name, format!("http://127.0.0.1:{port}"));
        let urls: BTreeMap<&'static str, String> = services.iter().zip(&ports).map(at).collect();
        let with_log = architecture == Architecture::SelfContained;
        let mut log = with_log.then(|| Log::find(urls.get(services::NODE), home.path(), options.ephemeral));
        let ways = Ways::make(relayed, &urls, &mut databases, log.as_mut())?;
        let mut supervisor = Supervisor::new(options.logs);
        let (signing_key, clock_file) = (home.signing_key()?, home.clock_file());
        let secret = |name| (name, format!("{:032x}", rand::random::<u128>()));
        let around = settings::Surroundings {
            architecture,
            urls: &urls,
            relays: &ways.services,
            databases: &databases,
            signing_key: &signing_key,
            clock_file: &clock_file,
            cache_ttl,
            log: log.as_ref(),
            secrets: &names().map(secret).collect(),
        };
        for service in &processes {
            let mut settings = settings::of(service, &around)?;
            settings.extend(options.settings.iter().cloned());
            supervisor.add(service, &folder, settings, home.log_file(service.name), &urls[service.name])?;
        }
        let operator = home.operator()?;
        if let Some(account) = supervisor.plan("account") {
            once::operator(account, &operator, &Patience::new(READY_WITHIN, &options.stop))?;
        }
        say("Starting the services …");
        supervisor.start_all(&Patience::new(READY_WITHIN, &options.stop))?;
        let gateway = match options.gateway {
            true => {
                let (log, limit) = (home.log_file("gateway"), gateway::Limit::Lifted);
                Some(Gateway::start(&urls, home.path(), log, limit, &options.stop)?)
            }
            false => None,
        };
        let place = place(architecture, &databases, &home, &urls, operator, log.as_ref())?;
        let up_json = home.announce(&place.line()?)?;
        Ok((Self { gateway, supervisor, databases, home, place, ways, log, stop: Arc::clone(&options.stop) }, up_json))
    }

    /// Until nobody can ask any more: does what is asked and reports every process that died; how many did.
    fn watch(&mut self, commands: &Receiver<Command>, say: &dyn Fn(&str)) -> usize {
        let mut died = 0;
        loop {
            match commands.recv_timeout(TICK) {
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return died,
            }
            for (name, status, last_lines) in self.supervisor.died() {
                died += 1;
                let how = sentence(status);
                say(&format!("{name} died ({how}), the others go on; its last lines:\n{last_lines}"));
            }
            if let Some(how) = self.gateway.as_mut().and_then(Gateway::ended) {
                died += 1;
                say(&format!("The gateway died, the services go on: {how}"));
            }
            if let Some(how) = self.databases.died() {
                died += 1;
                say(&format!("The database died ({how}); the services answer 503 until it is back."));
            }
        }
    }

    fn obey(&mut self, command: Command) {
        // The one who asked may be gone; then nobody needs the answer.
        match command {
            Command::StopAll(answer) => {
                self.supervisor.stop_data();
                let _ = answer.send(());
            }
            Command::StartAll(answer) => {
                let patience = Patience::new(READY_WITHIN, &self.stop).with_grace(GRACE);
                let _ = answer.send(self.supervisor.start_all(&patience));
            }
            Command::Stop(name, answer) => {
                self.supervisor.stop(name);
                let _ = answer.send(());
            }
            Command::Start(name, answer) => {
                let _ = answer.send(self.supervisor.start(name, &Patience::of(READY_WITHIN)));
            }
            Command::Plan(name, answer) => {
                let _ = answer.send(self.supervisor.plan(name).cloned());
            }
            Command::Id(name, answer) => {
                let _ = answer.send(self.supervisor.process_id(name));
            }
            Command::Environment(name, settings, answer) => {
                self.supervisor.set_environment(name, settings);
                let _ = answer.send(());
            }
            Command::StopDatabase(of, answer) => {
                let _ = answer.send(self.databases.pause(of));
            }
            Command::StartDatabase(of, answer) => {
                let _ = answer.send(self.databases.resume(of));
            }
        }
    }
}

/// Where everything is that was started, for whoever uses it.
fn place(
    architecture: Architecture,
    databases: &Databases,
    home: &Home,
    urls: &BTreeMap<&'static str, String>,
    operator: Operator,
    log: Option<&Log>,
) -> Result<Place, Failure> {
    let url = |name: &str| urls.get(name).cloned();
    let own = architecture.own_databases();
    let database_of = |own: &OwnDatabase| Ok((own.service().to_owned(), databases.superuser_url(own.service())?));
    Ok(Place {
        services: names().filter_map(|name| Some((name.to_owned(), url(name)?))).collect(),
        architecture: Some(architecture.name().to_owned()),
        database_url: if own.is_empty() { Some(databases.superuser_url("account")?) } else { None },
        databases: own.iter().map(database_of).collect::<Result<_, Failure>>()?,
        parts: urls
            .iter()
            .filter(|(name, _)| services::is_part(name))
            .map(|(name, url)| ((*name).to_owned(), url.clone()))
            .collect(),
        kafka: log.map(|log| log.brokers.clone()),
        operator: Some(operator),
        mailbox: url("mail-sink"),
        gateway: url(gateway::PORT.name),
        payments: url("payment-sandbox"),
        clock_file: Some(home.clock_file()),
        up_json: Some(home.path().join(crate::UP_JSON)),
    })
}
