//! What 1,000 requests of each service cost the machine in each company, beside how fast they were.

use std::fmt::Write;

use super::{capital, escape, services};
use crate::result::{ALONE, CellResult, ResultFile, RoleCost, beside};
use crate::stats::Histogram;

const HEAD: &str = "<div class=\"scroll\"><table><tr><th>service</th><th>beside</th><th>requests/s</th><th>median ms</th><th>database CPU s</th>\
     <th>process CPU s</th><th>run queue s</th><th>statements</th><th>buffers</th><th>WAL kB</th></tr>\n";

/// Two rows a service: alone, and with everybody at work; and every company, folded away.
pub fn section(result: &ResultFile) -> String {
    let mut out = String::from(
        "<section><h2>Cost beside speed</h2><p>Of the service's own process and database sessions, for 1,000 requests.</p>",
    );
    out.push_str(HEAD);
    let row = |out: &mut String, service: &str, company: &str| {
        out.push_str(&row(result, service, company).unwrap_or_default());
    };
    for service in services(result) {
        row(&mut out, service, ALONE);
        row(&mut out, service, "all");
    }
    out.push_str("</table></div><details><summary>In every company</summary>");
    out.push_str(HEAD);
    for service in services(result) {
        row(&mut out, service, ALONE);
        for other in services(result).into_iter().filter(|other| *other != service) {
            row(&mut out, service, other);
        }
        row(&mut out, service, "all");
    }
    out + "</table></div></details></section>\n" + &correctness(result)
}

/// Everything of one service in one company.
#[derive(Default)]
struct Sum {
    cost: RoleCost,
    driven: u64,
    offered: u64,
    seconds: f64,
    responses: Histogram,
}

fn row(result: &ResultFile, service: &str, company: &str) -> Option<String> {
    let mut sum = Sum::default();
    for cell in result.counted() {
        sum.add(cell, service, company);
    }
    if sum.driven == 0 {
        return None;
    }
    let per = |value: f64| value / sum.driven as f64 * 1000.0;
    let cost = &sum.cost;
    let name = match company {
        ALONE => "nobody",
        "all" => "everybody",
        other => other,
    };
    Some(format!(
        "<tr><td>{}</td><td>{}</td><td class=\"n\">{:.0}</td><td class=\"n\">{:.2}</td><td class=\"n\">{:.3}</td><td class=\"n\">{:.3}</td>\
         <td class=\"n\">{:.3}</td><td class=\"n\">{:.0}</td><td class=\"n\">{:.0}</td><td class=\"n\">{:.0}</td></tr>\n",
        escape(&capital(service)),
        escape(name),
        sum.offered as f64 / sum.seconds.max(1e-9),
        sum.responses.quantile_us(0.5).unwrap_or(0) as f64 / 1000.0,
        per(cost.cpu_s),
        per(cost.process_cpu_s),
        per(cost.run_queue_s + cost.process_run_queue_s),
        per(cost.calls as f64),
        per((cost.blocks_hit + cost.blocks_read) as f64),
        per(cost.wal_bytes / 1000.0),
    ))
}

impl Sum {
    fn add(&mut self, cell: &CellResult, service: &str, company: &str) {
        let of = cell.services.iter().find(|of| of.name == service);
        let Some(of) = of.filter(|_| beside(&cell.cell, service) == company) else {
            return;
        };
        // Files of the first version don't tell what was driven before the measured part.
        self.driven += of.driven.max(of.offered);
        self.offered += of.offered;
        self.seconds += of.measured_s;
        if let Ok(responses) = of.responses(crate::result::CENSORED_US) {
            self.responses.add(&responses);
        }
        if let Some(cost) = cell.roles.get(service) {
            self.cost.cpu_s += cost.cpu_s;
            self.cost.process_cpu_s += cost.process_cpu_s;
            self.cost.run_queue_s += cost.run_queue_s;
            self.cost.process_run_queue_s += cost.process_run_queue_s;
            self.cost.calls += cost.calls;
            self.cost.blocks_hit += cost.blocks_hit;
            self.cost.blocks_read += cost.blocks_read;
            self.cost.wal_bytes += cost.wal_bytes;
        }
    }
}

fn correctness(result: &ResultFile) -> String {
    let mut out = String::from(
        "<section><h2>Correctness</h2><p>Counted in the database after each replicate; all must be 0.</p><ul class=\"audits\">",
    );
    for (name, violations) in &result.correctness {
        let mark = if *violations == 0 { "✓" } else { "✗" };
        let _ = write!(out, "<li>{mark} {}: {violations}</li>", escape(name));
    }
    out + "</ul></section>\n"
}
