//! The comparison in a terminal.

use std::fmt::Write;

use crate::compare::{Beside, Comparison, Line, Subject, Verdict, What};
use crate::experiments::paired::name;
use crate::result::Metric;

/// What stands above a group of lines.
pub(super) fn heading(what: What) -> &'static str {
    match what {
        What::Alone => "Response time alone, milliseconds",
        What::Together => "Response time with all at work, milliseconds",
        What::Harm => "Harm: together ÷ alone",
    }
}

/// A verdict in words.
pub(super) fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::NothingShown => "nothing shown",
        Verdict::Open => "open",
        Verdict::NotResolved => "not resolved",
    }
}

/// A measure in words.
pub(super) fn measure(metric: Metric) -> String {
    match metric {
        Metric::P50 => "median".into(),
        Metric::OneIn20 => "1 in 20".into(),
        other => name(other),
    }
}

/// A value, where this much data carries one.
pub(super) fn value(line: &Line, index: usize) -> String {
    match line.values[index] {
        Some(value) if line.verdict != Verdict::NotResolved => format!("{value:.2}"),
        _ => "–".into(),
    }
}

/// The ratio with its interval, where this much data carries it.
pub(super) fn ratio(line: &Line) -> String {
    match line.estimate {
        Some(of) if line.verdict != Verdict::NotResolved => {
            format!("×{:.2} ({:.2}–{:.2})", of.ratio, of.low, of.high)
        }
        _ => "–".into(),
    }
}

/// Correctness of one subject in a few words.
pub(super) fn soundness(of: &Subject) -> String {
    let broken: Vec<String> =
        of.violations.iter().filter(|(_, count)| **count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    match (of.violations.is_empty(), broken.is_empty()) {
        (true, _) => "not looked at".into(),
        (_, true) => "nothing violated".into(),
        _ => format!("DISQUALIFIED: {}", broken.join(", ")),
    }
}

/// Time until a change is seen elsewhere: median and 99th percentile.
pub(super) fn freshness(of: &Subject) -> [String; 2] {
    let of = of.freshness.as_ref();
    [of.and_then(|of| of.rename), of.and_then(|of| of.freeze)].map(|delay| {
        delay.map_or_else(|| "not measured".into(), |delay| format!("{:.1} / {:.1} ms", delay.p50_ms, delay.p99_ms))
    })
}

/// The comparison for a terminal.
pub fn text(of: &Comparison) -> String {
    let mut out = String::new();
    for (index, subject) in of.subjects.iter().enumerate() {
        let [rename, freeze] = freshness(subject);
        let _ = writeln!(
            out,
            "{} {} ({}): {}; a rename seen after {rename} (median / p99), a freeze after {freeze}",
            char::from(b'A' + (index % 26) as u8),
            subject.label,
            subject.run,
            soundness(subject)
        );
    }
    for beside in &of.besides {
        out.push_str(&section(of, beside));
    }
    out.push_str("\nLess is better. Each line is the other ÷ the base with its 95 % interval (Welch on the replicates' logarithms, adjusted after Holm).\n");
    out
}

fn section(of: &Comparison, beside: &Beside) -> String {
    let letter = char::from(b'A' + (beside.other % 26) as u8);
    let mut out = format!("\nA {} beside {letter} {}\n", of.subjects[0].label, of.subjects[beside.other].label);
    for note in &beside.notes {
        let _ = writeln!(out, "  Note: {note}.");
    }
    let mut last = None;
    for line in &beside.lines {
        if last != Some(line.what) {
            let _ = writeln!(out, "\n{}", heading(line.what));
            let _ = writeln!(out, "  {:34}{:>9}{:>10}{:>10}   {letter} ÷ A", "", "", "A", letter);
            last = Some(line.what);
        }
        let who = match &line.beside {
            Some(beside) => format!("{} beside {beside}", line.service),
            None => line.service.clone(),
        };
        let _ = writeln!(
            out,
            "  {who:34}{:>9}{:>10}{:>10}   {:26}{}",
            measure(line.metric),
            value(line, 0),
            value(line, 1),
            ratio(line),
            words(line.verdict)
        );
    }
    out
}
