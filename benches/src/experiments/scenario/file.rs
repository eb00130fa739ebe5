//! What a scenario is: a TOML file under `benches/scenarios/`. Unknown fields are refused, so that a misspelt one can't
//! silently change an experiment.

mod check;

use crate::measure::sessions::Actor;
use std::collections::BTreeMap;

use schema::blame::Cause;
use serde::{Deserialize, Serialize};

use crate::result::Resource;

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
    /// What of it is measured at every isolation level.
    #[serde(default, rename = "ladder")]
    pub ladders: Vec<LadderPlan>,
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
    /// The problem, as it is usually written: SQL of the lab, never the product's.
    Naive,
    /// What this product does.
    Ours,
    /// Another solution.
    Remedy,
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
    /// For which shared resource.
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
    /// The arm with the problem.
    pub from: String,
    /// The arm with the remedy.
    pub to: String,
    /// The least it must win.
    pub at_least: f64,
}

/// Which arm is measured at every isolation level, and which of its actors are slowed by the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LadderPlan {
    /// Such as `Billing → Registry`.
    pub title: String,
    /// The arm.
    pub arm: String,
    /// Actors whose slowdown is measured; the others are moved away.
    #[serde(alias = "victims")]
    pub slowed: Vec<String>,
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
