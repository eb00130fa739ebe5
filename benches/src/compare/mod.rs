//! `lab compare`: two or more results side by side. The first one is the base.
//!
//! The replicates of two runs have nothing to do with each other, so their logarithms are compared by Welch's test; inside a
//! run the interference of a replicate stays paired. Runs that asked for other things, at other rates or of other data
//! are not compared at all.

mod lines;
mod outcome;
mod refuse;

use std::collections::BTreeMap;

use crate::Failure;
use crate::design::Cell;
use crate::result::ResultFile;
use lines::lines;
pub use outcome::{Comparison, Line, Subject, Versus, What};
pub use refuse::refusals;

/// Compares results, in the order given.
///
/// # Errors
/// A sentence that names everything in which two of them can't be compared, or a broken histogram.
pub fn compare(results: &[ResultFile]) -> Result<Comparison, Failure> {
    let [base, others @ ..] = results else {
        return Err(Failure::usage("There is nothing to compare."));
    };
    let mut versus = Vec::new();
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
        versus.push(Versus { other: index + 1, lines: lines(base, other)?, notes: notes(base, other) });
    }
    Ok(Comparison { subjects: results.iter().map(subject).collect::<Result<_, _>>()?, others: versus })
}

fn subject(result: &ResultFile) -> Result<Subject, Failure> {
    let together = result.counted().any(|cell| cell.cell == Cell::All);
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for cell in result.counted() {
        let wanted = match cell.cell {
            Cell::All => together,
            Cell::Alone { .. } => !together,
            _ => false,
        };
        for of in cell.services.iter().filter(|_| wanted) {
            let sum = sums.entry(of.name.clone()).or_default();
            sum.0 += of.good()?;
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
        notes.push("they ran on different machines: compare the interference, not milliseconds".into());
    }
    for of in [base, other] {
        let suspect = of.counted().filter(|cell| !cell.warnings.is_empty()).count();
        if suspect > 0 {
            let all = of.counted().count();
            notes.push(format!("{suspect} of {all} measurements of {} are suspect", of.run.id));
        }
        if let Some(target) = of.target.as_ref().filter(|target| !target.missing.is_empty()) {
            notes.push(format!("{} was measured without {}", target.label, target.missing.join(", ")));
        }
    }
    notes
}

#[cfg(test)]
mod tests;
