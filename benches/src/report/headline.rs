//! The findings as sentences that a tired person understands, strongest first; then how far to trust them.

use super::resolve;
use crate::experiments::problems::Problems;
use crate::result::text::{capital, interval, percent, ratio};
use crate::result::{Closure, Entry, Matrix, Metric, ResultFile, Verdict};
use crate::stats::Estimate;

use super::closure;

/// Confidence that *all* services' bounds hold together.
const CONFIDENCE: f64 = 0.95;

/// What was found, and what stands behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headline {
    /// Strongest first; each with its interval.
    pub findings: Vec<String>,
    /// What the machine could show, how much of it counts, and what is missing.
    pub notes: Vec<String>,
}

/// The sentences of a result and of the known problems that were caused with it.
#[must_use]
pub fn headline(result: &ResultFile, problems: Option<&Problems>) -> Headline {
    let Some(matrix) = &result.matrix else {
        return Headline { findings: vec!["Nothing has been analysed yet.".into()], notes: vec![] };
    };
    let unfinished = (!result.run.complete).then(|| "The run ended early, so a part is missing.".to_owned());
    if !result.run.preset.claims_ratios() {
        let (findings, mut notes) = above_capacity(result, matrix);
        notes.extend(unfinished);
        return Headline { findings, notes };
    }
    // Of two services the pair is all of them.
    let two = result.services.len() == 2 && pairs(matrix).any(|entry| entry.enough_data);
    let mut findings: Vec<String> = (!two).then(|| ordinary(matrix)).into_iter().collect();
    let (harmful, harmless): (Vec<_>, Vec<_>) =
        problems.iter().flat_map(|of| &of.problems).partition(|problem| problem.harms());
    findings.extend(harmful.iter().map(|problem| problem.sentence()));
    let worst = worst(matrix);
    findings.extend(in_pairs(matrix, worst));
    findings.extend(worst.map(|entry| because(matrix.closure(&entry.service, &entry.while_running))));
    let mut notes: Vec<String> = harmless.iter().map(|problem| problem.sentence()).collect();
    notes.push(trust(result, matrix));
    notes.extend(count(matrix));
    notes.extend(resolve::sentence(result));
    notes.push(measurements(result, matrix));
    notes.extend(unfinished);
    Headline { findings, notes }
}

/// Ordered pairs of the headline metric.
fn pairs(matrix: &Matrix) -> impl Iterator<Item = &Entry> {
    matrix.entries.iter().filter(|entry| entry.metric == Metric::OneIn20 && entry.while_running != "all")
}

fn while_all(matrix: &Matrix, metric: Metric) -> Vec<(&Entry, Estimate)> {
    let of = matrix.entries.iter().filter(|entry| entry.while_running == "all" && entry.enough_data);
    of.filter(|entry| entry.metric == metric).filter_map(|entry| Some((entry, entry.estimate?))).collect()
}

fn worst(matrix: &Matrix) -> Option<&Entry> {
    let ratio = |entry: &Entry| entry.estimate.map_or(0.0, |estimate| estimate.ratio);
    pairs(matrix).filter(|entry| matrix.verdict(entry) == Verdict::Worse).max_by(|a, b| ratio(a).total_cmp(&ratio(b)))
}

/// `requests above Registry's own p95 rise from 5 % to 16 % (12–20 %)`: the ratio of the headline metric, as shares.
pub fn rise(service: &str, of: Estimate) -> String {
    format!("requests above {}'s own p95 rise from 5 % to {}", capital(service), percent(of, 5.0))
}

/// Ordinary load, with no planted harm: each service alone against all of them together.
fn ordinary(matrix: &Matrix) -> String {
    let mut shares = while_all(matrix, Metric::OneIn20);
    shares.sort_by(|a, b| b.1.ratio.total_cmp(&a.1.ratio));
    if shares.is_empty() {
        return if pairs(matrix).any(|entry| entry.enough_data) {
            "No cell with all services together has run.".into()
        } else {
            "Insufficient data: this run is too short to say which service slows which. It shows that everything runs."
                .into()
        };
    }
    let slower: Vec<_> = shares.iter().filter(|(entry, _)| matrix.verdict(entry) == Verdict::Worse).collect();
    let bound = bound(matrix).map_or_else(String::new, |bound| {
        format!(
            "; with {:.0} % confidence no service's median is slowed by more than {}",
            CONFIDENCE * 100.0,
            ratio(bound)
        )
    });
    // Of some there may be too little data: they ran all the same.
    let all = matrix.entries.iter().filter(|of| of.metric == Metric::OneIn20 && of.while_running == "all").count();
    let together = number(all);
    let Some((first, rest)) = slower.split_first() else {
        return format!(
            "Ordinary load, all {together} together: no service's requests above its own p95 rise significantly{bound}."
        );
    };
    let others = rest.iter().map(|(entry, of)| format!(", {}'s to {}", capital(&entry.service), percent(*of, 5.0)));
    format!(
        "Ordinary load, all {together} together: {}{} while the other {} run{bound}.",
        rise(&first.0.service, first.1),
        others.collect::<String>(),
        number(all - 1)
    )
}

/// Small numbers in words.
fn number(of: usize) -> String {
    let words = ["none", "one", "two", "three", "four", "five", "six"];
    words.get(of).map_or_else(|| of.to_string(), |word| (*word).to_owned())
}

/// What no service's median is slowed by, all services together, with a family-wise confidence.
fn bound(matrix: &Matrix) -> Option<f64> {
    let medians = while_all(matrix, Metric::P50);
    // Bonferroni: each bound holds with so much more confidence that all hold together.
    let each = 1.0 - (1.0 - CONFIDENCE) / medians.len().max(1) as f64;
    medians.iter().map(|(_, of)| of.at_most(each)).max_by(f64::total_cmp)
}

fn in_pairs(matrix: &Matrix, worst: Option<&Entry>) -> Option<String> {
    match worst.and_then(|entry| Some((entry, entry.estimate?))) {
        Some((entry, of)) => Some(format!(
            "{} slows {} most: {} while it runs ({}, {}).",
            capital(&entry.while_running),
            capital(&entry.service),
            rise(&entry.service, of),
            interval(of),
            crate::result::text::p_value(entry.p_adjusted)
        )),
        None => pairs(matrix)
            .any(|entry| entry.enough_data)
            .then(|| "At these rates no single service slows another one significantly.".into()),
    }
}

/// Why answers take longer.
fn because(found: Option<&Closure>) -> String {
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

/// What this machine could have shown, and whether what must hold held.
fn trust(result: &ResultFile, matrix: &Matrix) -> String {
    let of = |metric| matrix.detectable.get(&metric).map(|effect| ratio(*effect));
    let seen = match (of(Metric::P50), of(Metric::OneIn20)) {
        (Some(p50), Some(share)) => format!(
            "Noise: identical systems differed by up to {p50} in the median and {share} in the share of requests above the own p95; \
             smaller effects can't be detected"
        ),
        _ => "No cell was measured twice, so this machine's noise is unknown".into(),
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

fn count(matrix: &Matrix) -> Option<String> {
    let of = |wanted| pairs(matrix).filter(|entry| matrix.verdict(entry) == wanted).count();
    let all = pairs(matrix).count();
    (all > 0).then(|| {
        format!(
            "Of {all} ordered pairs (A while B runs), {} are significantly slower, {} significantly faster, {} within noise, {} \
             inconclusive, {} have insufficient data.",
            of(Verdict::Worse),
            of(Verdict::Better),
            of(Verdict::WithinNoise),
            of(Verdict::Inconclusive),
            of(Verdict::InsufficientData),
        )
    })
}

/// How many measurements count, in a sentence.
fn measurements(result: &ResultFile, matrix: &Matrix) -> String {
    let (all, left_out) = (result.counted().count(), matrix.suspect.len());
    let disturbed = result.counted().filter(|cell| !cell.warnings.is_empty()).count();
    let repeated = match result.run.reruns {
        0 => String::new(),
        reruns => format!(" {reruns} were repeated because something disturbed them."),
    };
    let left = match left_out {
        0 => String::new(),
        _ => format!(
            " {left_out} are left out: something else can have changed them by more than the effect asked for ({}).",
            ratio(Metric::OneIn20.asked())
        ),
    };
    format!(
        "{} of {all} measurements count.{left} What disturbed {} of them is bounded in their intervals.{repeated}",
        all - left_out,
        disturbed - left_out.min(disturbed),
    )
}

fn above_capacity(result: &ResultFile, matrix: &Matrix) -> (Vec<String>, Vec<String>) {
    let all = matrix.growth.iter().filter(|of| of.while_running == "all");
    let most = all.max_by(|a, b| a.per_s.total_cmp(&b.per_s)).map_or_else(
        || "No cell with all services under load has run yet.".to_owned(),
        |of| {
            format!(
                "Driven above what this machine can do, {} falls behind most: {:.0} more of its requests are unanswered after each second.",
                capital(&of.service),
                of.per_s
            )
        },
    );
    let none = "No latencies are shown: above capacity it depends on how long the run lasts.".into();
    (vec![most], vec![none, format!("Meanwhile {}.", held(result))])
}

#[cfg(test)]
mod tests;
