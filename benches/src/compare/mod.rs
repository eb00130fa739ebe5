//! `lab compare`: two or more results side by side. The first one is the base.
//!
//! The replicates of two runs have nothing to do with each other, so their logarithms are compared by Welch's test; inside a
//! run the interference of a replicate stays paired. What asked for other things, at other rates or of other data is not
//! compared at all.

mod lines;
mod refuse;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Failure;
use crate::result::{Freshness, Metric, ResultFile};
use crate::stats::Estimate;
use lines::lines;
pub use refuse::refusals;

/// What can be said of a difference. Less is better everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The other one is better, beyond chance.
    Better,
    /// The other one is worse, beyond chance.
    Worse,
    /// Within what identical systems differed by in these runs: not "no difference".
    NothingShown,
    /// The interval allows for a difference and for none.
    Open,
    /// This much data can't carry it.
    NotResolved,
}

/// What of a service is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Its response time when it is alone.
    Alone,
    /// Its response time when all are at work.
    Together,
    /// How much it suffers beside one other service, or all: together ÷ alone.
    Harm,
}

/// One line of a comparison: the other ÷ the base.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// What of it.
    pub what: What,
    /// The service.
    pub service: String,
    /// Beside whom, where that matters.
    pub beside: Option<String>,
    /// By which measure.
    pub metric: Metric,
    /// Geometric means of the base's replicates and the other's: milliseconds, shares of answers, or ratios.
    pub values: [Option<f64>; 2],
    /// With its 95 % interval.
    pub estimate: Option<Estimate>,
    /// Adjusted after Holm over the lines of the same kind and measure.
    pub p_adjusted: Option<f64>,
    /// What can be said.
    pub verdict: Verdict,
}

/// One result beside its speed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// What its team calls it.
    pub label: String,
    /// The run.
    pub run: String,
    /// Violations of what must always hold; speed bought with one of them is none.
    pub violations: BTreeMap<String, i64>,
    /// Whether there are any.
    pub disqualified: bool,
    /// How soon changes are seen elsewhere.
    pub freshness: Option<Freshness>,
    /// Good answers of all offered, by service, all at work (alone, where there is no such cell).
    pub good: BTreeMap<String, f64>,
    /// Operations that were left out, for it doesn't have them.
    pub missing: Vec<String>,
}

/// The base beside one other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Beside {
    /// Index into the subjects.
    pub other: usize,
    /// What can be compared.
    pub lines: Vec<Line>,
    /// What to keep in mind: other machines, doubted blocks.
    pub notes: Vec<String>,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The base first.
    pub subjects: Vec<Subject>,
    /// Each other one.
    pub besides: Vec<Beside>,
}

/// Compares results, in the order given.
///
/// # Errors
/// A sentence that names everything in which two of them can't be compared, or a broken histogram.
pub fn compare(results: &[ResultFile]) -> Result<Comparison, Failure> {
    let [base, others @ ..] = results else {
        return Err(Failure::usage("There is nothing to compare."));
    };
    let mut besides = Vec::new();
    for (index, other) in others.iter().enumerate() {
        let reasons = refusals(base, other);
        if !reasons.is_empty() {
            return Err(Failure::usage(format!(
                "{} and {} can't be compared: {}.",
                base.run.id,
                other.run.id,
                reasons.join("; ")
            )));
        }
        besides.push(Beside { other: index + 1, lines: lines(base, other)?, notes: notes(base, other) });
    }
    Ok(Comparison { subjects: results.iter().map(subject).collect::<Result<_, _>>()?, besides })
}

fn broken(error: crate::stats::MalformedHistogram) -> Failure {
    Failure::usage(format!("{error}."))
}

fn subject(result: &ResultFile) -> Result<Subject, Failure> {
    let together = result.counted().any(|cell| cell.cell == crate::design::Cell::All);
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for cell in result.counted() {
        use crate::design::Cell;
        let wanted = match cell.cell {
            Cell::All => together,
            Cell::Alone { .. } => !together,
            _ => false,
        };
        for of in cell.services.iter().filter(|_| wanted) {
            let sum = sums.entry(of.name.clone()).or_default();
            sum.0 += of.good().map_err(broken)?;
            sum.1 += of.offered;
        }
    }
    let share = |(good, all): (u64, u64)| good as f64 / all.max(1) as f64;
    let target = result.target.as_ref();
    Ok(Subject {
        label: target.map_or_else(|| "shared database".into(), |of| of.label.clone()),
        run: result.run.id.clone(),
        disqualified: result.correctness.values().any(|count| *count > 0),
        violations: result.correctness.clone(),
        freshness: result.freshness.clone(),
        good: sums.into_iter().map(|(name, sum)| (name, share(sum))).collect(),
        missing: target.map(|of| of.missing.clone()).unwrap_or_default(),
    })
}

fn notes(base: &ResultFile, other: &ResultFile) -> Vec<String> {
    let mut notes = Vec::new();
    let (one, two) = (&base.machine, &other.machine);
    if (one.cpus, &one.model, one.memory_bytes) != (two.cpus, &two.model, two.memory_bytes) {
        notes.push("they ran on different machines: compare harm, not milliseconds".into());
    }
    for of in [base, other] {
        let doubted = of.counted().filter(|cell| !cell.doubts.is_empty()).count();
        if doubted > 0 {
            let all = of.counted().count();
            notes.push(format!("{doubted} of {all} blocks of {} are doubted", of.run.id));
        }
        if let Some(target) = of.target.as_ref().filter(|target| !target.missing.is_empty()) {
            notes.push(format!("{} was measured without {}", target.label, target.missing.join(", ")));
        }
    }
    notes
}

#[cfg(test)]
mod tests;
