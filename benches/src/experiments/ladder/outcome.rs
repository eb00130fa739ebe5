//! What ladders showed.

use serde::{Deserialize, Serialize};

use super::isolation::Isolation;
use crate::result::text::{capital, interval_or_none, ratio};
use crate::result::{Outcome, Table};
use crate::stats::Estimate;

/// What ladders showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ladders {
    /// In the order they ran.
    pub ladders: Vec<LadderResult>,
}

/// One ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LadderResult {
    /// Such as `Billing → Registry (S1)`.
    pub title: String,
    /// The scenario and its arm.
    pub scenario: String,
    /// Likewise.
    pub arm: String,
    /// Independent observations.
    pub replicates: usize,
    /// From nothing shared to everything.
    #[serde(alias = "rungs")]
    pub levels: Vec<LevelResult>,
    /// Machine, engine, database, data; then what a database and a cluster per service would gain.
    pub steps: Vec<StepResult>,
    /// No step makes the slowed service significantly faster: Holm over the four steps, 5 %.
    pub monotone: bool,
    /// Nobody waited for a row at L2, where no row is shared.
    pub no_row_waits_across: bool,
}

/// One level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LevelResult {
    /// Which.
    #[serde(alias = "rung")]
    pub level: Isolation,
    /// Geometric mean over the replicates of the slowed service's median, milliseconds from when each round was due.
    pub p50_ms: f64,
    /// Of its 95th percentile.
    pub p95_ms: f64,
    /// Share of its rounds that failed.
    pub failed: f64,
    /// Seconds in each second that it waited for rows held by the interfering service.
    pub row_waits: f64,
}

/// The slowdown between two levels, as ratios of the higher to the lower one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepResult {
    /// Such as `engine`.
    pub name: String,
    /// The lower level.
    pub from: Isolation,
    /// The higher one.
    pub to: Isolation,
    /// Of the median; null where it can't be formed.
    pub p50: Option<Estimate>,
    /// Of the 95th percentile.
    pub p95: Option<Estimate>,
}

impl LadderResult {
    /// Whether it is as a ladder must be.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.monotone && self.no_row_waits_across
    }

    /// The answer to the question the ladder is for.
    #[must_use]
    pub fn answer(&self) -> String {
        let gain = |name: &str| match self.steps.iter().find(|step| step.name == name).and_then(|step| step.p95) {
            Some(of) if of.low > 1.0 => {
                format!("its p95 would be {} ({})", lower(of.ratio), interval_or_none(Some(of)))
            }
            Some(of) => format!("inconclusive (p95 {})", interval_or_none(Some(of))),
            None => "insufficient data".into(),
        };
        format!(
            "What would a database per service gain? {}. A cluster per service? {}.",
            capital(&gain("a database per service")),
            capital(&gain("a cluster per service"))
        )
    }

    /// Whether what must hold of every ladder holds of this one.
    #[must_use]
    pub fn checks(&self) -> String {
        let monotone = match self.monotone {
            true => "No step makes the slowed service significantly faster",
            false => "A step makes the slowed service significantly faster: don't trust this ladder",
        };
        let rows = match self.no_row_waits_across {
            true => "no waits for rows across databases",
            false => "waits for rows across databases: don't trust this ladder",
        };
        format!("{monotone}; {rows}.")
    }

    /// Its levels, each with the step from the level before.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut table = Table::new(
            &["level", "the interfering service runs"],
            &["median ms", "p95 ms", "failed", "waits for rows s/s"],
            &["step", "median ÷ the level before", "p95 ÷ the level before"],
        )
        .titled(format!("{}: {} “{}”, {} replicates", self.title, self.scenario, self.arm, self.replicates));
        for (place, of) in self.levels.iter().enumerate() {
            let step = place.checked_sub(1).and_then(|place| self.steps.get(place));
            let ratio = |of: fn(&StepResult) -> Option<Estimate>| {
                step.map_or_else(String::new, |step| interval_or_none(of(step)))
            };
            table.row([
                of.level.short().to_owned(),
                of.level.title().to_owned(),
                format!("{:.2}", of.p50_ms),
                format!("{:.2}", of.p95_ms),
                format!("{:.2} %", of.failed * 100.0),
                format!("{:.3}", of.row_waits),
                step.map_or_else(String::new, |step| step.name.clone()),
                ratio(|step| step.p50),
                ratio(|step| step.p95),
            ]);
        }
        table.note(self.checks()).note(self.answer())
    }
}

/// `2.30× lower`, `13 % lower`: what is left of a time when it is divided by this.
fn lower(by: f64) -> String {
    if by < 2.0 {
        format!("{:.0} % lower", (1.0 - 1.0 / by) * 100.0)
    } else {
        format!("{}× lower", ratio(by).trim_start_matches('×'))
    }
}

impl<P> Outcome<P> for Ladders {
    fn tables(&self, _: &P) -> Vec<Table> {
        self.ladders.iter().map(LadderResult::table).collect()
    }
}
