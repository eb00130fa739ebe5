//! What comes out: medians over rounds with their intervals, as text and as JSON.

use serde::Serialize;

use super::requests::Kind;
use super::system::Cpu;
use crate::result::{Machine, PostgresInfo, Table};
use crate::stats::Median;

/// One arm at one number of connections.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// Which program, with which settings.
    pub arm: String,
    /// Connections that ask.
    pub connections: usize,
    /// Good answers in a second.
    pub requests_per_second: f64,
    /// Its interval.
    pub requests_per_second_interval: Median,
    /// Against pgbench with as many clients, in the same round.
    pub ratio_to_pgbench: f64,
    /// Its interval.
    pub ratio_to_pgbench_interval: Median,
    /// Against the best of pgbench at any number of clients, in the same round.
    pub ratio_to_pgbench_best: f64,
    /// Its interval.
    pub ratio_to_pgbench_best_interval: Median,
    /// Against pgbench with the statement of many keys and as many clients, where it ran.
    pub ratio_to_pgbench_batched: Option<f64>,
    /// Against the best of that at any number of clients.
    pub ratio_to_pgbench_batched_best: Option<f64>,
    /// The first arm's requests per second by this one's, in the same round; none for the first.
    pub ratio_of_first: Option<f64>,
    /// Its interval.
    pub ratio_of_first_interval: Option<Median>,
    /// Half of the good answers came sooner.
    pub p50_ms: f64,
    /// All but one of a hundred.
    pub p99_ms: f64,
    /// Microseconds of processor per good answer: Postgres, the service, the driver.
    pub cpu_us: Cpu,
    /// Answers that weren't good, of all rounds.
    pub failed: u64,
}

/// pgbench at one number of clients.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pgbench {
    /// Clients.
    pub clients: usize,
    /// Keys in each statement.
    pub keys: u32,
    /// Keys in a second.
    pub per_second: Median,
    /// Mean milliseconds of a statement, the rounds' median.
    pub mean_ms: f64,
}

/// What an arm held.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// Which.
    pub arm: String,
    /// Its settings.
    pub settings: Vec<(String, String)>,
    /// Before it was asked anything.
    pub rest_mib: f64,
    /// The most it has held.
    pub peak_mib: f64,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// RFC 3339.
    pub at: String,
    /// What was asked for.
    pub kind: Kind,
    /// What the ratios are to.
    pub yardstick: &'static str,
    /// APIs in the data set.
    pub apis: u64,
    /// Organisations.
    pub organisations: u64,
    /// Rounds; in each every cell ran once, in another order.
    pub rounds: u32,
    /// Seconds of each cell.
    pub seconds: u64,
    /// Whether the services were built for load.
    pub optimised: bool,
    /// On what.
    pub machine: Machine,
    /// With which server.
    pub postgres: PostgresInfo,
    /// The yardstick.
    pub pgbench: Vec<Pgbench>,
    /// The services.
    pub cells: Vec<Cell>,
    /// What they held.
    pub memory: Vec<Memory>,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let built = if self.optimised { "" } else { "; services built without optimisation: only a trial" };
        writeln!(
            f,
            "{:?}: {} APIs of {} organisations; {} rounds of {} s; PostgreSQL {}, {} processors{built}.",
            self.kind,
            self.apis,
            self.organisations,
            self.rounds,
            self.seconds,
            self.postgres.version,
            self.machine.cpus
        )?;
        for memory in &self.memory {
            let settings: Vec<_> = memory.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
            writeln!(
                f,
                "{}: {}; {:.0} MiB at rest, {:.0} MiB at most.",
                memory.arm,
                settings.join(" "),
                memory.rest_mib,
                memory.peak_mib
            )?;
        }
        writeln!(f, "\n{}", yardstick(&self.pgbench))?;
        write!(f, "{}", table(&self.cells))
    }
}

fn yardstick(all: &[Pgbench]) -> Table {
    let row = |one: &Pgbench| {
        let keys = if one.keys > 1 { format!("{} keys each", one.keys) } else { String::new() };
        [keys, one.clients.to_string(), format!("{:.0}", one.per_second), format!("{:.2}", one.mean_ms)]
    };
    Table::new(&["pgbench -M prepared"], &["clients", "per s", "mean ms"], &[]).rows(all.iter().map(row))
}

/// Cells for people, one line each.
pub fn table(cells: &[Cell]) -> Table {
    let short = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), |of| format!("{of:.2}"));
    let row = |cell: &Cell| {
        let Cpu { postgres, service, driver } = cell.cpu_us;
        [
            cell.arm.clone(),
            cell.connections.to_string(),
            format!("{:.0}", cell.requests_per_second_interval),
            cell.ratio_to_pgbench_interval.to_string(),
            cell.ratio_to_pgbench_best_interval.to_string(),
            format!("{}, {}", short(cell.ratio_to_pgbench_batched), short(cell.ratio_to_pgbench_batched_best)),
            format!("{:.2}", cell.p50_ms),
            format!("{:.2}", cell.p99_ms),
            format!("{postgres:.0}/{service:.0}/{driver:.0}"),
            cell.ratio_of_first_interval.map_or_else(String::new, |ratio| ratio.to_string()),
            cell.failed.to_string(),
        ]
    };
    let numbers = [
        "conns",
        "requests/s",
        "÷ pgbench",
        "÷ its best",
        "÷ keys, best",
        "p50 ms",
        "p99 ms",
        "processor µs",
        "first ÷ this",
        "failed",
    ];
    Table::new(&[""], &numbers, &[])
        .rows(cells.iter().map(row))
        .note("processor µs: per answer, of Postgres/the service/the driver.")
}
