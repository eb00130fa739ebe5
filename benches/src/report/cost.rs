//! What 1,000 requests of each service cost the database, alone and in company; and what was audited.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{capital, escape, services};
use crate::experiment::Cell;
use crate::result::{CellResult, ResultFile, RoleCost};

/// Two rows a service: alone, and with everybody at work.
pub fn section(result: &ResultFile) -> String {
    let mut out = String::from(
        "<section><h2>Cost beside speed</h2><p>Of the service's own database sessions, per 1,000 requests.</p><div class=\"scroll\"><table>\
         <tr><th>service</th><th></th><th>requests/s</th><th>CPU s</th><th>run queue s</th><th>statements</th><th>buffers</th><th>WAL kB</th></tr>\n",
    );
    for service in services(result) {
        let alone = |cell: &Cell| matches!(cell, Cell::Alone { service: name } if name == service);
        for (label, cells) in [
            ("alone", matching(result, alone)),
            ("everybody", matching(result, |cell| *cell == Cell::All)),
        ] {
            let (cost, requests, seconds) = sum(&cells, service);
            if requests == 0 {
                continue;
            }
            let per = |value: f64| value / requests as f64 * 1000.0;
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td>{label}</td><td class=\"n\">{:.0}</td><td class=\"n\">{:.3}</td><td class=\"n\">{:.3}</td>\
                 <td class=\"n\">{:.0}</td><td class=\"n\">{:.0}</td><td class=\"n\">{:.0}</td></tr>",
                escape(&capital(service)),
                requests as f64 / seconds.max(1e-9),
                per(cost.cpu_s),
                per(cost.run_queue_s),
                per(cost.calls as f64),
                per((cost.blocks_hit + cost.blocks_read) as f64),
                per(cost.wal_bytes / 1000.0),
            );
        }
    }
    out + "</table></div><p class=\"legend\">Counters cover the whole cell, its first moments included; requests only the measured part, so costs read a little high.</p></section>\n"
        + &correctness(&result.correctness)
}

fn matching(result: &ResultFile, wanted: impl Fn(&Cell) -> bool) -> Vec<&CellResult> {
    result.counted().filter(|cell| wanted(&cell.cell)).collect()
}

fn sum(cells: &[&CellResult], service: &str) -> (RoleCost, u64, f64) {
    let mut total = RoleCost::default();
    let (mut requests, mut seconds) = (0, 0.0);
    for cell in cells {
        if let Some(cost) = cell.roles.get(service) {
            total.cpu_s += cost.cpu_s;
            total.run_queue_s += cost.run_queue_s;
            total.calls += cost.calls;
            total.blocks_hit += cost.blocks_hit;
            total.blocks_read += cost.blocks_read;
            total.wal_bytes += cost.wal_bytes;
        }
        for of in cell.services.iter().filter(|of| of.name == service) {
            requests += of.offered;
            seconds += of.measured_s;
        }
    }
    (total, requests, seconds)
}

fn correctness(audits: &BTreeMap<String, i64>) -> String {
    let mut out = String::from(
        "<section><h2>Correctness</h2><p>Counted in the database after the run; all must be 0.</p><ul>",
    );
    for (name, violations) in audits {
        let mark = if *violations == 0 { "✓" } else { "✗" };
        let _ = write!(out, "<li>{mark} {}: {violations}</li>", escape(name));
    }
    out + "</ul></section>\n"
}
