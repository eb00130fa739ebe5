//! What a scenario is: a TOML file under `benches/scenarios/`. Unknown fields are refused, so that a misspelt one can't
//! silently change an experiment.

mod check;

use std::collections::BTreeMap;

use schema::blame::Cause;
use serde::{Deserialize, Serialize};

use super::step::Step;
use crate::result::Resource;
use crate::schedule::{Endpoint, ServiceWorkload, Workload};

/// One scenario: a few arms, run one after another on the same data, and what each must show.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Such as `S4`.
    pub id: String,
    /// What it is about, in a few words.
    pub title: String,
    /// What is to be learned from it, in a sentence.
    pub lesson: String,
    /// How long each arm is measured, unless it says otherwise.
    pub seconds: f64,
    /// SQL run once before the first arm, as superuser: tables in a schema `lab_*`.
    #[serde(default)]
    pub setup: String,
    /// In the order they are run.
    #[serde(rename = "arm")]
    pub arms: Vec<Arm>,
    /// What a remedy wins, between two arms.
    #[serde(default, rename = "gain")]
    pub gains: Vec<Gain>,
    /// What of it goes up the isolation ladder.
    #[serde(default, rename = "ladder")]
    pub ladders: Vec<Rungs>,
}

/// One arrangement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Arm {
    /// Such as `for update`.
    pub name: String,
    /// What it is there for.
    pub kind: Kind,
    /// How long, where it differs.
    pub seconds: Option<f64>,
    /// SQL run before it, as superuser.
    #[serde(default)]
    pub setup: String,
    /// SQL run after it, as superuser: the product's tables are left as they were found.
    #[serde(default)]
    pub undo: String,
    /// Who acts.
    #[serde(rename = "actor")]
    pub actors: Vec<Actor>,
    /// Queries that give one number each, asked when all have stopped.
    #[serde(default)]
    pub checks: BTreeMap<String, String>,
    /// What must be seen.
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

impl Arm {
    /// These actors and nothing else: no SQL before or after, nothing expected.
    #[must_use]
    pub fn of(name: impl Into<String>, actors: Vec<Actor>) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Naive,
            seconds: None,
            setup: String::new(),
            undo: String::new(),
            actors,
            checks: BTreeMap::new(),
            expect: Vec::new(),
        }
    }
}

/// What an arm is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing must happen here: what is compared with.
    Control,
    /// The harm, as it is usually written: SQL of the lab, never the product's.
    Naive,
    /// What this product does.
    Ours,
    /// Another way out of the harm.
    Remedy,
}

/// Somebody at work: sessions that run a script again and again, or requests to a service.
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

/// A number that an arm gives.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Measure {
    /// Which.
    pub what: What,
    /// Whose rounds.
    pub actor: Option<String>,
    /// A SQLSTATE, or an outcome of HTTP such as `timeout`. None: any that isn't good.
    pub code: Option<String>,
    /// Who waited, or who used the buffers.
    pub waiting: Option<String>,
    /// For whom in the end.
    pub root: Option<String>,
    /// For whom directly.
    pub direct: Option<String>,
    /// What about.
    pub cause: Option<Cause>,
    /// For what without an owner.
    pub resource: Option<Resource>,
    /// Name of a check.
    pub check: Option<String>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Seconds of lock waits in each second: `waiting`, `root`, `direct`, `cause` choose the lines of the ledger.
    Blocked,
    /// Seconds in each second that `waiting` waited for a `resource`, blamed on `root` by its use: a model.
    Apportioned,
    /// Rounds or requests that failed, with `code`; of all actors unless one is named.
    Errors,
    /// Rounds or requests that succeeded, in a second.
    PerSecond,
    /// Median time of a round, milliseconds.
    P50,
    /// 95th percentile, milliseconds.
    P95,
    /// The longest, milliseconds.
    Longest,
    /// Mean wait inside the service for a database thread and a connection of its pool, milliseconds, as it says itself.
    Pool,
    /// Buffers for each statement of the role `waiting`.
    Buffers,
    /// What a check says.
    Check,
}

/// What must be seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expectation {
    /// Of what.
    pub measure: Measure,
    /// Divided by the same of this arm, which ran before.
    pub relative_to: Option<String>,
    /// Lower bound.
    pub at_least: Option<f64>,
    /// Upper bound.
    pub at_most: Option<f64>,
}

/// What a remedy wins: the measure in `from` divided by the one in `to`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gain {
    /// In words.
    pub says: String,
    /// Of what.
    pub measure: Measure,
    /// The arm with the harm.
    pub from: String,
    /// The arm with the remedy.
    pub to: String,
    /// The least it must win.
    pub at_least: f64,
}

/// Which arm goes up the ladder, and who in it is harmed by whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rungs {
    /// Such as `Billing → Registry`.
    pub title: String,
    /// The arm.
    pub arm: String,
    /// Actors that are measured.
    pub victims: Vec<String>,
}

/// A scenario that can't be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MalformedScenario(String);

impl Scenario {
    /// Reads TOML.
    ///
    /// # Errors
    /// [`MalformedScenario`] with the reason and place.
    pub fn parse(text: &str) -> Result<Self, MalformedScenario> {
        let scenario: Self = toml::from_str(text).map_err(|error| MalformedScenario(error.to_string()))?;
        scenario.check().map_err(MalformedScenario)?;
        Ok(scenario)
    }

    /// An arm by its name.
    #[must_use]
    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == name)
    }
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
    pub fn everybody(rate: f64) -> Result<Vec<Self>, MalformedScenario> {
        let workload = Workload::parse(crate::run::MATRIX).map_err(|error| MalformedScenario(error.to_string()))?;
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
}
