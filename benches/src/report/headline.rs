//! Three sentences that a tired person understands: who suffers, why, and how far to trust it. Then the small print.

use super::{Verdict, capital, closure, ratio, verdict};
use crate::result::{Entry, Matrix, Metric, ResultFile};

/// How many of the sentences are the headline.
pub const SENTENCES: usize = 3;

/// The sentences, most important first; those after the third are small print.
#[must_use]
pub fn headline(result: &ResultFile) -> Vec<String> {
    let Some(matrix) = &result.matrix else {
        return vec!["Nothing has been analysed yet.".into()];
    };
    if !result.run.preset.claims_ratios() {
        return above_capacity(result, matrix);
    }
    let worst = worst(matrix);
    let mut sentences = vec![
        suffers(matrix, worst),
        worst.map_or_else(|| everybody(matrix), |entry| because(matrix, entry)),
        trust(result, matrix),
    ];
    sentences.push(count(matrix));
    sentences.extend(worst.map(|_| everybody(matrix)));
    sentences.extend(doubted(result));
    sentences.extend(unfinished(result));
    sentences
}

/// Ordered pairs of the headline metric.
fn pairs(matrix: &Matrix) -> impl Iterator<Item = &Entry> {
    matrix.entries.iter().filter(|entry| entry.metric == Metric::OneIn20 && entry.aggressor != "all")
}

fn worst(matrix: &Matrix) -> Option<&Entry> {
    let harmed = pairs(matrix).filter(|entry| verdict(entry, matrix) == Verdict::Harmed);
    harmed.max_by(|a, b| {
        let of = |entry: &Entry| entry.estimate.map_or(0.0, |estimate| estimate.ratio);
        of(a).total_cmp(&of(b))
    })
}

fn suffers(matrix: &Matrix, worst: Option<&Entry>) -> String {
    match worst.and_then(|entry| Some((entry, entry.estimate?))) {
        Some((entry, estimate)) => format!(
            "{victim} suffers most beside {other}: an answer as slow as {victim}'s slowest 1 in 20 comes 1 in {:.1} times there ({}, 95 % interval {}–{}).",
            20.0 / estimate.ratio,
            ratio(estimate.ratio),
            ratio(estimate.low),
            ratio(estimate.high),
            victim = capital(&entry.victim),
            other = capital(&entry.aggressor),
        ),
        None if pairs(matrix).any(|entry| entry.resolved) => {
            "No service alone was shown to harm another one at these rates.".into()
        }
        None => "This run is too short to say who harms whom: it shows that everything runs.".into(),
    }
}

/// Why the worst pair's answers take longer.
fn because(matrix: &Matrix, entry: &Entry) -> String {
    let same = |of: &&crate::result::Closure| of.victim == entry.victim && of.aggressor == entry.aggressor;
    let found = matrix.closures.iter().find(same);
    let (parts, explained) = found.map_or((None, None), |of| (closure::parts(of), of.explained));
    match (parts, explained) {
        (Some(parts), _) => format!("The extra time: {parts}."),
        (None, Some(share)) => {
            format!("Why can't be told: what was seen inside accounts for {:.0} % of the extra time.", share * 100.0)
        }
        (None, None) => "Why can't be told: on average its answers took no longer than chance allows.".into(),
    }
}

fn everybody(matrix: &Matrix) -> String {
    let all = matrix
        .entries
        .iter()
        .filter(|entry| entry.metric == Metric::OneIn20 && entry.aggressor == "all" && entry.resolved);
    let most = all.filter_map(|entry| Some((entry, entry.estimate?.ratio))).max_by(|a, b| a.1.total_cmp(&b.1));
    match most {
        Some((entry, most)) if verdict(entry, matrix) == Verdict::Harmed => format!(
            "With all of them at work, answers as slow as {}'s slowest 1 in 20 come 1 in {:.1} times, the largest change, and more than chance.",
            capital(&entry.victim),
            20.0 / most
        ),
        Some((entry, most)) => format!(
            "Not even with all of them at work: answers as slow as {}'s slowest 1 in 20 came 1 in {:.1} times, the largest change, and that may be chance.",
            capital(&entry.victim),
            20.0 / most
        ),
        None => "With all of them at work nothing can be said either.".into(),
    }
}

/// What this machine could have shown, and whether what must hold held.
fn trust(result: &ResultFile, matrix: &Matrix) -> String {
    let of = |metric| matrix.detectable.get(&metric).map(|effect| ratio(*effect));
    let seen = match (of(Metric::P50), of(Metric::OneIn20)) {
        (Some(p50), Some(share)) => format!(
            "Identical systems differed today by up to {p50} in the median and {share} in how often answers are slow, so smaller effects can't be seen"
        ),
        _ => "No null cells ran, so it isn't known what this machine could have shown".into(),
    };
    format!("{seen}; {}.", held(result))
}

fn held(result: &ResultFile) -> String {
    let broken: i64 = result.correctness.values().sum();
    match (broken, result.correctness.is_empty()) {
        (_, true) => "the data was not audited".into(),
        (0, _) => "no audit of the data found a violation".into(),
        _ => format!("the audits of the data found {broken} violations: see Correctness"),
    }
}

fn count(matrix: &Matrix) -> String {
    let of = |wanted| pairs(matrix).filter(|entry| verdict(entry, matrix) == wanted).count();
    format!(
        "Of {} ordered pairs (one suffers, one acts), {} are harmed beyond chance, {} differ no more than identical systems did, {} may be harm or chance, {} have too little data.",
        pairs(matrix).count(),
        of(Verdict::Harmed),
        of(Verdict::NothingShown) + of(Verdict::Better),
        of(Verdict::Open),
        of(Verdict::NotResolved),
    )
}

/// Whether the machine was good enough, in a sentence; none where every block was.
fn doubted(result: &ResultFile) -> Option<String> {
    let doubted = result.counted().filter(|cell| !cell.doubts.is_empty()).count();
    let all = result.counted().count();
    (doubted > 0).then(|| {
        format!(
            "{doubted} of {all} measurements (blocks) are doubted, {} were run again: the machine was not quiet, so take the numbers with care. Under \"Every pair\" stands why, for each.",
            result.run.reruns
        )
    })
}

fn unfinished(result: &ResultFile) -> Option<String> {
    (!result.run.complete).then(|| "The run was ended early, so this is what there is.".to_owned())
}

fn above_capacity(result: &ResultFile, matrix: &Matrix) -> Vec<String> {
    let worst = matrix.growth.iter().filter(|of| of.beside == "all").max_by(|a, b| a.per_s.total_cmp(&b.per_s));
    let mut sentences = vec![worst.map_or_else(
        || "No cell with everybody at work has run yet.".to_owned(),
        |of| {
            format!(
                "Driven above what this machine can do, {} falls behind most: each second {:.0} more of its requests stand without an answer.",
                capital(&of.service),
                of.per_s
            )
        },
    )];
    sentences.push("No latency is claimed: above capacity it only tells how long the run was.".into());
    sentences.push(format!("Meanwhile {}.", held(result)));
    sentences.extend(unfinished(result));
    sentences
}
