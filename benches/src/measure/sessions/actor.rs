//! Who acts in an arm: sessions of a login, or requests to a service.

use serde::Deserialize;

use super::step::Step;
use crate::load::schedule::{Endpoint, MATRIX, MalformedWorkload, ServiceWorkload, Workload};

/// An actor: sessions that run a script again and again, or requests to a service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Actor {
    /// How expectations call it.
    pub name: String,
    /// A login `lab_*`, made for the arm; it may do what `grants` says.
    pub role: Option<String>,
    /// Grants to it, `{role}` standing for its name.
    #[serde(default)]
    pub grants: Vec<String>,
    /// Statements of one round, and `\sleep 40 ms`. `{org}` is the organisation, `{orgs}` all of them, `{n}` another number
    /// each round, `{uuid}` a new id.
    #[serde(default)]
    pub script: Vec<Step>,
    /// Statements at the start of each session.
    #[serde(default)]
    pub begin: Vec<Step>,
    /// How many sessions.
    #[serde(default = "one")]
    pub sessions: u32,
    /// A round is due so often in each session, its time counted from when it was due. None: the next one follows at once.
    pub every_ms: Option<f64>,
    /// Rounds of each session; none: until the end.
    pub rounds: Option<u64>,
    /// The first round that goes well is the last one.
    #[serde(default)]
    pub until_good: bool,
    /// Begins so late.
    #[serde(default)]
    pub start_ms: u64,
    /// A new connection for each round.
    #[serde(default)]
    pub reconnect: bool,
    /// A service that is asked over HTTP, in place of a role.
    pub service: Option<String>,
    /// For what.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// Requests per second.
    pub rate: Option<f64>,
    /// All for one organisation, and not for all by popularity.
    #[serde(default)]
    pub hot: bool,
}

fn one() -> u32 {
    1
}

impl Actor {
    /// One session of a login, with these statements in each round.
    /// A step that can't be read becomes a statement, which Postgres refuses.
    #[must_use]
    pub fn session(name: &str, role: &str, grants: &[&str], script: &[&str]) -> Self {
        let step =
            |text: &&str| Step::try_from((*text).to_owned()).unwrap_or_else(|_| Step::Statement((*text).to_owned()));
        Self {
            name: name.to_owned(),
            role: Some(role.to_owned()),
            grants: grants.iter().map(|&grant| grant.to_owned()).collect(),
            script: script.iter().map(step).collect(),
            sessions: 1,
            ..Self::default()
        }
    }

    /// All services, each with its mix of the matrix, `rate` requests per second together.
    ///
    /// # Errors
    /// When the built-in mix is malformed.
    pub fn everybody(rate: f64) -> Result<Vec<Self>, MalformedWorkload> {
        let workload = Workload::parse(MATRIX)?;
        let total: f64 = workload.services.values().map(|of| of.weight).sum();
        let of = |(name, of): (String, ServiceWorkload)| Self {
            service: Some(name.clone()),
            name,
            rate: Some(rate * of.weight / total),
            endpoints: of.endpoints,
            sessions: 1,
            ..Self::default()
        };
        Ok(workload.services.into_iter().map(of).collect())
    }

    /// Says what of it contradicts itself.
    ///
    /// # Errors
    /// That, in a few words.
    pub fn check(&self) -> Result<(), String> {
        match (&self.role, &self.service) {
            (Some(role), None) if !role.starts_with("lab_") || role == "lab_monitor" => {
                Err("its role must be one of the lab's own, lab_…".into())
            }
            (Some(_), None) if self.script.is_empty() => Err("its script is empty".into()),
            (Some(_), None) if self.rate.is_some() || !self.endpoints.is_empty() => {
                Err("rate and endpoints are for a service".into())
            }
            (None, Some(_)) if self.rate.is_none() || self.endpoints.is_empty() => {
                Err("a service needs rate and endpoints".into())
            }
            (None, Some(_)) if !self.script.is_empty() => Err("a script is for a role".into()),
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => Err("it needs either a role or a service".into()),
        }
    }
}
