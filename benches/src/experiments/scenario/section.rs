//! What scenarios showed, as a result file keeps it.

use std::collections::BTreeMap;

use schema::blame::Entry;
use serde::{Deserialize, Serialize};

use super::Kind;

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
    /// What remedies won.
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
    /// What its checks said.
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

/// What a remedy won.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GainResult {
    /// In words.
    pub says: String,
    /// Of what.
    pub what: String,
    /// The arm with the harm.
    pub from_arm: String,
    /// The arm with the remedy.
    pub to_arm: String,
    /// With the harm.
    pub from: f64,
    /// With the remedy.
    pub to: f64,
    /// `from` in units of `to`; 1000 where nothing is left.
    pub factor: f64,
    /// Whether it won as much as it must.
    pub held: bool,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.held { "ok    " } else { "FAILED" };
        write!(f, "{mark} {} = {:.3}", self.what, self.value)?;
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => write!(f, " (wanted {least} to {most})"),
            (Some(least), None) => write!(f, " (wanted at least {least})"),
            (None, Some(most)) => write!(f, " (wanted at most {most})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::fmt::Display for ScenarioResult {
    /// For people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = if self.passed { "as expected" } else { "NOT AS EXPECTED" };
        writeln!(f, "{} {}: {verdict}\n  {}", self.id, self.title, self.lesson)?;
        for arm in &self.arms {
            writeln!(f, "  {} ({})", arm.name, serde_json::json!(arm.kind).as_str().unwrap_or_default())?;
            for actor in &arm.actors {
                let ms = |value: Option<f64>| value.map_or_else(|| "–".into(), |ms| format!("{ms:.1}"));
                write!(
                    f,
                    "    {:<14} {:>6} good, ms: median {}, p95 {}, longest {}",
                    actor.name,
                    actor.good,
                    ms(actor.p50_ms),
                    ms(actor.p95_ms),
                    ms(actor.longest_ms)
                )?;
                for (code, count) in &actor.errors {
                    write!(f, ", {count} × {code}")?;
                }
                writeln!(f)?;
            }
            for finding in &arm.findings {
                writeln!(f, "    {finding}")?;
            }
        }
        for gain in &self.gains {
            let mark = if gain.held { "ok    " } else { "FAILED" };
            writeln!(
                f,
                "  {mark} {}: {} from {:.3} to {:.3}, ×{:.1} less",
                gain.says, gain.what, gain.from, gain.to, gain.factor
            )?;
        }
        Ok(())
    }
}
