//! The report as one page that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::super::report::{List, Report};
use super::{by_relation, graph, pairs, text};

const CSS: &str = include_str!("page.css");
const JS: &str = include_str!("page.js");

/// Rows of the table of columns that others depend on; the JSON has all.
const WIDEST: usize = 30;

/// The page: graph, figures of services, lists.
#[must_use]
pub fn html(report: &Report) -> String {
    let title = format!("Coupling of {}", report.database);
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(CSS)) }
            }
            body {
                h1 { (title) }
                @for line in text::heading(report).lines() { p { (line) } }
                (graph::svg(report))
                div #shown aria-live="polite" { p { "Point at an arrow, or tap it, to see the columns that are read." } }
                (services(report))
                (dependencies(report))
                (list(report, List::NeverUsed, "Granted and never used", "These columns can be removed from the contract."))
                (list(report, List::NotDeclared, "Run and not declared", ""))
                (list(report, List::NeverRun, "Declared and never run", "Dead code, or rare."))
                (list(report, List::Refused, "Declared and not granted", "Would be refused."))
                (keys(report))
                (widest(report))
                (unknown(report))
                script { (PreEscaped(JS)) }
            }
        }
    };
    page.into_string()
}

/// A table with headings, where `>` means numbers; it scrolls by itself where the screen is narrow.
fn table(headings: &[&str], rows: &Markup) -> Markup {
    markup! {
        div .wide {
            table {
                tr {
                    @for heading in headings { th class=[heading.starts_with('>').then_some("n")] { (heading.trim_start_matches('>')) } }
                }
                (rows)
            }
        }
    }
}

fn services(report: &Report) -> Markup {
    let rows = markup! {
        @for one in &report.services {
            tr {
                td { (one.name) }
                td .n { (one.afferent) }
                td .n { (one.efferent) }
                td .n { (one.instability.map_or("–".to_owned(), |value| format!("{value:.2}"))) }
                @for count in [one.exposed, one.used, one.cross_keys, one.write_edges] { td .n { (count) } }
            }
        }
    };
    markup! {
        h2 { "Services" }
        p { "Ca: services that depend on it. Ce: services that it depends on. I = Ce / (Ca + Ce): 0, others depend on it; 1, it depends on others." }
        (table(&["service", ">Ca", ">Ce", ">I", ">exposed", ">used", ">cross keys", ">writes"], &rows))
    }
}

fn dependencies(report: &Report) -> Markup {
    markup! {
        h2 { "Dependencies between services" }
        @for (at, ((from, to), pair)) in pairs(report).into_iter().enumerate() {
            details id=(format!("pair{at}")) {
                summary {
                    (from) " → " (to) ": " (pair.columns.len()) " columns"
                    @if report.window.is_some() { ", " (format!("{:.2}", pair.calls_per_second)) " calls/s" }
                }
                (items(&pair.ways))
                (items(&by_relation(pair.columns.iter().map(|column| column.column.as_str()))))
            }
        }
    }
}

fn items(lines: &[String]) -> Markup {
    markup! { ul { @for line in lines { li { (line) } } } }
}

fn list(report: &Report, which: List, title: &str, note: &str) -> Markup {
    let columns: Vec<_> = report.columns.iter().filter(|column| column.list == which).collect();
    let mut pairs: Vec<_> = columns.iter().map(|column| (&column.from, &column.to)).collect();
    pairs.sort();
    pairs.dedup();
    markup! {
        @if !columns.is_empty() || which == List::NeverUsed {
            h2 { (title) " (" (columns.len()) ")" }
            p { (note) }
            @for (from, to) in pairs {
                @let own = columns.iter().filter(|column| (&column.from, &column.to) == (from, to));
                details open {
                    summary { (from) " → " (to) }
                    (items(&by_relation(own.map(|column| column.column.as_str()))))
                }
            }
        }
    }
}

fn keys(report: &Report) -> Markup {
    let rows = markup! {
        @for key in &report.keys {
            tr {
                td { code { (key.child) } }
                td { code { (key.parent) } }
                td { (key.on_delete) }
                td { (if key.indexed { "yes" } else { "no" }) }
            }
        }
    };
    markup! {
        @if !report.keys.is_empty() {
            h2 { "Foreign keys between services (" (report.keys.len()) ")" }
            (table(&["child", "parent", "on delete", "index"], &rows))
        }
    }
}

fn widest(report: &Report) -> Markup {
    let shown = report.blast.iter().take(WIDEST);
    let rows = markup! {
        @for one in shown.clone() {
            tr {
                td { code { (one.column) } }
                td { (one.services.join(", ")) }
                td .n { (one.statements) }
                td .n { (format!("{:.2}", one.calls_per_second)) }
            }
        }
    };
    markup! {
        h2 { "Columns that most others depend on (" (shown.len()) " of " (report.blast.len()) ")" }
        (table(&["column", "services", ">statements", ">calls/s"], &rows))
    }
}

fn unknown(report: &Report) -> Markup {
    let unknown = &report.coverage.unknown;
    markup! {
        @if !unknown.is_empty() {
            h2 { "Not resolved (" (unknown.len()) ")" }
            @for one in unknown {
                details {
                    summary { (one.role) ", " (one.calls) " calls: " (one.why) }
                    code { (one.sql) }
                }
            }
        }
    }
}
