//! Three sentences that a tired person understands.

use super::{Verdict, capital, ratio, verdict};
use crate::result::{Entry, Matrix, Metric, ResultFile};

/// The sentences, most important first.
#[must_use]
pub fn headline(result: &ResultFile) -> Vec<String> {
    let Some(matrix) = &result.matrix else {
        return vec!["Nothing has been analysed yet.".into()];
    };
    let mut sentences = vec![worst(matrix), count(matrix)];
    sentences.extend(everybody(matrix));
    sentences.push(detectable(matrix));
    sentences.extend(doubted(result));
    let broken: i64 = result.correctness.values().sum();
    sentences.push(if broken == 0 && !result.correctness.is_empty() {
        "Nothing that must always hold was violated.".into()
    } else if result.correctness.is_empty() {
        "What must always hold was not audited.".into()
    } else {
        format!("{broken} violations of what must always hold were found: see Correctness.")
    });
    if !result.run.complete {
        sentences.push("The run was ended early, so this is what there is.".into());
    }
    sentences
}

/// Whether the machine was good enough, in a sentence; none where every block was.
fn doubted(result: &ResultFile) -> Option<String> {
    let doubted = result
        .counted()
        .filter(|cell| !cell.doubts.is_empty())
        .count();
    let all = result.counted().count();
    (doubted > 0).then(|| {
        format!(
            "{doubted} of {all} blocks are doubted, {} were run again: the machine was not quiet, so take the numbers with care.",
            result.run.reruns
        )
    })
}

/// Ordered pairs of the headline metric.
fn pairs(matrix: &Matrix) -> impl Iterator<Item = &Entry> {
    matrix
        .entries
        .iter()
        .filter(|entry| entry.metric == Metric::OneIn20 && entry.aggressor != "all")
}

fn worst(matrix: &Matrix) -> String {
    let harmed = pairs(matrix).filter(|entry| verdict(entry, matrix) == Verdict::Harmed);
    let worst = harmed.max_by(|a, b| {
        let of = |entry: &Entry| entry.estimate.map_or(0.0, |estimate| estimate.ratio);
        of(a).total_cmp(&of(b))
    });
    match worst.and_then(|entry| Some((entry, entry.estimate?))) {
        Some((entry, estimate)) => format!(
            "{} is harmed most by {}: what 1 in 20 of its answers exceeds alone, 1 in {:.1} exceeds beside it ({}, 95 % interval {}–{}).",
            capital(&entry.victim),
            capital(&entry.aggressor),
            20.0 / estimate.ratio,
            ratio(estimate.ratio),
            ratio(estimate.low),
            ratio(estimate.high),
        ),
        None if pairs(matrix).any(|entry| entry.resolved) => {
            "No service was shown to harm another one at these rates.".into()
        }
        None => {
            "This run is too short to say who harms whom: it shows that everything runs.".into()
        }
    }
}

fn count(matrix: &Matrix) -> String {
    let of = |wanted| {
        pairs(matrix)
            .filter(|entry| verdict(entry, matrix) == wanted)
            .count()
    };
    format!(
        "Of {} ordered pairs, {} are harmed beyond chance, {} show nothing, {} stay open, {} can't be resolved by this much data.",
        pairs(matrix).count(),
        of(Verdict::Harmed),
        of(Verdict::NothingShown) + of(Verdict::Better),
        of(Verdict::Open),
        of(Verdict::NotResolved),
    )
}

fn everybody(matrix: &Matrix) -> Option<String> {
    let all = matrix
        .entries
        .iter()
        .filter(|entry| entry.metric == Metric::OneIn20 && entry.aggressor == "all");
    let resolved: Vec<(String, f64)> = all
        .filter(|entry| entry.resolved)
        .filter_map(|entry| Some((entry.victim.clone(), entry.estimate?.ratio)))
        .collect();
    let (name, most) = resolved.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(format!(
        "With all of them at work, {}'s 1 in 20 becomes 1 in {:.1}, the largest change.",
        capital(name),
        20.0 / most
    ))
}

fn detectable(matrix: &Matrix) -> String {
    let of = |metric| matrix.detectable.get(&metric).map(|effect| ratio(*effect));
    match (of(Metric::P50), of(Metric::OneIn20)) {
        (Some(p50), Some(share)) => format!(
            "Identical systems compared on this machine today differed by up to {p50} in the median and {share} in the 1-in-20 share: smaller effects can't be seen."
        ),
        _ => "No null cells ran, so it isn't known what this machine could have shown.".into(),
    }
}
