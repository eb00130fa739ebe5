//! The report as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::diff::{Change, Diff, kind};
use super::super::report::{List, Report};
use super::by_relation;
use crate::table::table;

/// Rows of the table of columns that others depend on; the JSON has all.
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
    list(&mut out, report, List::NeverUsed, "granted and never used: these columns can be removed from the contract");
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
            "no statement was seen: it is unknown what is used, and known what is granted and what the catalogue declares"
        );
        return;
    };
    let of = if coverage.calls > 0 { format!("of {} calls", coverage.calls) } else { "of the statements".to_owned() };
    let _ = writeln!(
        out,
        "coverage: {percent:.2} % {of} resolved, {} of {} statements; {} calls that control sessions or change definitions use no column",
        coverage.resolved_statements, coverage.statements, coverage.control_calls
    );
    if let Some(window) = &report.window {
        let _ = write!(out, "counted over {:.0} s, since {}", window.seconds, window.reset_at);
        if window.evictions > 0 {
            let _ = write!(
                out,
                "; pg_stat_statements removed rare statements {} times because it was full: what they used is missing here",
                window.evictions
            );
        }
        if window.track == "all" {
            let _ = write!(out, "; statements inside functions are counted in addition to their caller");
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
    let two = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    let rows = report.services.iter().map(|one| {
        #[expect(clippy::cast_precision_loss, reason = "a share of few")]
        let share = (one.exposed > 0).then(|| one.used as f64 / one.exposed as f64);
        vec![
            one.name.clone(),
            one.afferent.to_string(),
            one.efferent.to_string(),
            two(one.instability),
            one.exposed.to_string(),
            one.used.to_string(),
            two(share),
            one.cross_keys.to_string(),
            one.write_edges.to_string(),
        ]
    });
    let headings = ["service", ">Ca", ">Ce", ">I", ">exposed", ">used", ">used/exposed", ">cross keys", ">writes"];
    let _ = writeln!(out, "\n{}", table(&headings, rows));
}

fn edges(out: &mut String, report: &Report) {
    out.push_str("\n# Dependencies between services\n");
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
        out.push_str("\n# Rights to write tables of another service\n");
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
    let shown = report.blast.iter().take(WIDEST);
    let _ = writeln!(out, "\n# Columns that most others depend on ({} of {})", shown.len(), report.blast.len());
    let rows = shown.map(|one| {
        let calls = format!("{:.2}", one.calls_per_second);
        vec![one.column.clone(), one.statements.to_string(), calls, one.services.join(", ")]
    });
    let _ = writeln!(out, "{}", table(&["column", ">statements", ">calls/s", "services"], rows));
}

/// A comparison, in lines.
#[must_use]
pub fn changes(diff: &Diff) -> String {
    let lines = |sign: char, changes: &[Change]| -> Vec<String> {
        changes.iter().map(|change| format!("{sign} {}: {}", change.what, change.thing)).collect()
    };
    let all = [lines('+', &diff.new), lines('-', &diff.gone)].concat();
    if all.is_empty() { "no difference".to_owned() } else { all.join("\n") }
}
