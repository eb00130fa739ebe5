//! A running system: the database and the services, and one thread that watches over them.
//!
//! `lab up` holds one; tests and experiments hold one too, and stop and start its parts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;

use super::command::Command;
use super::database::Database;
use super::gateway::{self, Gateway};
use super::home::{self, Home};
use super::supervisor::{Supervisor, sentence};
use super::{Options, binaries, ports, services};
use crate::{Failure, Target};

/// A running system; dropping it stops what it started, and nothing else.
pub struct Instance {
    target: Target,
    up_json: PathBuf,
    home: PathBuf,
    commands: Sender<Command>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Instance {
    /// Brings everything up and returns when all is ready. What happens on the way and later (a service that died) is
    /// told to `say`. Once `stop` is true it ends, also while it is still starting.
    pub fn start(
        options: &Options,
        stop: &Arc<AtomicBool>,
        say: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, Failure> {
        let (commands, received) = mpsc::channel();
        let (ready, started) = mpsc::channel();
        let (options, stop_it) = (options.clone(), Arc::clone(stop));
        // Everything is started by this one thread, because the kernel ends a child when the thread that made it ends.
        let thread = std::thread::spawn(move || match Up::bring(&options, &stop_it, &say) {
            Ok(mut up) => {
                let paths = (up.target.clone(), up.up_json.clone(), up.home.path().to_owned());
                let _ = ready.send(Ok(paths));
                up.watch(&received, &stop_it, &say)
            }
            Err(failure) => {
                let _ = ready.send(Err(failure));
                0
            }
        });
        let gone = || Failure::could_not_run("The supervising thread is gone.");
        match started.recv().map_err(|_| gone())? {
            Ok((target, up_json, home)) => {
                Ok(Self { target, up_json, home, commands, stop: Arc::clone(stop), thread: Some(thread) })
            }
            Err(failure) => {
                let _ = thread.join();
                Err(failure)
            }
        }
    }

    /// Where everything is.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The file that says so to others.
    pub fn up_json(&self) -> &Path {
        &self.up_json
    }

    /// The folder that holds logs and secrets.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Stops one service as SIGTERM does; the others go on.
    pub fn stop_service(&self, name: &'static str) -> Result<(), Failure> {
        self.ask(|answer| Command::Stop(name, answer))
    }

    /// Starts a service that was stopped or has died, and waits until it is ready.
    pub fn start_service(&self, name: &'static str) -> Result<(), Failure> {
        self.ask(|answer| Command::Start(name, answer))?
    }

    /// The process id of a service, while it runs.
    pub fn process_id(&self, name: &'static str) -> Option<u32> {
        self.ask(|answer| Command::Id(name, answer)).ok().flatten()
    }

    /// Other values for some of a service's settings, from its next start on.
    pub fn set_environment(&self, name: &'static str, settings: Vec<(String, String)>) -> Result<(), Failure> {
        self.ask(|answer| Command::Environment(name, settings, answer))
    }

    /// Stops the database that was started here; the services stay.
    pub fn stop_database(&self) -> Result<(), Failure> {
        self.ask(Command::StopDatabase)?
    }

    /// Starts it again.
    pub fn start_database(&self) -> Result<(), Failure> {
        self.ask(Command::StartDatabase)?
    }

    /// Waits until `stop` is true and everything is down; how many services died unasked until then.
    pub fn wait(mut self) -> usize {
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }

    fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, Failure> {
        let (answer, answered) = mpsc::channel();
        let gone = || Failure::could_not_run("Everything is being stopped.");
        self.commands.send(command(answer)).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop.store(true, Ordering::Relaxed);
            let _ = thread.join();
        }
    }
}

/// What the thread owns. They end in this order: each service still has its database while it finishes.
struct Up {
    gateway: Option<Gateway>,
    supervisor: Supervisor,
    database: Database,
    home: Home,
    target: Target,
    up_json: PathBuf,
}

impl Up {
    fn bring(options: &Options, stop: &AtomicBool, say: &dyn Fn(&str)) -> Result<Self, Failure> {
        let mut services = services::with_instances(options.instances);
        if options.gateway {
            services.push(gateway::PORT);
        }
        let home = match (&options.home, options.ephemeral) {
            (_, true) => Home::throw_away()?,
            (Some(folder), false) => Home::take(folder)?,
            (None, false) => Home::take(&Home::usual()?)?,
        };
        let processes: Vec<_> =
            services.iter().copied().filter(|service| service.kind != services::Kind::Port).collect();
        let folder = binaries::folder(&processes, options.release, say)?;
        let ports = ports::choose(options.port_base, &services)?;
        say("Starting the database …");
        let database = Database::start(home.path(), options.ephemeral)?;
        database.prepare()?;
        let urls: BTreeMap<&'static str, String> = services
            .iter()
            .zip(&ports)
            .map(|(service, port)| (service.name, format!("http://127.0.0.1:{port}")))
            .collect();
        let mut supervisor = Supervisor::new(options.logs);
        let signing_key = home.signing_key()?;
        for service in &processes {
            let mut settings = super::settings::of(service, &urls, &database, &signing_key, &home.clock_file())?;
            let shared = options.batch_max.map(|max| max.to_string());
            settings.extend(shared.map(|max| ("BATCH_MAX".to_owned(), max)));
            supervisor.add(service, &folder, settings, home.log_file(service.name), &urls[service.name])?;
        }
        let operator = home.operator()?;
        super::operator::ensure(&supervisor, &operator)?;
        say("Starting the services …");
        supervisor.start_all(stop)?;
        let gateway = match options.gateway {
            true => Some(Gateway::start(&urls, home.path(), home.log_file("gateway"), gateway::Limit::Lifted)?),
            false => None,
        };
        let url = |name: &str| urls.get(name).cloned();
        let target = Target {
            services: services::names().filter_map(|name| Some((name.to_owned(), url(name)?))).collect(),
            database_url: Some(database.product_url()?),
            operator: Some(operator),
            mailbox: url("mail-sink"),
            gateway: url(gateway::PORT.name),
            payments: url("payment-sandbox"),
            clock_file: Some(home.clock_file()),
        };
        let up_json = home.announce(&home::line(&target)?)?;
        Ok(Self { gateway, supervisor, database, home, target, up_json })
    }

    /// Until `stop`: does what is asked and tells of every service that died; how many did.
    fn watch(&mut self, commands: &Receiver<Command>, stop: &AtomicBool, say: &dyn Fn(&str)) -> usize {
        let mut died = 0;
        while !stop.load(Ordering::Relaxed) {
            if let Ok(command) = commands.recv_timeout(super::supervisor::TICK) {
                self.obey(command, stop);
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
            if let Some(how) = self.database.died() {
                died += 1;
                say(&format!("The database died ({how}); the services answer 503 until it is back."));
            }
        }
        died
    }

    fn obey(&mut self, command: Command, stop: &AtomicBool) {
        // Whoever asked may be gone; then nobody wants the answer.
        match command {
            Command::Stop(name, answer) => {
                self.supervisor.stop(name);
                let _ = answer.send(());
            }
            Command::Start(name, answer) => {
                let _ = answer.send(self.supervisor.start(name, stop));
            }
            Command::Id(name, answer) => {
                let _ = answer.send(self.supervisor.process_id(name));
            }
            Command::Environment(name, settings, answer) => {
                self.supervisor.set_environment(name, settings);
                let _ = answer.send(());
            }
            Command::StopDatabase(answer) => {
                let _ = answer.send(self.database.pause());
            }
            Command::StartDatabase(answer) => {
                let _ = answer.send(self.database.resume());
            }
        }
    }
}
