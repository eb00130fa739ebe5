//! Seconds waited by which service, for which and why; and what all sessions did.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::html::{details, key, plain_table, section, tabs};
use super::labels::{cause, cause_class, resource_class, wait_class};
use super::sankey::{Flow, sankey};
use crate::design::Cell;
use crate::result::text::capital;
use crate::result::{CellResult, ResultFile, Table};

/// Lines shown at the most.
const LINES: usize = 20;
/// Seconds of lock waits below which another tab is shown first.
const LOCKED_LEAST: f64 = 0.5;

/// (waiting, blamed, colour, words).
type Key<'a> = (&'a str, &'a str, &'static str, &'static str);
/// Seconds and, where they were counted, waits.
type Sums<'a> = BTreeMap<Key<'a>, (f64, Option<u64>)>;

/// The ledger of all cells in which services ran together: locks by root and by direct blocker, and shared resources by
/// usage. The three are never added up.
pub fn ledger(result: &ResultFile) -> Markup {
    let together: Vec<&CellResult> =
        result.counted().filter(|cell| matches!(cell.cell, Cell::Pair { .. } | Cell::All)).collect();
    // Nothing was observed: that is not that nobody waited.
    if together.iter().all(|cell| cell.ledger.samples == 0) {
        return Markup::default();
    }
    let remainder: f64 = together.iter().map(|cell| cell.ledger.short_wait_remainder_s).sum();
    let (root, direct, used) = (locks(&together, true), locks(&together, false), used(&together));
    // Where hardly anything was locked, shared resources are the story.
    let locked: f64 = root.values().map(|(seconds, _)| seconds).sum();
    let shown = if locked < LOCKED_LEAST { 2 } else { 0 };
    let none = "No wait for a lock was observed.";
    let all = [
        ("locks: root blocker", tab("Locks, by root blocker", &root, none)),
        ("locks: direct blocker", tab("Locks, by direct blocker", &direct, none)),
        ("shared resources, by usage", tab("Shared resources, by usage", &used, "No wait was observed.")),
    ];
    let below = html! {
        p.legend {
            "Left: the waiting service, right: the one it waited for, all cells with several services together. Locks are observed \
             every 20 ms; shorter waits add an estimated " (format!("{remainder:.2}")) " s that are attributed to nobody. Waits for \
             shared resources are a model: split over all by their usage in the same second, a service's own part is its own. The \
             matrix is the measured effect, this only explains it."
        }
    };
    html! { (tabs("ledger", "Which service waited for which", shown, &all, &below)) (activity(result)) }
}

fn locks<'a>(cells: &[&'a CellResult], root: bool) -> Sums<'a> {
    let mut sums = Sums::new();
    for entry in cells.iter().flat_map(|cell| &cell.ledger.entries) {
        let blamed = if root { &entry.root } else { &entry.direct };
        let key = (entry.waiting.as_str(), blamed.as_str(), cause_class(entry.cause), cause(entry.cause));
        let sum = sums.entry(key).or_insert((0.0, Some(0)));
        sum.0 += entry.seconds;
        sum.1 = sum.1.map(|waits| waits + entry.waits);
    }
    sums
}

fn used<'a>(cells: &[&'a CellResult]) -> Sums<'a> {
    let mut sums = Sums::new();
    for line in cells.iter().flat_map(|cell| &cell.ledger.apportioned) {
        let key = (line.waiting.as_str(), line.blamed.as_str(), resource_class(line.resource), line.resource.name());
        sums.entry(key).or_insert((0.0, None)).0 += line.seconds;
    }
    sums
}

fn tab(title: &str, sums: &Sums<'_>, nothing: &str) -> Markup {
    let flows: Vec<Flow> = sums
        .iter()
        .map(|((waiting, blamed, class, what), (seconds, _))| Flow { waiting, blamed, class, what, seconds: *seconds })
        .collect();
    html! {
        div.tab {
            p.paper { (title) ":" }
            (sankey(&flows, nothing))
            @if !sums.is_empty() { (details("As a table", &plain_table(&table(sums)))) }
        }
    }
}

fn table(sums: &Sums<'_>) -> Table {
    let mut lines: Vec<_> = sums.iter().collect();
    lines.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    let row = |(&(waiting, blamed, _, what), &(seconds, waits)): (&Key<'_>, &(f64, Option<u64>))| {
        // Below thirty waits a sum is a range rather than a number.
        let about = if waits.is_some_and(|waits| waits < 30) { "≈ " } else { "" };
        [
            capital(waiting),
            if waiting == blamed { "itself".to_owned() } else { capital(blamed) },
            what.to_owned(),
            format!("{about}{seconds:.2}"),
            waits.map_or_else(|| "–".to_owned(), |waits| waits.to_string()),
        ]
    };
    let rows = lines.into_iter().take(LINES).map(row);
    Table::new(&["waiting", "for", "cause"], &["seconds", "waits"], &[]).rows(rows)
}

/// Mean active sessions by service and wait class, all under load.
fn activity(result: &ResultFile) -> Markup {
    let all: Vec<&CellResult> = result.counted().filter(|cell| cell.cell == Cell::All).collect();
    if all.is_empty() {
        return Markup::default();
    }
    let mut sums: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for (service, classes) in all.iter().flat_map(|cell| &cell.ledger.activity) {
        for (class, sessions) in classes {
            *sums.entry(service).or_default().entry(class).or_default() += sessions / all.len() as f64;
        }
    }
    let most = sums.values().map(|classes| classes.values().sum::<f64>()).fold(1e-9, f64::max);
    let body = html! {
        p { "Average active sessions with all services under load, by what they waited for." }
        div.scroll {
            table {
                @for (service, classes) in &sums {
                    tr {
                        th scope="row" { (capital(service)) }
                        td {
                            div.stack {
                                @for (class, sessions) in classes {
                                    span class={ "class-" (class.to_lowercase()) }
                                        style=(format!("width:{:.1}%", sessions / most * 100.0))
                                        title=(format!("{} {sessions:.3}", wait_class(class))) {}
                                }
                            }
                        }
                        td.n { (format!("{:.3}", classes.values().sum::<f64>())) }
                    }
                }
            }
        }
        p.legend {
            (key("class-cpu", "on a processor")) (key("class-lock", "lock")) (key("class-lwlock", "lightweight lock")) (key("class-io", "data files"))
            (key("class-wal", "write-ahead log")) (key("class-client", "client")) (key("class-ipc", "other"))
        }
    };
    section("activity", "What the sessions did", &body)
}
