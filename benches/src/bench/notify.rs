//! `lab bench notify`: how long it takes from a change's commit to the mail about it, and what a transaction held open elsewhere does to that.

mod bare;
mod changes;

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::yardstick::Cell;
use crate::observe::machine;
use crate::result::{Machine, Table};
use crate::stats::{Histogram, Median};
use crate::{Failure, system};
use changes::Changes;

/// How long is measured, and at what rate.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Changes in a second.
    pub rate: u32,
    /// Seconds of each quiet part.
    pub seconds: u64,
    /// Seconds for which a transaction is held open.
    pub hold: u64,
    /// Services as they are built for load.
    pub release: bool,
}

/// Delays of one part, in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// What was going on.
    pub name: &'static str,
    /// Changes made.
    pub changes: usize,
    /// Mails that came.
    pub mails: usize,
    /// Half were faster.
    pub p50_ms: f64,
    /// All but one in a hundred were faster.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// RFC 3339.
    pub at: String,
    /// What the ratio is to.
    pub yardstick: &'static str,
    /// On what.
    pub machine: Machine,
    /// In the shape of the other benches.
    pub cells: [Cell; 1],
    /// Milliseconds of the yardstick, half and all but one of a hundred.
    pub bare_ms: [f64; 2],
    /// Before, during and after the held transaction.
    pub parts: Vec<Part>,
    /// From its end until everything it had held back was mailed.
    pub recovered_after_ms: f64,
}

impl Outcome {
    /// Whether every change had its mail.
    pub fn complete(&self) -> bool {
        self.parts.iter().all(|part| part.mails == part.changes)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = |part: &Part| {
            let ms = |value: f64| format!("{value:.0}");
            let counts = [part.changes, part.mails].map(|count| count.to_string());
            let [changes, mails] = counts;
            [part.name.to_owned(), changes, mails, ms(part.p50_ms), ms(part.p99_ms), ms(part.max_ms)]
        };
        let table = Table::new(&[""], &["changes", "mails", "p50", "p99", "max"], &[])
            .titled("From a change's commit to the mail about it, in milliseconds:\n")
            .rows(self.parts.iter().map(row));
        write!(f, "{table}")?;
        let [p50, p99] = self.bare_ms;
        writeln!(
            f,
            "\n{}: p50 {p50:.1}, p99 {p99:.1}; its p50 ÷ ours {:.2}",
            self.yardstick, self.cells[0].ratio_to_yardstick.median
        )?;
        write!(f, "Everything held back was mailed {:.0} ms after the transaction's end.", self.recovered_after_ms)
    }
}

/// Brings up a system of its own and measures.
pub fn run(options: &Options) -> Result<Outcome, Failure> {
    let up_options =
        system::Options { ephemeral: true, port_base: 0, release: options.release, ..system::Options::default() };
    let deployment = system::Deployment::start(&up_options, |news| eprintln!("{news}"))?;
    let mut changes = Changes::new(deployment.place())?;
    let bare = bare::delays(&deployment)?;
    eprintln!("Changing an API {} times a second …", options.rate);
    let quiet = changes.make_for(options, options.seconds)?;
    let hold = Duration::from_secs(options.hold);
    let mut client = deployment.superuser()?;
    eprintln!("The same, with a transaction held open for {} s …", options.hold);
    let holder = thread::spawn(move || {
        client.batch_execute("begin; select pg_current_xact_id()")?;
        thread::sleep(hold);
        client.batch_execute("rollback")?;
        Ok::<_, postgres::Error>(Utc::now())
    });
    let held = changes.make_for(options, options.hold)?;
    let released = holder.join().map_err(|_| Failure::could_not_run("The thread that held a transaction is gone."))?;
    let released = released.map_err(|error| failed(&error))?;
    changes.wait_for_all()?;
    let after = changes.make_for(options, options.seconds)?;
    changes.wait_for_all()?;
    let arrived = changes.arrived()?;
    let last_held = held.keys().filter_map(|number| arrived.get(number)).max().copied().unwrap_or(released);
    let quiet = part("nothing else going on", &quiet, &arrived);
    let bare_ms = [0.5, 0.99].map(|quantile| ms(&bare, quantile));
    let cell = Cell {
        arm: "notification, commit to mail",
        connections: 1,
        requests_per_second: f64::from(options.rate),
        ratio_to_pgbench: None,
        ratio_to_pgbench_best: None,
        ratio_to_yardstick: Median::of([bare_ms[0] / quiet.p50_ms]),
        p50_ms: quiet.p50_ms,
        p99_ms: quiet.p99_ms,
    };
    Ok(Outcome {
        at: crate::measure::kept::now(),
        yardstick: "a commit, a listener that hears of it, one mail to the same server",
        machine: machine(),
        cells: [cell],
        bare_ms,
        parts: vec![
            quiet,
            part("a transaction held open elsewhere", &held, &arrived),
            part("after its end", &after, &arrived),
        ],
        recovered_after_ms: (last_held - released).as_seconds_f64().max(0.0) * 1000.0,
    })
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::could_not_run(format!("The benchmark can't go on: {error}."))
}

/// By the number of the change: when it was answered, or when its mail came.
type Times = HashMap<u64, DateTime<Utc>>;

fn part(name: &'static str, made: &Times, arrived: &Times) -> Part {
    let mut delays = Histogram::new();
    for (number, made) in made {
        if let Some(arrived) = arrived.get(number) {
            delays.record_us((*arrived - *made).num_microseconds().unwrap_or(i64::MAX).max(0) as u64);
        }
    }
    Part {
        name,
        changes: made.len(),
        mails: delays.count() as usize,
        p50_ms: ms(&delays, 0.5),
        p99_ms: ms(&delays, 0.99),
        max_ms: ms(&delays, 1.0),
    }
}

/// Milliseconds at a quantile.
fn ms(delays: &Histogram, quantile: f64) -> f64 {
    delays.quantile_us(quantile).map_or(f64::NAN, |us| us as f64 / 1000.0)
}
