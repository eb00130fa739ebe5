//! Waited seconds by who waited, for whom and why; and what everybody's sessions did.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::sankey::{Flow, sankey};
use super::words::{cause, cause_class, resource, resource_class};
use super::{capital, escape};
use crate::design::Cell;
use crate::result::{CellResult, ResultFile};

/// Lines shown at the most.
const LINES: usize = 20;
/// Seconds of lock waits below which another tab is shown first.
const LOCKED_LEAST: f64 = 0.5;

/// (waiting, blamed, colour, words) with seconds and, where they were counted, waits.
type Sums<'a> = BTreeMap<(&'a str, &'a str, &'static str, &'static str), (f64, Option<u64>)>;

/// The ledger of all cells in which services ran together: locks by who held them, by who stood before, and what has no
/// owner by who used it. The three are never added up.
pub fn section(result: &ResultFile) -> String {
    let together: Vec<&CellResult> =
        result.counted().filter(|cell| matches!(cell.cell, Cell::Pair { .. } | Cell::All)).collect();
    let remainder: f64 = together.iter().map(|cell| cell.ledger.short_wait_remainder_s).sum();
    let (root, direct, used) = (locks(&together, true), locks(&together, false), used(&together));
    // Where hardly anything was locked, what has no owner is the story.
    let locked: f64 = root.values().map(|(seconds, _)| seconds).sum();
    let shown = if locked < LOCKED_LEAST { 2 } else { 0 };
    let checked = |tab: usize| if tab == shown { " checked" } else { "" };
    let mut out = format!(
        "<section class=\"tabs\"><h2>Who waited for whom</h2>\n<input type=\"radio\" name=\"blame\" id=\"b0\"{}>\
         <label for=\"b0\">locks: who held it</label><input type=\"radio\" name=\"blame\" id=\"b1\"{}><label for=\"b1\">locks: who stood before</label>\
         <input type=\"radio\" name=\"blame\" id=\"b2\"{}><label for=\"b2\">no owner: who used it</label>\n",
        checked(0),
        checked(1),
        checked(2),
    );
    let none = "Nobody was seen waiting for a lock.";
    out.push_str(&tab("Locks, by who held them", &root, none));
    out.push_str(&tab("Locks, by who stood before", &direct, none));
    out.push_str(&tab("No owner, by who used it", &used, "Nobody was seen waiting."));
    let _ = writeln!(
        out,
        "<p class=\"legend\">Who waited stands on the left, for whom on the right, all cells with company together. Locks are observed every \
         20 ms; waits too short to be seen add an estimated {remainder:.2} s of nobody in particular. What has no owner is a model: split over \
         everybody by what they used in the same second; one's own part is one's own doing. The matrix is the measured effect, this only explains it.</p></section>"
    );
    out.push_str(&activity(result));
    out
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
        let key = (line.waiting.as_str(), line.blamed.as_str(), resource_class(line.resource), resource(line.resource));
        sums.entry(key).or_insert((0.0, None)).0 += line.seconds;
    }
    sums
}

fn tab(title: &str, sums: &Sums<'_>, nothing: &str) -> String {
    let flows: Vec<Flow> = sums
        .iter()
        .map(|((waiting, blamed, class, what), (seconds, _))| Flow { waiting, blamed, class, what, seconds: *seconds })
        .collect();
    format!("<div class=\"tab\"><p class=\"paper\">{title}:</p>{}{}</div>\n", sankey(&flows, nothing), table(sums))
}

fn table(sums: &Sums<'_>) -> String {
    let mut lines: Vec<_> = sums.iter().collect();
    lines.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    if lines.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<details><summary>As a table</summary><div class=\"scroll\"><table><tr><th>waited</th><th>for</th><th>because of</th>\
         <th>seconds</th><th>waits</th></tr>\n",
    );
    for ((waiting, blamed, _, what), (seconds, waits)) in lines.into_iter().take(LINES) {
        // Below thirty waits a sum is a range rather than a number.
        let about = if waits.is_some_and(|waits| waits < 30) { "≈ " } else { "" };
        let blamed = if waiting == blamed { "itself" } else { blamed };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{what}</td><td class=\"n\">{about}{seconds:.2}</td><td class=\"n\">{}</td></tr>",
            escape(&capital(waiting)),
            escape(&capital(blamed)),
            waits.map_or_else(|| "–".to_owned(), |waits| waits.to_string()),
        );
    }
    out + "</table></div></details>"
}

/// Mean active sessions by service and wait class, everybody at work.
fn activity(result: &ResultFile) -> String {
    let all: Vec<&CellResult> = result.counted().filter(|cell| cell.cell == Cell::All).collect();
    if all.is_empty() {
        return String::new();
    }
    let mut sums: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for (service, classes) in all.iter().flat_map(|cell| &cell.ledger.activity) {
        for (class, sessions) in classes {
            *sums.entry(service).or_default().entry(class).or_default() += sessions / all.len() as f64;
        }
    }
    let most = sums.values().map(|classes| classes.values().sum::<f64>()).fold(1e-9, f64::max);
    let mut out = String::from(
        "<section><h2>What the sessions did</h2><p>Average active sessions with everybody at work, by what they waited for.</p>\
         <div class=\"scroll\"><table>\n",
    );
    for (service, classes) in &sums {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th><td><div class=\"stack\">", escape(&capital(service)));
        for (class, sessions) in classes {
            let _ = write!(
                out,
                "<span class=\"class-{}\" style=\"width:{:.1}%\" title=\"{} {sessions:.3}\"></span>",
                escape(&class.to_lowercase()),
                sessions / most * 100.0,
                escape(class)
            );
        }
        let _ = writeln!(out, "</div></td><td class=\"n\">{:.3}</td></tr>", classes.values().sum::<f64>());
    }
    out + "</table></div><p class=\"legend\"><span class=\"key class-cpu\">CPU</span> <span class=\"key class-lock\">Lock</span> \
           <span class=\"key class-lwlock\">LWLock</span> <span class=\"key class-io\">IO</span> <span class=\"key class-wal\">WAL</span> <span class=\"key class-client\">Client</span> \
           <span class=\"key class-ipc\">other</span></p></section>\n"
}
