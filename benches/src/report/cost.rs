//! What 1,000 requests of each service cost the machine in each combination, with how fast they were.

use maud::{Markup, html};

use super::html::{details, plain_table, section};
use crate::result::text::{capital, others};
use crate::result::{ALONE, CENSORED_US, CellResult, ResultFile, RoleCost, Table, while_running};
use crate::stats::Histogram;

const NUMBERS: [&str; 8] =
    ["requests/s", "median ms", "database CPU s", "process CPU s", "run queue s", "statements", "buffers", "WAL kB"];

/// Two rows a service: alone, and with all under load; and every combination, folded away.
pub fn cost(result: &ResultFile) -> Markup {
    let names = result.service_names();
    // Of a system that shows nothing but its answers there is nothing else.
    let numbers = if result.counted().any(|cell| !cell.roles.is_empty()) { &NUMBERS[..] } else { &NUMBERS[..2] };
    let table = |combinations: &dyn Fn(&String) -> Vec<String>| {
        let mut table = Table::new(&["service", "while running"], numbers, &[]);
        for service in &names {
            let rows = combinations(service).into_iter().filter_map(|others| row(result, service, &others));
            table.rows.extend(rows.map(|row| row[..2 + numbers.len()].to_vec()));
        }
        plain_table(&table)
    };
    let both = |_: &String| vec![ALONE.to_owned(), "all".to_owned()];
    let every = |service: &String| {
        let pairs = names.iter().filter(|other| *other != service).cloned();
        [ALONE.to_owned()].into_iter().chain(pairs).chain(["all".to_owned()]).collect()
    };
    let whole = numbers.len() == NUMBERS.len();
    let title = if whole { "Resource cost per 1,000 requests" } else { "Requests and their median" };
    let body = html! {
        @if whole { p { "Of the service's own process and database sessions." } }
        (table(&both))
        (details("In every combination", &table(&every)))
    };
    html! { (section("cost", title, &body)) (correctness(result)) }
}

/// Everything of one service in one combination.
#[derive(Default)]
struct Sum {
    cost: RoleCost,
    driven: u64,
    offered: u64,
    seconds: f64,
    responses: Histogram,
}

fn row(result: &ResultFile, service: &str, combination: &str) -> Option<[String; 10]> {
    let mut sum = Sum::default();
    for cell in result.counted() {
        sum.add(cell, service, combination);
    }
    let per = |value: f64| value / sum.driven as f64 * 1000.0;
    let cost = &sum.cost;
    // No statement: nobody counted them.
    let counted = |value: f64| if cost.calls > 0 { format!("{:.0}", per(value)) } else { "not known".to_owned() };
    (sum.driven > 0).then(|| {
        [
            capital(service),
            others(combination),
            format!("{:.0}", sum.offered as f64 / sum.seconds.max(1e-9)),
            format!("{:.2}", sum.responses.quantile_us(0.5).unwrap_or(0) as f64 / 1000.0),
            format!("{:.3}", per(cost.cpu_s)),
            format!("{:.3}", per(cost.process_cpu_s)),
            format!("{:.3}", per(cost.run_queue_s + cost.process_run_queue_s)),
            counted(cost.calls as f64),
            counted((cost.blocks_hit + cost.blocks_read) as f64),
            counted(cost.wal_bytes / 1000.0),
        ]
    })
}

impl Sum {
    fn add(&mut self, cell: &CellResult, service: &str, combination: &str) {
        let of = cell.services.iter().find(|of| of.name == service);
        let Some(of) = of.filter(|_| while_running(&cell.cell, service) == combination) else {
            return;
        };
        // Files of the first labs don't tell what was driven before the measured part.
        self.driven += of.driven.max(of.offered);
        self.offered += of.offered;
        self.seconds += of.measured_s;
        if let Ok(responses) = of.responses(CENSORED_US) {
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

fn correctness(result: &ResultFile) -> Markup {
    if result.correctness.is_empty() {
        return Markup::default();
    }
    let how = if result.postgres.is_some() {
        "Counted in the database after each replicate"
    } else {
        "Counted over the contract after the run"
    };
    let body = html! {
        p { (how) "; all must be 0." }
        ul.audits {
            @for (name, violations) in &result.correctness {
                li { (if *violations == 0 { "✓" } else { "✗" }) " " (name) ": " (violations) }
            }
        }
    };
    section("correctness", "Correctness", &body)
}
