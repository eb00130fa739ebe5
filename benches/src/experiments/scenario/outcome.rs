//! What scenarios showed.

use std::collections::BTreeMap;

use schema::blame::Entry;
use serde::{Deserialize, Serialize};

use super::file::Kind;
use crate::result::text::capital;
use crate::result::{Outcome, Table};

/// What scenarios showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenarios {
    /// In the order they ran.
    pub scenarios: Vec<ScenarioResult>,
}

impl Scenarios {
    /// Whether each of them showed what it must.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.scenarios.iter().all(|one| one.passed)
    }
}

/// One scenario's outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScenarioResult {
    /// Such as `S4`.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// What is to be learned from it.
    pub lesson: String,
    /// Whether everything was seen that must be.
    pub passed: bool,
    /// In the order they ran.
    pub arms: Vec<ArmResult>,
    /// What remedies gained.
    pub gains: Vec<GainResult>,
}

/// One arm's outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArmResult {
    /// Its name.
    pub name: String,
    /// What it was there for.
    pub kind: Kind,
    /// How long it was watched.
    pub seconds: f64,
    /// By name.
    pub actors: Vec<Actor>,
    /// Who waited for whom, largest first.
    pub ledger: Vec<Entry>,
    /// Results of its checks.
    pub checks: BTreeMap<String, f64>,
    /// Its expectations, in the file's order.
    pub findings: Vec<Finding>,
}

/// What became of an actor's rounds. Times count from when a round was due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Actor {
    /// Its name.
    pub name: String,
    /// Rounds that went well.
    pub good: u64,
    /// The others by SQLSTATE or outcome.
    pub errors: BTreeMap<String, u64>,
    /// Median, milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile, milliseconds.
    pub p95_ms: Option<f64>,
    /// Longest, milliseconds.
    pub longest_ms: Option<f64>,
}

/// Whether one expectation held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Finding {
    /// Of what.
    pub what: String,
    /// As measured.
    pub value: f64,
    /// Lower bound.
    pub at_least: Option<f64>,
    /// Upper bound.
    pub at_most: Option<f64>,
    /// Whether it lies within.
    pub held: bool,
}

/// What a remedy gained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GainResult {
    /// In words.
    pub says: String,
    /// Of what.
    pub what: String,
    /// The arm with the problem.
    pub from_arm: String,
    /// The arm with the remedy.
    pub to_arm: String,
    /// With the problem.
    pub from: f64,
    /// With the remedy.
    pub to: f64,
    /// `from` in units of `to`; 1000 where nothing is left.
    pub factor: f64,
    /// Whether it gained as much as it must.
    pub held: bool,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} = {:.3}", mark(self.held), self.what, self.value)?;
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => write!(f, " (wanted {least} to {most})"),
            (Some(least), None) => write!(f, " (wanted at least {least})"),
            (None, Some(most)) => write!(f, " (wanted at most {most})"),
            (None, None) => Ok(()),
        }
    }
}

fn mark(held: bool) -> char {
    if held { '✓' } else { '✗' }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1}"));
        let [p50, p95, longest] = [self.p50_ms, self.p95_ms, self.longest_ms].map(ms);
        write!(f, "{}: {} good; median {p50} ms, p95 {p95} ms, longest {longest} ms", self.name, self.good)?;
        self.errors.iter().try_for_each(|(code, count)| write!(f, "; {count} × {code}"))
    }
}

impl ScenarioResult {
    /// Its arms with everything seen, and the gains below.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut table = Table::new(&["arm", "what it is", "seen"], &[], &[]).titled(format!(
            "{} {} {}: {}",
            mark(self.passed),
            self.id,
            self.title,
            self.lesson
        ));
        for arm in &self.arms {
            let kind = serde_json::json!(arm.kind).as_str().unwrap_or_default().to_owned();
            let seen = arm.findings.iter().map(Finding::to_string).chain(arm.actors.iter().map(Actor::to_string));
            table.row([arm.name.clone(), kind, seen.collect::<Vec<_>>().join("\n")]);
        }
        let gain = |of: &GainResult| {
            format!(
                "{} {}: {} from {:.3} to {:.3}, {:.1}× lower",
                mark(of.held),
                capital(&of.says),
                of.what,
                of.from,
                of.to,
                of.factor
            )
        };
        table.notes.extend(self.gains.iter().map(gain));
        table
    }
}

impl<P> Outcome<P> for Scenarios {
    fn tables(&self, _: &P) -> Vec<Table> {
        let mut tables: Vec<Table> = self.scenarios.iter().map(ScenarioResult::table).collect();
        let failed: Vec<&str> = self.scenarios.iter().filter(|one| !one.passed).map(|one| &*one.id).collect();
        if let Some(last) = tables.last_mut() {
            last.notes.push(format!("{} of {} passed.", self.scenarios.len() - failed.len(), self.scenarios.len()));
            last.notes.extend((!failed.is_empty()).then(|| format!("Failed: {}.", failed.join(", "))));
        }
        tables
    }
}
