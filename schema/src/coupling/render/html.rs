//! The report as one page that needs nothing else.

use std::fmt::Write as _;

use super::super::report::{List, Report};
use super::{by_relation, graph, pairs, text};

const CSS: &str = include_str!("page.css");
const JS: &str = include_str!("page.js");

/// The page: graph, numbers of services, lists.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut out = String::new();
    let title = escape(&format!("Coupling of {}", report.database));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title><style>{CSS}</style></head><body><h1>{title}</h1>"
    );
    head(&mut out, report);
    out.push_str(&graph::svg(report));
    out.push_str(
        "<div id=\"shown\" aria-live=\"polite\"><p>Point at an arrow, or tap it: which columns go along it.</p></div>",
    );
    services(&mut out, report);
    pair_list(&mut out, report);
    list(&mut out, report, List::NeverUsed, "Granted and never used", "What the contract can shrink by.");
    list(&mut out, report, List::NotDeclared, "Run and not declared", "");
    list(&mut out, report, List::NeverRun, "Declared and never run", "Dead code, or rare.");
    list(&mut out, report, List::Refused, "Declared and not granted", "Would be refused.");
    keys(&mut out, report);
    blast(&mut out, report);
    unknown(&mut out, report);
    let _ = writeln!(out, "<script>{JS}</script></body></html>");
    out
}

fn head(out: &mut String, report: &Report) {
    let lines = text::heading(report);
    lines.lines().for_each(|line| {
        let _ = write!(out, "<p>{}</p>", escape(line));
    });
}

fn services(out: &mut String, report: &Report) {
    out.push_str(
        "<h2>Services</h2><p>Ca: who depends on it. Ce: on whom it depends. I = Ce / (Ca + Ce): 0 others lean on it, 1 it leans on others.</p>\
         <div class=\"wide\"><table><tr><th>service<th class=\"n\">Ca<th class=\"n\">Ce<th class=\"n\">I<th class=\"n\">exposed<th class=\"n\">used\
         <th class=\"n\">cross keys<th class=\"n\">writes</tr>",
    );
    for one in &report.services {
        let instability = one.instability.map_or("–".to_owned(), |value| format!("{value:.2}"));
        let _ = write!(
            out,
            "<tr><td>{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{instability}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}</tr>",
            escape(&one.name),
            one.afferent,
            one.efferent,
            one.exposed,
            one.used,
            one.cross_keys,
            one.write_edges
        );
    }
    out.push_str("</table></div>");
}

fn pair_list(out: &mut String, report: &Report) {
    out.push_str("<h2>Who depends on whom</h2>");
    for (at, ((from, to), pair)) in pairs(report).into_iter().enumerate() {
        let often = report.window.as_ref().map_or(String::new(), |_| format!(", {:.2} calls/s", pair.calls_per_second));
        let _ = write!(
            out,
            "<details id=\"pair{at}\"><summary>{} → {}: {} columns{often}</summary>",
            escape(from),
            escape(to),
            pair.columns.len()
        );
        items(out, pair.ways.into_iter());
        items(out, by_relation(pair.columns.iter().map(|column| column.column.as_str())).into_iter());
        out.push_str("</details>");
    }
}

fn items(out: &mut String, lines: impl Iterator<Item = String>) {
    out.push_str("<ul>");
    lines.for_each(|line| {
        let _ = write!(out, "<li>{}", escape(&line));
    });
    out.push_str("</ul>");
}

fn list(out: &mut String, report: &Report, which: List, title: &str, note: &str) {
    let columns: Vec<_> = report.columns.iter().filter(|column| column.list == which).collect();
    if columns.is_empty() && which != List::NeverUsed {
        return;
    }
    let _ = write!(out, "<h2>{title} ({})</h2><p>{note}</p>", columns.len());
    let mut pairs: Vec<_> = columns.iter().map(|column| (&column.from, &column.to)).collect();
    pairs.sort();
    pairs.dedup();
    for (from, to) in pairs {
        let own = columns.iter().filter(|column| (&column.from, &column.to) == (from, to));
        let _ = write!(out, "<details open><summary>{} → {}</summary>", escape(from), escape(to));
        items(out, by_relation(own.map(|column| column.column.as_str())).into_iter());
        out.push_str("</details>");
    }
}

fn keys(out: &mut String, report: &Report) {
    if report.keys.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<h2>Foreign keys between services ({})</h2><div class=\"wide\"><table><tr><th>child<th>parent<th>on delete<th>index</tr>",
        report.keys.len()
    );
    for key in &report.keys {
        let index = if key.indexed { "yes" } else { "no" };
        let _ = write!(
            out,
            "<tr><td><code>{}</code><td><code>{}</code><td>{}<td>{index}</tr>",
            escape(&key.child),
            escape(&key.parent),
            escape(&key.on_delete)
        );
    }
    out.push_str("</table></div>");
}

fn blast(out: &mut String, report: &Report) {
    const WIDEST: usize = 30;
    let _ = write!(
        out,
        "<h2>Columns whose change reaches furthest ({} of {})</h2><div class=\"wide\"><table><tr><th>column<th>services<th class=\"n\">statements<th class=\"n\">calls/s</tr>",
        report.blast.len().min(WIDEST),
        report.blast.len()
    );
    for one in report.blast.iter().take(WIDEST) {
        let _ = write!(
            out,
            "<tr><td><code>{}</code><td>{}<td class=\"n\">{}<td class=\"n\">{:.2}</tr>",
            escape(&one.column),
            escape(&one.services.join(", ")),
            one.statements,
            one.calls_per_second
        );
    }
    out.push_str("</table></div>");
}

fn unknown(out: &mut String, report: &Report) {
    if report.coverage.unknown.is_empty() {
        return;
    }
    let _ = write!(out, "<h2>Not resolved ({})</h2>", report.coverage.unknown.len());
    for one in &report.coverage.unknown {
        let _ = write!(
            out,
            "<details><summary>{}, {} calls: {}</summary><code>{}</code></details>",
            escape(&one.role),
            one.calls,
            escape(&one.why),
            escape(&one.sql)
        );
    }
}

/// Text within HTML or an attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
