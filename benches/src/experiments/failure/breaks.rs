//! What is broken, and how it is repaired.

use postgres::Client;

use crate::Failure;
use crate::data::{connect, failed};
use crate::system::services;
use crate::system::{Deployment, Site};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// One service, as SIGTERM does.
    Service(&'static str),
    /// The database.
    Postgres,
    /// Somebody takes every connection that the server has left. No login of the system may: each is limited.
    Connections,
    /// A transaction of Registry's is paused with the counter of the busiest organisation locked.
    Paused,
}

/// What repairs it when dropped in time: sessions that are held open, nothing else.
pub struct Held(Vec<Client>);

impl Break {
    /// All of them.
    pub fn all() -> Vec<Self> {
        services::names().map(Self::Service).chain([Self::Postgres, Self::Connections, Self::Paused]).collect()
    }

    /// By its name on the command line.
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|one| one.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Service(name) => name,
            Self::Postgres => "postgres",
            Self::Connections => "connections",
            Self::Paused => "paused-transaction",
        }
    }

    /// In words.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::Service(name) => format!("{name} stopped"),
            Self::Postgres => "Postgres stopped".into(),
            Self::Connections => "all connections taken".into(),
            Self::Paused => "a transaction of Registry paused".into(),
        }
    }

    /// Breaks it.
    pub fn begin(self, deployment: &Deployment) -> Result<Held, Failure> {
        match self {
            Self::Service(name) => deployment.stop_service(name)?,
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
            Self::Postgres => deployment.start_database(),
            Self::Connections | Self::Paused => Ok(()),
        }
    }
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
