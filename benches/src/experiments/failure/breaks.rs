//! What is broken, and how it is repaired.

use std::collections::BTreeSet;
use std::time::Duration;

use postgres::Client;

use crate::Failure;
use crate::data::{connect, failed};
use crate::system::services::{self, Kind};
use crate::system::{Architecture, Deployment, Site};

/// How much later calls to a slow service arrive: less than a call's time-out.
const SLOW: Duration = Duration::from_millis(200);

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// One service, or a part of the log, as SIGTERM does.
    Service(&'static str),
    /// The database of one service, where each has its own.
    Database(&'static str),
    /// Calls to one service arrive 200 ms later.
    Slow(&'static str),
    /// All servers.
    Postgres,
    /// Somebody takes every connection that the server has left. No login of the system may: each is limited.
    Connections,
    /// A transaction of Registry's is paused with the counter of the busiest organisation locked.
    Paused,
}

/// What repairs it when dropped in time: sessions that are held open, nothing else.
pub struct Held(Vec<Client>);

impl Break {
    /// All of them that an architecture has.
    pub fn all(architecture: Architecture) -> Vec<Self> {
        match architecture {
            Architecture::SharedDatabase => {
                let services = services::names().map(Self::Service);
                services.chain([Self::Postgres, Self::Connections, Self::Paused]).collect()
            }
            Architecture::ApiCentric => [Self::Service, Self::Database, Self::Slow]
                .iter()
                .flat_map(|kind| services::names().map(kind))
                .collect(),
            Architecture::SelfContained => {
                let log = services::LOG.iter().filter(|part| part.kind != Kind::Port).map(|part| part.name);
                let stopped = services::names().chain(log).map(Self::Service);
                stopped.chain(services::names().map(Self::Database)).collect()
            }
        }
    }

    /// By its name on the command line.
    ///
    /// # Errors
    /// The names that there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let mut all = Self::all(Architecture::SharedDatabase);
        all.extend(Self::all(Architecture::ApiCentric));
        all.extend(Self::all(Architecture::SelfContained));
        let names: BTreeSet<String> = all.iter().map(|one| one.name()).collect();
        let found = all.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| format!("expected one of {}", Vec::from_iter(names).join(", ")))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Service(name) => name.into(),
            Self::Database(name) => format!("{name}-database"),
            Self::Slow(name) => format!("{name}-slow"),
            Self::Postgres => "postgres".into(),
            Self::Connections => "connections".into(),
            Self::Paused => "paused-transaction".into(),
        }
    }

    /// In words.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::Service(name) => format!("{name} stopped"),
            Self::Database(name) => format!("{name}'s database stopped"),
            Self::Slow(name) => format!("{name} slow by {} ms", SLOW.as_millis()),
            Self::Postgres => "Postgres stopped".into(),
            Self::Connections => "all connections taken".into(),
            Self::Paused => "a transaction of Registry paused".into(),
        }
    }

    /// Breaks it.
    pub fn begin(self, deployment: &Deployment) -> Result<Held, Failure> {
        match self {
            Self::Service(name) => deployment.stop_service(name)?,
            Self::Database(name) => deployment.stop_database_of(name)?,
            Self::Slow(name) => delay(deployment, name, SLOW)?,
            Self::Postgres => deployment.stop_database()?,
            Self::Connections => return take_all(deployment.database_url()?),
            Self::Paused => return pause(deployment),
        }
        Ok(Held(Vec::new()))
    }

    /// Repairs it; returns when what was stopped is ready again.
    pub fn end(self, deployment: &Deployment, held: Held) -> Result<(), Failure> {
        drop(held.0);
        match self {
            Self::Service(name) => deployment.start_service(name),
            Self::Database(name) => deployment.start_database_of(name),
            Self::Slow(name) => delay(deployment, name, Duration::ZERO),
            Self::Postgres => deployment.start_database(),
            Self::Connections | Self::Paused => Ok(()),
        }
    }
}

fn delay(deployment: &Deployment, service: &str, delay: Duration) -> Result<(), Failure> {
    let relay = deployment.relay(service);
    relay.ok_or_else(|| Failure::could_not_run(format!("There is no relay before {service}.")))?.set_delay(delay);
    Ok(())
}

/// Idle sessions until the server has none left, those reserved for superusers too.
fn take_all(url: &str) -> Result<Held, Failure> {
    let mut held = vec![connect(url)?];
    while let Ok(one) = connect(url) {
        held.push(one);
    }
    Ok(Held(held))
}

/// Its login's own time-out ends it, if the failure lasts longer than that.
fn pause(deployment: &Deployment) -> Result<Held, Failure> {
    let busiest = deployment.data().organisations.first().map(|of| of.id);
    let mut client = connect(&deployment.login_url("registry_writer")?)?;
    client
        .batch_execute(&format!(
            "begin; update registry.usage set apis = apis where organisation_id = '{}'",
            busiest.unwrap_or_default()
        ))
        .map_err(|error| failed("pausing a transaction", &error))?;
    Ok(Held(vec![client]))
}
