//! Blocked seconds by who waited, for whom and why; and what everybody's sessions did.

use std::collections::BTreeMap;
use std::fmt::Write;

use schema::blame::graph::Cause;

use super::{capital, escape};
use crate::experiment::Cell;
use crate::result::{CellResult, ResultFile};

/// Lines shown at the most.
const LINES: usize = 15;

/// The ledger of all cells in which services ran together.
pub fn section(result: &ResultFile) -> String {
    let together: Vec<&CellResult> = result
        .counted()
        .filter(|cell| matches!(cell.cell, Cell::Pair { .. } | Cell::All))
        .collect();
    let remainder: f64 = together
        .iter()
        .map(|cell| cell.ledger.short_wait_remainder_s)
        .sum();
    let mut out = String::from(
        "<section class=\"tabs\"><h2>Who waited for whom</h2>\n<input type=\"radio\" name=\"blame\" id=\"b0\" checked>\
         <label for=\"b0\">who held it</label><input type=\"radio\" name=\"blame\" id=\"b1\"><label for=\"b1\">who stood before</label>\n",
    );
    out.push_str(&table(&together, true));
    out.push_str(&table(&together, false));
    let _ = writeln!(
        out,
        "<p class=\"legend\">Locks alone, sampled every 20 ms; waits too short to be seen add an estimated {remainder:.2} s of nobody in particular. \
         The matrix is the measured effect, this only explains it.</p></section>"
    );
    out.push_str(&activity(result));
    out
}

fn table(cells: &[&CellResult], root: bool) -> String {
    let mut sums: BTreeMap<(String, String, Cause), (f64, u64)> = BTreeMap::new();
    for entry in cells.iter().flat_map(|cell| &cell.ledger.entries) {
        let blamed = if root { &entry.root } else { &entry.direct };
        let sum = sums
            .entry((entry.waiting.clone(), blamed.clone(), entry.cause))
            .or_default();
        sum.0 += entry.seconds;
        sum.1 += entry.waits;
    }
    let mut lines: Vec<_> = sums.into_iter().collect();
    lines.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    let most = lines.first().map_or(1.0, |line| line.1.0.max(1e-9));
    let mut out = String::from("<div class=\"tab\">");
    if lines.is_empty() {
        return out + "<p>Nobody was seen waiting for a lock.</p></div>";
    }
    out.push_str("<div class=\"scroll\"><table><tr><th>waited</th><th>for</th><th>because of</th><th>seconds</th><th>waits</th><th></th></tr>\n");
    for ((waiting, blamed, cause), (seconds, waits)) in lines.into_iter().take(LINES) {
        let shown = if waits < 30 {
            format!("≈ {seconds:.2}")
        } else {
            format!("{seconds:.2}")
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{shown}</td><td class=\"n\">{waits}</td>\
             <td><span class=\"bar\" style=\"width:{:.0}px\"></span></td></tr>",
            escape(&capital(&waiting)),
            escape(&capital(&blamed)),
            words(cause),
            seconds / most * 120.0
        );
    }
    out + "</table></div></div>\n"
}

fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::Row => "a row changed by an open transaction",
        Cause::TupleQueue => "the queue for a hot row",
        Cause::Relation => "a lock on a relation",
        Cause::BehindDdl => "queueing behind a DDL statement",
        Cause::Advisory => "an advisory lock",
        Cause::Extend => "extending a relation",
        Cause::VirtualTransaction => "a snapshot still in use",
        Cause::Other => "another lock",
    }
}

/// Mean active sessions by service and wait class, everybody at work.
fn activity(result: &ResultFile) -> String {
    let all: Vec<&CellResult> = result
        .counted()
        .filter(|cell| cell.cell == Cell::All)
        .collect();
    if all.is_empty() {
        return String::new();
    }
    let mut sums: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for (service, classes) in all.iter().flat_map(|cell| &cell.ledger.activity) {
        for (class, sessions) in classes {
            *sums.entry(service).or_default().entry(class).or_default() +=
                sessions / all.len() as f64;
        }
    }
    let most = sums
        .values()
        .map(|classes| classes.values().sum::<f64>())
        .fold(1e-9, f64::max);
    let mut out = String::from(
        "<section><h2>What the sessions did</h2><p>Average active sessions with everybody at work, by what they waited for.</p>\
         <div class=\"scroll\"><table>\n",
    );
    for (service, classes) in &sums {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td><div class=\"stack\">",
            escape(&capital(service))
        );
        for (class, sessions) in classes {
            let _ = write!(
                out,
                "<span class=\"class-{}\" style=\"width:{:.1}%\" title=\"{} {sessions:.3}\"></span>",
                escape(&class.to_lowercase()),
                sessions / most * 100.0,
                escape(class)
            );
        }
        let _ = writeln!(
            out,
            "</div></td><td class=\"n\">{:.3}</td></tr>",
            classes.values().sum::<f64>()
        );
    }
    out + "</table></div><p class=\"legend\"><span class=\"key class-cpu\">CPU</span> <span class=\"key class-lock\">Lock</span> \
           <span class=\"key class-lwlock\">LWLock</span> <span class=\"key class-io\">IO</span> <span class=\"key class-client\">Client</span> \
           <span class=\"key class-ipc\">other</span></p></section>\n"
}
