//! What comes out: medians over rounds with their intervals, as text and as JSON.

use serde::Serialize;

use super::load::Kind;
use crate::bench::spread::Spread;
use crate::result::{Machine, PostgresInfo};

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
    pub requests_per_second_interval: Spread,
    /// Against pgbench with as many clients, in the same round.
    pub ratio_to_pgbench: f64,
    /// Its interval.
    pub ratio_to_pgbench_interval: Spread,
    /// Against the best of pgbench at any number of clients, in the same round.
    pub ratio_to_pgbench_best: f64,
    /// Its interval.
    pub ratio_to_pgbench_best_interval: Spread,
    /// Against pgbench with the statement of many keys and as many clients, where it ran.
    pub ratio_to_pgbench_batched: Option<f64>,
    /// Against the best of that at any number of clients.
    pub ratio_to_pgbench_batched_best: Option<f64>,
    /// The first arm's requests per second by this one's, in the same round; none for the first.
    pub ratio_of_first: Option<f64>,
    /// Its interval.
    pub ratio_of_first_interval: Option<Spread>,
    /// Half of the good answers came sooner.
    pub p50_ms: f64,
    /// All but one of a hundred.
    pub p99_ms: f64,
    /// Microseconds of processor per good answer: Postgres, the service, the driver.
    pub cpu_us: CpuUs,
    /// Answers that weren't good, of all rounds.
    pub failed: u64,
}

/// Microseconds of processor per good answer.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct CpuUs {
    /// All of Postgres's processes.
    pub postgres: f64,
    /// The service.
    pub service: f64,
    /// The thread that asks.
    pub driver: f64,
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
    pub per_second: Spread,
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
        let built = if self.optimised { "" } else { "; built for development: no figure is worth anything" };
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
        writeln!(f, "\n{:<22}{:>6}{:>10}  {:<18}{:>9}", "pgbench -M prepared", "", "per s", "[interval]", "mean ms")?;
        for one in &self.pgbench {
            let keys = if one.keys > 1 { format!("{} keys each", one.keys) } else { String::new() };
            let Spread { median, low, high } = one.per_second;
            writeln!(
                f,
                "{keys:<22}{:>6}{median:>10.0}  {:<18}{:>9.2}",
                one.clients,
                format!("[{low:.0}, {high:.0}]"),
                one.mean_ms
            )?;
        }
        write(f, &self.cells)
    }
}

/// Cells for people, one line each.
pub fn write(f: &mut std::fmt::Formatter<'_>, cells: &[Cell]) -> std::fmt::Result {
    writeln!(
        f,
        "\n{:<26}{:>6}{:>9}  {:<16}{:<18}{:<18}{:<13}{:>7}{:>8}  µs Postgres/service/driver",
        "", "conns", "req/s", "[interval]", "÷ pgbench", "÷ its best", "÷ keys, best", "p50 ms", "p99 ms"
    )?;
    for cell in cells {
        let per_s = cell.requests_per_second_interval;
        let ratio = |of: Spread| format!("{:.2} [{:.2}, {:.2}]", of.median, of.low, of.high);
        let short = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), |of| format!("{of:.2}"));
        let batched =
            format!("{}, {}", short(cell.ratio_to_pgbench_batched), short(cell.ratio_to_pgbench_batched_best));
        let CpuUs { postgres, service, driver } = cell.cpu_us;
        let mut more = String::new();
        if let Some(first) = cell.ratio_of_first_interval {
            more += &format!("  first ÷ this {}", ratio(first));
        }
        if cell.failed > 0 {
            more += &format!("  {} failed", cell.failed);
        }
        writeln!(
            f,
            "{:<26}{:>6}{:>9.0}  {:<16}{:<18}{:<18}{batched:<13}{:>7.2}{:>8.2}  {postgres:.0}/{service:.0}/{driver:.0}{more}",
            cell.arm,
            cell.connections,
            per_s.median,
            format!("[{:.0}, {:.0}]", per_s.low, per_s.high),
            ratio(cell.ratio_to_pgbench_interval),
            ratio(cell.ratio_to_pgbench_best_interval),
            cell.p50_ms,
            cell.p99_ms
        )?;
    }
    Ok(())
}
