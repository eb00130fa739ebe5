//! The findings as sentences that a tired person understands, strongest first; then how far to trust them.

use std::fmt;

use strongest::{nothing, strongest};

use super::marks::{Mark, marks};
use super::{closure, resolve};
use crate::experiments::problems::{Problem, Problems};
use crate::result::text::{capital, interval, key_figure, p_value, percent, ratio};
use crate::result::{Closure, Entry, Matrix, Metric, ResultFile, Verdict};
use crate::stats::Estimate;

/// Confidence that *all* services' bounds hold together.
const CONFIDENCE: f64 = 0.95;

/// What was found, and what stands behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headline {
    /// Strongest first; each with its interval.
    pub findings: Vec<Finding>,
    /// How to read it, what the machine could show, and what is missing.
    pub notes: Vec<String>,
    /// Whether what must hold held.
    pub marks: Vec<Mark>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, in a few words.
    pub label: String,
    /// A sentence or more; the figure that it is about is between `**`.
    pub text: String,
}

impl Finding {
    /// The figure that it is about stands between `**`.
    pub fn new(label: &str, text: impl Into<String>) -> Self {
        Self { label: label.to_owned(), text: text.into() }
    }

    /// An older file's sentence has no label.
    fn of(problem: &Problem) -> Self {
        let sentence = problem.sentence();
        let (label, text) = sentence.split_once(": ").unwrap_or((&problem.title, &sentence));
        Self::new(&capital(label), text)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.label, self.text.replace("**", ""))
    }
}

/// The sentences of a result and of the known problems that were caused with it.
#[must_use]
pub fn headline(result: &ResultFile, problems: Option<&Problems>) -> Headline {
    let Some(matrix) = &result.matrix else {
        let none = Finding::new("No findings", "nothing has been analysed yet.");
        return Headline { findings: vec![none], ..Headline::default() };
    };
    let marks = marks(result, matrix);
    let unfinished = (!result.run.complete).then(|| "The run ended early, so a part is missing.".to_owned());
    if !result.run.preset.claims_ratios() {
        let (finding, note) = above_capacity(matrix);
        return Headline { findings: vec![finding], notes: [note].into_iter().chain(unfinished).collect(), marks };
    }
    // Of two services the pair is all of them.
    let two = result.services.len() == 2 && pairs(matrix).any(|entry| entry.enough_data);
    let slower = strongest(matrix);
    // Where no share is known there is nothing to say of ordinary load.
    let ordinary = (!two && (slower.is_none() || matrix.has(Metric::OneIn20))).then(|| ordinary(matrix));
    let mut findings: Vec<Finding> = ordinary.into_iter().collect();
    let (harmful, harmless): (Vec<_>, Vec<_>) =
        problems.iter().flat_map(|of| &of.problems).partition(|problem| problem.harms());
    findings.extend(harmful.into_iter().map(Finding::of));
    findings.extend(in_pairs(matrix).filter(|_| slower.is_none() || worst(matrix).is_some()));
    findings.extend(slower);
    let mut notes = vec!["Numbers in parentheses are 95 % intervals.".to_owned()];
    notes.extend(harmless.into_iter().map(|problem| Finding::of(problem).to_string()));
    notes.push(noise(matrix));
    notes.extend(count(matrix));
    notes.extend(resolve::sentence(result));
    notes.extend(disturbed(result, matrix));
    notes.extend(unfinished);
    Headline { findings, notes, marks }
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

/// `14 % (9–22) of Registry's requests take as long as only its slowest 5 % do alone`: the ratio of the headline metric, as a share.
pub fn slow_share(service: &str, of: Estimate) -> String {
    let share = percent(of, 5.0);
    format!("{share} of {}'s requests take as long as only its slowest 5 % do when it runs alone", capital(service))
}

/// Ordinary load, with no planted harm: each service alone against all of them together.
fn ordinary(matrix: &Matrix) -> Finding {
    // Of some there may be too little data: they ran all the same.
    let all: Vec<&Entry> =
        matrix.entries.iter().filter(|of| of.metric == Metric::OneIn20 && of.while_running == "all").collect();
    if !all.iter().any(|entry| entry.enough_data) {
        return if pairs(matrix).any(|entry| entry.enough_data) {
            Finding::new("Ordinary load", "no cell with all services together has run.")
        } else {
            nothing(matrix)
        };
    }
    let of = |wanted: &[Verdict]| {
        all.iter().copied().filter(|entry| wanted.contains(&matrix.verdict(entry))).collect::<Vec<_>>()
    };
    let mut slower: Vec<(String, Estimate)> =
        of(&[Verdict::Worse]).iter().filter_map(|entry| Some((capital(&entry.service), entry.estimate?))).collect();
    slower.sort_by(|a, b| b.1.ratio.total_cmp(&a.1.ratio));
    let others = number(all.len() - 1);
    let mut text = match slower.split_first() {
        None => format!("no service has significantly more slow requests while the other {others} run"),
        Some(((service, first), rest)) => {
            let rest: Vec<String> =
                rest.iter().map(|(service, of)| format!("{} of {service}'s", percent(*of, 5.0))).collect();
            let so_do = if rest.is_empty() { String::new() } else { format!("; so do {}", rest.join(", ")) };
            format!("{}, while the other {others} run{so_do}", key_figure(&slow_share(service, *first)))
        }
    } + ".";
    // Silence would look like "unaffected".
    let said = [
        (of(&[Verdict::Better]), "significantly fewer"),
        (of(&[Verdict::WithinNoise]), "within the noise"),
        (of(&[Verdict::Inconclusive]), "no significant change"),
        (of(&[Verdict::InsufficientData]), "not enough data"),
    ];
    for (services, what) in said.iter().filter(|(services, _)| !services.is_empty()) {
        let names: Vec<String> = services.iter().map(|entry| capital(&entry.service)).collect();
        text += &format!(" {}: {what}.", names.join(", "));
    }
    let bound = bound(matrix).map(|bound| {
        let confidence = CONFIDENCE * 100.0;
        format!(" With {confidence:.0} % confidence no service's median is slowed by more than {}.", ratio(bound))
    });
    Finding::new("Ordinary load", text + &bound.unwrap_or_default())
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

fn in_pairs(matrix: &Matrix) -> Option<Finding> {
    match worst(matrix).and_then(|entry| Some((entry, entry.estimate?))) {
        Some((entry, of)) => {
            let text = format!(
                "{} slows {} most: {} while it runs, {}, {}. {}",
                capital(&entry.while_running),
                capital(&entry.service),
                key_figure(&slow_share(&entry.service, of)),
                interval(of),
                p_value(entry.p_adjusted),
                because(matrix.closure(&entry.service, &entry.while_running))
            );
            Some(Finding::new("Single services", text))
        }
        None => pairs(matrix).any(|entry| entry.enough_data).then(|| {
            Finding::new("Single services", "at these rates no single service slows another one significantly.")
        }),
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

/// What identical systems, compared, gave: of each metric the least certain.
fn noise(matrix: &Matrix) -> String {
    let of = |metric| {
        let width = |entry: &&Entry| entry.estimate.map_or(0.0, |of| of.high.ln().abs().max(of.low.ln().abs()));
        let nulls = matrix.nulls.iter().filter(|null| null.metric == metric && null.estimate.is_some());
        let widest = nulls.max_by(|a, b| width(a).total_cmp(&width(b)))?;
        Some((capital(&widest.service), interval(widest.estimate?), ratio(*matrix.detectable.get(&metric)?)))
    };
    let (Some(median), Some(share)) = (of(Metric::P50), of(Metric::OneIn20)) else {
        return "Noise: unknown, for no service was compared with itself.".into();
    };
    format!(
        "Noise: a service compared with itself gave {} in the median ({}) and {} in slow requests ({}), where ×1 is right. So nothing is \
         claimed whose whole interval lies within {} and {}, however small its p.",
        median.1, median.0, share.1, share.0, median.2, share.2
    )
}

fn count(matrix: &Matrix) -> Option<String> {
    let of = |wanted| pairs(matrix).filter(|entry| matrix.verdict(entry) == wanted).count();
    let all = pairs(matrix).count();
    (all > 0).then(|| {
        format!(
            "Of {all} ordered pairs (A while B runs): significantly slower {}, significantly faster {}, within noise {}, inconclusive {}, \
             insufficient data {}.",
            of(Verdict::Worse),
            of(Verdict::Better),
            of(Verdict::WithinNoise),
            of(Verdict::Inconclusive),
            of(Verdict::InsufficientData),
        )
    })
}

/// What was done about measurements that something disturbed, in sentences; none where nothing was.
fn disturbed(result: &ResultFile, matrix: &Matrix) -> Option<String> {
    let left_out = matrix.suspect.len();
    let disturbed = result.counted().filter(|cell| !cell.warnings.is_empty()).count();
    let widened = disturbed - left_out.min(disturbed);
    let asked = ratio(Metric::OneIn20.asked());
    let said = [
        (
            left_out,
            format!(
                "left out, because other programs or a late driver can have changed their share of slow requests by more than {asked}"
            ),
        ),
        (widened, "disturbed less, and the intervals are wider by what that can have changed".into()),
        (result.run.reruns as usize, "repeated".into()),
    ];
    let said = said.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let said = said.collect::<Vec<_>>().join("; ");
    (!said.is_empty()).then(|| format!("Disturbed measurements: {said}."))
}

fn above_capacity(matrix: &Matrix) -> (Finding, String) {
    let all = matrix.growth.iter().filter(|of| of.while_running == "all");
    let most = all.max_by(|a, b| a.per_s.total_cmp(&b.per_s)).map_or_else(
        || "no cell with all services under load has run yet.".to_owned(),
        |of| {
            format!(
                "driven above what this machine can do, {} falls behind most: **{:.0}** more of its requests are unanswered after each \
                 second.",
                capital(&of.service),
                of.per_s
            )
        },
    );
    let none = "No latencies are shown: above capacity it depends on how long the run lasts.".into();
    (Finding::new("Above capacity", most), none)
}

mod strongest;
#[cfg(test)]
mod tests;
