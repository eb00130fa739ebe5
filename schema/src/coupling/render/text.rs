//! The report as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::diff::{Diff, kind};
use super::super::report::{List, Report};
use super::by_relation;

/// Blast radii shown; the JSON has all.
const WIDEST: usize = 12;

/// Unknown statements shown; the JSON has all.
const UNKNOWN: usize = 10;

/// All of it, in lines.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = heading(report);
    unknown(&mut out, report);
    services(&mut out, report);
    edges(&mut out, report);
    list(&mut out, report, List::Used, "granted and used");
    list(&mut out, report, List::NeverUsed, "granted and never used: what the contract can shrink by");
    list(&mut out, report, List::NotDeclared, "run and not declared");
    list(&mut out, report, List::NeverRun, "declared and never run");
    list(&mut out, report, List::Refused, "declared and not granted: would be refused");
    rest(&mut out, report);
    out.trim_end().to_owned()
}

/// What was looked at, how much of it is understood, and the whole in numbers.
pub(super) fn heading(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "coupling of {} (Postgres {}), {} services",
        report.database,
        report.server,
        report.services.len()
    );
    coverage(&mut out, report);
    let _ = writeln!(
        out,
        "coupling factor {:.2}, propagation cost {:.2} (0 to 1; `dba coupling --help` defines them)",
        report.index.coupling_factor, report.index.propagation_cost
    );
    out
}

fn coverage(out: &mut String, report: &Report) {
    let coverage = &report.coverage;
    let Some(percent) = coverage.percent() else {
        let _ = writeln!(
            out,
            "no statement was seen: what is used isn't known, only what is granted and declared in the catalogue"
        );
        return;
    };
    let of = if coverage.calls > 0 { format!("of {} calls", coverage.calls) } else { "of the statements".to_owned() };
    let _ = writeln!(
        out,
        "coverage: {percent:.2} % {of} resolved, {} of {} statements; {} calls that control sessions or define things use no column",
        coverage.resolved_statements, coverage.statements, coverage.control_calls
    );
    if let Some(window) = &report.window {
        let _ = write!(out, "counted over {:.0} s, since {}", window.seconds, window.reset_at);
        if window.evictions > 0 {
            let _ = write!(
                out,
                "; rare statements were thrown out {} times, and what they did is missing here",
                window.evictions
            );
        }
        if window.track == "all" {
            let _ = write!(out, "; what runs inside functions is counted beside its caller");
        }
        out.push('\n');
    }
}

/// Statements not resolved, the most called first.
fn unknown(out: &mut String, report: &Report) {
    let all = &report.coverage.unknown;
    for unknown in all.iter().take(UNKNOWN) {
        let sql: Vec<_> = unknown.sql.split_whitespace().collect();
        let sql: String = sql.join(" ").chars().take(100).collect();
        let _ = writeln!(out, "  unknown, {} calls of {}: {}: {sql}", unknown.calls, unknown.role, unknown.why);
    }
    if all.len() > UNKNOWN {
        let _ = writeln!(out, "  and {} more", all.len() - UNKNOWN);
    }
}

fn services(out: &mut String, report: &Report) {
    let wide = report.services.iter().map(|service| service.name.len()).max().unwrap_or(7).max(7);
    let _ = writeln!(out, "\n{:wide$}  Ca  Ce     I  exposed  used   U/E  cross keys  writes", "service");
    for one in &report.services {
        let instability = one.instability.map_or("-".to_owned(), |value| format!("{value:.2}"));
        #[expect(clippy::cast_precision_loss, reason = "a share of few")]
        let share =
            if one.exposed == 0 { "-".to_owned() } else { format!("{:.2}", one.used as f64 / one.exposed as f64) };
        let _ = writeln!(
            out,
            "{:wide$}  {:>2}  {:>2}  {instability:>4}  {:>7}  {:>4}  {share:>4}  {:>10}  {:>6}",
            one.name, one.afferent, one.efferent, one.exposed, one.used, one.cross_keys, one.write_edges
        );
    }
}

fn edges(out: &mut String, report: &Report) {
    out.push_str("\n# Who depends on whom\n");
    for edge in &report.edges {
        let often = match (edge.statements, report.window.is_some()) {
            (0, _) => String::new(),
            (n, false) => format!("  ({n} statements)"),
            (n, true) => format!("  ({n} statements, {:.2}/s)", edge.calls_per_second),
        };
        let _ = writeln!(out, "{} {} {}{often}: {}", edge.from, kind(edge.kind), edge.to, edge.through.join(", "));
    }
}

fn list(out: &mut String, report: &Report, which: List, title: &str) {
    let mut pairs: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for column in report.columns.iter().filter(|column| column.list == which) {
        pairs.entry((&column.from, &column.to)).or_default().push(&column.column);
    }
    let count: usize = pairs.values().map(Vec::len).sum();
    if count == 0 && [List::NeverRun, List::Refused].contains(&which) {
        return;
    }
    let _ = writeln!(out, "\n# {title} ({count})");
    for ((from, to), columns) in pairs {
        for line in by_relation(columns.into_iter()) {
            let _ = writeln!(out, "{from} → {to}  {line}");
        }
    }
}

fn rest(out: &mut String, report: &Report) {
    if !report.write_rights.is_empty() {
        out.push_str("\n# Rights to write what is another's\n");
        for right in &report.write_rights {
            let _ = writeln!(out, "{} may write {} of {}", right.from, right.object, right.to);
        }
    }
    if !report.keys.is_empty() {
        let _ = writeln!(out, "\n# Foreign keys between services ({})", report.keys.len());
        for key in &report.keys {
            let index = if key.indexed { "" } else { ", without index" };
            let _ = writeln!(
                out,
                "{} → {}  {} → {}, on delete {}{index}",
                key.from, key.to, key.child, key.parent, key.on_delete
            );
        }
    }
    let _ = writeln!(
        out,
        "\n# Columns whose change reaches furthest ({} of {})",
        report.blast.len().min(WIDEST),
        report.blast.len()
    );
    for one in report.blast.iter().take(WIDEST) {
        let _ = writeln!(
            out,
            "{}  {}: {} statements, {:.2}/s",
            one.column,
            one.services.join(", "),
            one.statements,
            one.calls_per_second
        );
    }
}

/// A comparison, in lines.
#[must_use]
pub fn changes(diff: &Diff) -> String {
    let lines = |sign: char, changes: &[super::super::diff::Change]| -> Vec<String> {
        changes.iter().map(|change| format!("{sign} {}: {}", change.what, change.thing)).collect()
    };
    let all = [lines('+', &diff.new), lines('-', &diff.gone)].concat();
    if all.is_empty() { "no difference".to_owned() } else { all.join("\n") }
}
