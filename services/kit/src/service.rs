//! From `main` to a running service.

use std::ffi::OsString;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use crate::app::{App, Sharing};
use crate::auth::{Keys, Source};
use crate::changes::hint;
use crate::clients::{Connections, Limits};
use crate::config::Common;
use crate::db::{Db, DbOptions};
use crate::metrics::Metrics;
use crate::start::{Ready, StartError};
use crate::threads::{Answering, Lanes, Threads};
use crate::{Clock, Routes, docs, jobs, log, server};

/// What a service is: a name, a contract, settings, and how it starts.
pub trait Service: Send + Sync + 'static {
    /// Its name, and its schema's: `registry`.
    const NAME: &'static str;
    /// Its contract: `include_str!("../../../docs/contract/registry.yaml")`.
    const CONTRACT: &'static str;
    /// Its own flags and variables; [`crate::NoSettings`] if it has none.
    type Settings: Args + Clone + Send + Sync + 'static;

    /// Whether it has a table `idempotency_keys`, which kit then purges.
    const KEEPS_ANSWERS: bool = true;

    /// Says what there is to serve.
    fn start(boot: &Boot<Self::Settings>) -> Result<Routes, StartError>;

    /// Something else than serving that the settings ask for (a subcommand): its result ends the process.
    fn command(boot: &Boot<Self::Settings>) -> Option<Result<(), StartError>> {
        let _ = boot;
        None
    }
}

/// What a service starts with.
#[derive(Clone)]
pub struct Boot<S> {
    settings: S,
    db: Db,
    threads: Threads,
    lanes: Lanes,
    clock: Clock,
    issuer: String,
    write_url: String,
}

impl<S> Boot<S> {
    /// The same with other settings: for a service that is made of another.
    pub fn with<T>(&self, settings: T) -> Boot<T> {
        Boot {
            settings,
            db: self.db.clone(),
            threads: self.threads.clone(),
            lanes: self.lanes.clone(),
            clock: self.clock.clone(),
            issuer: self.issuer.clone(),
            write_url: self.write_url.clone(),
        }
    }

    /// The service's own settings.
    pub fn settings(&self) -> &S {
        &self.settings
    }

    /// The service's database.
    pub fn db(&self) -> Db {
        self.db.clone()
    }

    /// The service's clock.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// The service's threads: for lanes of its own, and for work in the background.
    pub fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Who signs tokens (`JWT_ISSUER`).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The writer's address in words for libpq: for work that needs a connection of its own (`listen`, a session's lock). Holds a password.
    pub fn write_url(&self) -> &str {
        &self.write_url
    }
}

#[derive(Parser)]
#[command(version, about = "A service of govrnanza. Settings are flags or environment variables.")]
struct Cli<S: Args> {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    own: S,
}

/// The whole `main` of a service. Exit codes: 0 done, 2 wrong settings, 3 could not run.
pub fn run<S: Service>() -> ExitCode {
    run_from::<S>(std::env::args_os())
}

/// [`run`] with other arguments than the process's; the first is the program's name.
pub(crate) fn run_from<S: Service>(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut command = Cli::<S::Settings>::command().name(S::NAME);
    let parsed =
        command.try_get_matches_from_mut(arguments).and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let cli: Cli<S::Settings> = match parsed {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let result = log::start(&cli.common.log).and_then(|()| main::<S>(&cli.common, cli.own));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", S::NAME);
            ExitCode::from(if matches!(error, StartError::Usage(_)) { 2 } else { 3 })
        }
    }
}

fn main<S: Service>(common: &Common, settings: S::Settings) -> Result<(), StartError> {
    let boot = open::<S>(common, settings)?;
    if let Some(result) = S::command(&boot) {
        return result;
    }
    let ready = prepare::<S>(common, &boot)?;
    server::serve_until_signal(ready)
}

/// Opens the database (without waiting for it) and starts its threads.
pub(crate) fn open<S: Service>(common: &Common, settings: S::Settings) -> Result<Boot<S::Settings>, StartError> {
    let [read_url, write_url] = common.addresses()?;
    let wait = Duration::from_millis(common.pool_wait_ms);
    let (committed, commits) = hint::channel();
    let answering = Answering::at(read_url.clone());
    let options = DbOptions {
        service: S::NAME,
        read_url: &read_url,
        write_url: &write_url,
        read_size: common.pool_read_size,
        write_size: common.pool_write_size,
        wait,
        answering: Arc::clone(&answering),
    };
    let db = Db::open(&options, committed);
    let max = usize::try_from(common.queue_max).unwrap_or(usize::MAX);
    let failed = |error| StartError::failed("threads can't be started", error);
    let threads = Threads::of(S::NAME, answering).map_err(failed)?;
    let lane = |kind, size| threads.database_lane(kind, size, max, wait).map_err(failed);
    let lanes = Lanes { read: lane("read", common.pool_read_size)?, write: lane("write", common.pool_write_size)? };
    hint::start(S::NAME, &threads, lanes.write.clone(), &db, commits).map_err(failed)?;
    let (issuer, write_url) = (common.jwt_issuer.clone(), options.write_url.to_owned());
    Ok(Boot { settings, db, threads, lanes, clock: Clock::new(common.clock_file.clone()), issuer, write_url })
}

/// Starts the service and binds its address.
pub(crate) fn prepare<S: Service>(common: &Common, boot: &Boot<S::Settings>) -> Result<Ready, StartError> {
    let mut routes = S::start(boot)?;
    if S::KEEPS_ANSWERS {
        routes.jobs.push(jobs::purge(S::NAME, boot.db(), boot.clock()));
    }
    let contract = docs::read(S::CONTRACT).map_err(|error| StartError::failed("the contract can't be read", error))?;
    let app = App {
        name: S::NAME,
        db: boot.db(),
        keys: Keys::new(source(common, boot)?, common.jwt_issuer.clone(), boot.clock()),
        lanes: boot.lanes.clone(),
        threads: boot.threads.clone(),
        keeps_answers: S::KEEPS_ANSWERS,
        clients: common.clients.clone(),
        limits: Limits::new(&common.clients),
        connections: Connections::default(),
        sharing: Sharing {
            max: usize::try_from(common.batch_max).unwrap_or(1),
            together: usize::try_from(common.pool_read_size.div_ceil(4)).unwrap_or(1),
            always: common.batch_always,
        },
        clock: boot.clock(),
        metrics: Metrics::new(S::NAME).map_err(|error| StartError::failed("metrics can't be made", error))?,
        probes: routes.probes.clone(),
        measured: routes.measured.clone(),
        registries: routes.registries.clone(),
        checks: routes.checks.clone(),
        openapi: contract.to_string(),
        docs: docs::page(&contract),
        draining: AtomicBool::new(false),
        in_flight: AtomicUsize::new(0),
    };
    let listener = TcpListener::bind(common.listen)
        .map_err(|error| StartError::Failed(format!("LISTEN: {} can't be bound: {error}", common.listen)))?;
    Ok(Ready { app: Arc::new(app), routes, listener, workers: usize::try_from(common.workers).unwrap_or(1) })
}

fn source<S>(common: &Common, boot: &Boot<S>) -> Result<Source, StartError> {
    let Some(jwks) = &common.jwks else {
        return Ok(Source::Database { db: boot.db(), lane: boot.lanes.read.clone() });
    };
    if jwks.contains("://") {
        let help = "JWKS: URLs are not supported; save the issuer's key set to a file and name that";
        return Err(StartError::Usage(help.to_owned()));
    }
    let path = std::path::PathBuf::from(jwks);
    match crate::auth::check_file(&path) {
        Ok(0) => Err(StartError::Usage(format!("JWKS: {jwks} holds no Ed25519 or P-256 key with a kid"))),
        Ok(_) => Ok(Source::File(path)),
        Err(error) => Err(StartError::Usage(format!("JWKS: {error}"))),
    }
}
