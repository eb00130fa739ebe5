//! What ladders showed, as a result file keeps it.

use serde::{Deserialize, Serialize};

use super::Rung;
use crate::stats::Estimate;

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
    pub rungs: Vec<RungResult>,
    /// Machine, engine, database, data; then what a database and a cluster of one's own would buy.
    pub steps: Vec<StepResult>,
    /// No step makes the victim faster, beyond chance: Holm over the four steps, 5 %.
    pub monotone: bool,
    /// No victim waited for a row on L2, where no row is shared.
    pub no_row_waits_across: bool,
}

/// One rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RungResult {
    /// Which.
    pub rung: Rung,
    /// Geometric mean over the replicates of the victim's median, milliseconds from when each round was due.
    pub p50_ms: f64,
    /// Of its 95th percentile.
    pub p95_ms: f64,
    /// Share of its rounds that failed.
    pub failed: f64,
    /// Seconds in each second that victims waited for rows, held by aggressors.
    pub row_waits: f64,
}

/// The harm between two rungs, as ratios of the higher to the lower one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepResult {
    /// Such as `engine`.
    pub name: String,
    /// The lower rung.
    pub from: Rung,
    /// The higher one.
    pub to: Rung,
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
        let of = |name: &str| self.steps.iter().find(|step| step.name == name)?.p95;
        let says = |estimate: Option<Estimate>| match estimate {
            Some(e) if e.low > 1.0 => format!("its p95 would fall to 1/{:.2} ({:.2}–{:.2})", e.ratio, e.low, e.high),
            Some(e) => format!(
                "nothing that could be told from chance (p95 ratio {:.2}, {:.2}–{})",
                e.ratio,
                e.low,
                if e.high > 99.0 { "above 99".to_owned() } else { format!("{:.2}", e.high) }
            ),
            None => "not resolved".into(),
        };
        format!(
            "What would a database per service buy the victim? {}. A cluster per service? {}.",
            capital(&says(of("a database per service"))),
            capital(&says(of("a cluster per service")))
        )
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl std::fmt::Display for LadderResult {
    /// For people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}, {} replicates of {} “{}”", self.title, self.replicates, self.scenario, self.arm)?;
        for rung in &self.rungs {
            writeln!(
                f,
                "  {} {:36} median {:8.2} ms  p95 {:8.2} ms  failed {:5.2} %  waits for rows {:.3} s/s",
                rung.rung.short(),
                rung.rung.title(),
                rung.p50_ms,
                rung.p95_ms,
                rung.failed * 100.0,
                rung.row_waits
            )?;
        }
        for step in &self.steps {
            let says = |of: Option<Estimate>| {
                of.map_or_else(|| "not resolved".into(), |e| format!("×{:.2} ({:.2}–{:.2})", e.ratio, e.low, e.high))
            };
            writeln!(
                f,
                "  {:24} {}/{}  median {:22} p95 {}",
                step.name,
                step.to.short(),
                step.from.short(),
                says(step.p50),
                says(step.p95)
            )?;
        }
        let yes = |holds: bool| if holds { "yes" } else { "NO" };
        writeln!(
            f,
            "  monotone within its intervals: {}; no row waits on L2: {}",
            yes(self.monotone),
            yes(self.no_row_waits_across)
        )?;
        writeln!(f, "  {}", self.answer())
    }
}
