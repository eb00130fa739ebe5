//! Three sentences that a tired person understands: which service is slowed most, why, and how far to trust it. Then details.

use super::closure;
use crate::result::text::{capital, interval, ratio};
use crate::result::{Entry, Matrix, Metric, ResultFile, Verdict};

/// How many of the sentences are the headline.
pub const SENTENCES: usize = 3;

/// The sentences, most important first; those after the third are details.
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
        slowed(matrix, worst),
        worst.map_or_else(|| with_all(matrix), |entry| because(matrix, entry)),
        trust(result, matrix),
    ];
    sentences.push(count(matrix));
    sentences.extend(worst.map(|_| with_all(matrix)));
    sentences.extend(suspect(result));
    sentences.extend(unfinished(result));
    sentences
}

/// Ordered pairs of the headline metric.
fn pairs(matrix: &Matrix) -> impl Iterator<Item = &Entry> {
    matrix.entries.iter().filter(|entry| entry.metric == Metric::OneIn20 && entry.while_running != "all")
}

fn largest<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<&'a Entry> {
    let ratio = |entry: &Entry| entry.estimate.map_or(0.0, |estimate| estimate.ratio);
    entries.max_by(|a, b| ratio(a).total_cmp(&ratio(b)))
}

fn worst(matrix: &Matrix) -> Option<&Entry> {
    largest(pairs(matrix).filter(|entry| matrix.verdict(entry) == Verdict::Worse))
}

/// `requests above Registry's own p95 rise from 5 % to 16 %`: the ratio of the headline metric, as shares.
pub fn rise(service: &str, ratio: f64) -> String {
    format!("requests above {}'s own p95 rise from 5 % to {:.0} %", capital(service), (5.0 * ratio).min(100.0))
}

fn slowed(matrix: &Matrix, worst: Option<&Entry>) -> String {
    match worst.and_then(|entry| Some((entry, entry.estimate?))) {
        Some((entry, estimate)) => format!(
            "{} slows {} most: {} while it runs ({}, 95 % interval).",
            capital(&entry.while_running),
            capital(&entry.service),
            rise(&entry.service, estimate.ratio),
            interval(estimate)
        ),
        None if pairs(matrix).any(|entry| entry.enough_data) => {
            "At these rates no single service slows another one significantly.".into()
        }
        None => {
            "Insufficient data: this run is too short to say which service slows which. It shows that everything runs."
                .into()
        }
    }
}

/// Why the worst pair's answers take longer.
fn because(matrix: &Matrix, entry: &Entry) -> String {
    let found = matrix.closure(&entry.service, &entry.while_running);
    let (parts, explained) = found.map_or((None, None), |of| (closure::parts(of), of.explained));
    match (parts, explained) {
        (Some(parts), _) => format!("The extra time: {parts}."),
        (None, Some(share)) => {
            format!(
                "The cause is inconclusive: what was observed accounts for {:.0} % of the extra time.",
                share * 100.0
            )
        }
        (None, None) => "No cause is named: on average its answers did not take significantly longer.".into(),
    }
}

fn with_all(matrix: &Matrix) -> String {
    let all = matrix
        .entries
        .iter()
        .filter(|entry| entry.metric == Metric::OneIn20 && entry.while_running == "all" && entry.enough_data);
    match largest(all).and_then(|entry| Some((entry, entry.estimate?))) {
        Some((entry, of)) => format!(
            "With all services under load the largest change is {}'s: {} ({}).",
            capital(&entry.service),
            rise(&entry.service, of.ratio),
            if matrix.verdict(entry).is_significant() { "significant" } else { "not significant" }
        ),
        None => "With all services under load: insufficient data.".into(),
    }
}

/// What this machine could have shown, and whether what must hold held.
fn trust(result: &ResultFile, matrix: &Matrix) -> String {
    let of = |metric| matrix.detectable.get(&metric).map(|effect| ratio(*effect));
    let seen = match (of(Metric::P50), of(Metric::OneIn20)) {
        (Some(p50), Some(share)) => format!(
            "Noise: identical systems differed by up to {p50} in the median and {share} in the share of requests above the own p95; \
             smaller effects can't be detected"
        ),
        _ => "No null cells ran, so this machine's noise is unknown".into(),
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
    let of = |wanted| pairs(matrix).filter(|entry| matrix.verdict(entry) == wanted).count();
    format!(
        "Of {} ordered pairs (A while B runs), {} are significantly slower, {} within noise, {} inconclusive, {} have insufficient data.",
        pairs(matrix).count(),
        of(Verdict::Worse),
        of(Verdict::WithinNoise) + of(Verdict::Better),
        of(Verdict::Inconclusive),
        of(Verdict::InsufficientData),
    )
}

/// Whether the machine was good enough, in a sentence; none where every measurement was.
fn suspect(result: &ResultFile) -> Option<String> {
    let suspect = result.counted().filter(|cell| !cell.warnings.is_empty()).count();
    let all = result.counted().count();
    (suspect > 0).then(|| {
        format!(
            "{suspect} of {all} measurements are suspect, {} were repeated: the machine was not quiet. \"Every pair\" ends with the reasons.",
            result.run.reruns
        )
    })
}

fn unfinished(result: &ResultFile) -> Option<String> {
    (!result.run.complete).then(|| "The run ended early, so some combinations are missing.".to_owned())
}

fn above_capacity(result: &ResultFile, matrix: &Matrix) -> Vec<String> {
    let all = matrix.growth.iter().filter(|of| of.while_running == "all");
    let mut sentences = vec![all.max_by(|a, b| a.per_s.total_cmp(&b.per_s)).map_or_else(
        || "No cell with all services under load has run yet.".to_owned(),
        |of| {
            format!(
                "Driven above what this machine can do, {} falls behind most: {:.0} more of its requests are unanswered after each second.",
                capital(&of.service),
                of.per_s
            )
        },
    )];
    sentences.push("No latency is claimed: above capacity it depends on how long the run lasts.".into());
    sentences.push(format!("Meanwhile {}.", held(result)));
    sentences.extend(unfinished(result));
    sentences
}
