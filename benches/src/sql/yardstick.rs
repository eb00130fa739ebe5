//! `lab bench sql`: what being measured by `lab sql` adds to a transaction, beside the same pgbench started by hand.
//!
//! Both run the same script as the same login at the same rate in the same database, in turn. The lab's cell is watched, writes its log through a
//! thread for each connection, and is read back by the lab; pgbench by hand has one thread and nobody who watches.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schema::cluster::binaries::client_tool;
use schema::cluster::{Cluster, ClusterOptions};
use schema::connection::Address;
use schema::session::{Session, address};
use serde::Serialize;

use super::drive::Drive;
use super::log::{Log, Summary};
use super::pgbench::as_login;
use super::place::{Place, Wanted};
use super::workload::{QueryMode, Script, SqlService, SqlWorkload};
use crate::Failure;
use crate::data::connect_to_ask;
use crate::design::Cell;
use crate::load::driver::Outcome as Answer;
use crate::observe::machine;
use crate::result::{Machine, PostgresInfo, Table};
use crate::stats::{Estimate, Histogram, Median, paired_ratio};
use crate::system::postgres_info;

/// The one service and its login.
const PAYER: &str = "payer";
const DATABASE: &str = "yardstick";
const SCRIPT: &str =
    "\\set aid random(1, 500000)\nupdate pgbench_accounts set abalance = abalance + 1 where aid = :aid;\n";
/// Not measured: connections prepare their statement meanwhile.
const SETTLE: Duration = Duration::from_secs(2);
/// How far the interval of the ratio may reach from 1.
const WITHIN: f64 = 0.03;

/// How it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds: in each both run once.
    pub rounds: u32,
    /// Measured seconds of each turn.
    pub seconds: u64,
    /// Transactions per second.
    pub rate: u32,
    /// Connections.
    pub connections: u32,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// RFC 3339.
    pub at: String,
    /// On what.
    pub machine: Machine,
    /// With which server.
    pub postgres: PostgresInfo,
    /// Transactions per second.
    pub rate: u32,
    /// Medians of each round, milliseconds from when a transaction was due: by hand, by the lab.
    pub p50_ms: Vec<[f64; 2]>,
    /// Lab ÷ by hand, formed in each round; none where the rounds can't show one.
    pub ratio: Option<Estimate>,
}

impl Outcome {
    /// Whether the whole interval lies within ±3 % of 1.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.ratio.is_some_and(|ratio| ratio.low >= 1.0 - WITHIN && ratio.high <= 1.0 + WITHIN)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let median = |arm: usize| Median::of(self.p50_ms.iter().map(|round| round[arm])).median;
        let ratio = self
            .ratio
            .map_or_else(|| "not resolved".to_owned(), |of| format!("{:.3} [{:.3}, {:.3}]", of.ratio, of.low, of.high));
        let row = [self.p50_ms.len().to_string(), format!("{:.3}", median(0)), format!("{:.3}", median(1)), ratio];
        let table = Table::new(&[], &["rounds", "pgbench by hand, p50 ms", "lab sql, p50 ms", "lab ÷ by hand"], &[])
            .titled(format!(
                "The median of an update by key, {} a second: PostgreSQL {}, {} processors.\n",
                self.rate, self.postgres.version, self.machine.cpus
            ))
            .rows([row])
            .note("The ratio with its 95 % interval, which must lie within 0.97 and 1.03.");
        write!(f, "{table}")
    }
}

/// Starts a server of its own, measures, and takes it down.
///
/// # Errors
/// When the server or pgbench can't be run.
pub fn run(plan: Plan) -> Result<Outcome, Failure> {
    let cluster = Cluster::find_or_start(&ClusterOptions { careless: false, ..ClusterOptions::ephemeral() })?;
    let folder = tempfile::tempdir().map_err(|error| cannot("make a folder", &error))?;
    // Real for as long as the server lives.
    let password = format!("{:032x}", rand::random::<u128>());
    let url = prepared(cluster.url(), &password)?;
    let program = client_tool("pgbench", &mut Session::connect_uncounted(&url)?)?;
    let workload = workload(folder.path(), plan)?;
    let wanted = Wanted::InPlace { database: DATABASE.to_owned(), beside_others: true };
    let passwords = [(PAYER.to_owned(), password)].into();
    let place = Place::prepare_with(&url, &wanted, &[PAYER.to_owned()], passwords)?;
    let login = place.login(PAYER)?.clone();
    let drive = Drive::new(workload, place, &folder.path().join("lab"))?;
    let by_hand = ByHand { program, login, folder: folder.path().to_owned(), plan };
    let mut p50_ms = Vec::new();
    for round in 0..plan.rounds {
        eprintln!("Round {} of {} …", round + 1, plan.rounds);
        let at = round as usize;
        let lab = || {
            let times = (SETTLE, Duration::from_secs(plan.seconds));
            let driven = drive.cell(&Cell::Alone { service: PAYER.to_owned() }, (at, 0), 1, times)?;
            let answered = driven.cell.services.first().and_then(|of| of.response.get(&Answer::Ok));
            median_ms(answered.and_then(|text| Histogram::decode(text).ok()).as_ref())
        };
        // Another one begins in each.
        let both = if at.is_multiple_of(2) {
            [by_hand.p50_ms(at)?, lab()?]
        } else {
            let lab = lab()?;
            [by_hand.p50_ms(at)?, lab]
        };
        p50_ms.push(both);
    }
    let pairs: Vec<(f64, f64)> = p50_ms.iter().map(|[hand, lab]| (*hand, *lab)).collect();
    Ok(Outcome {
        at: crate::measure::kept::now(),
        machine: machine(),
        postgres: postgres_info(&mut connect_to_ask(&url)?)?,
        rate: plan.rate,
        ratio: paired_ratio(&pairs),
        p50_ms,
    })
}

/// A database with pgbench's tables and the login.
fn prepared(server: &str, password: &str) -> Result<String, Failure> {
    let mut session = Session::connect_uncounted(server)?;
    session.run(&format!("create database {DATABASE}"), "the database")?;
    session.run(&format!("create role {PAYER} login password '{password}'"), "the login")?;
    let at = address(server)?.in_database(DATABASE);
    let program = client_tool("pgbench", &mut session)?;
    let mut command = Command::new(program);
    command.args(["-i", "-q", "-s", "5"]);
    ended(as_login(&mut command, &at))?;
    let url = at.url();
    Session::connect_uncounted(&url)?
        .run(&format!("grant select, update on public.pgbench_accounts to {PAYER}"), "its rights")?;
    Ok(url)
}

/// A file of services has two or more; here nobody else shall run.
fn workload(folder: &Path, plan: Plan) -> Result<SqlWorkload, Failure> {
    let file = folder.join("pay.sql");
    std::fs::write(&file, SCRIPT).map_err(|error| cannot("write a script", &error))?;
    let payer = SqlService {
        login: PAYER.to_owned(),
        rate_per_s: f64::from(plan.rate),
        connections: plan.connections,
        query_mode: QueryMode::Prepared,
        tries: 1,
        p99_limit_ms: None,
        scripts: vec![Script { file, weight: 1 }],
    };
    Ok(SqlWorkload { services: [(PAYER.to_owned(), payer)].into() })
}

/// pgbench as somebody types it.
struct ByHand {
    program: PathBuf,
    login: Address,
    folder: PathBuf,
    plan: Plan,
}

impl ByHand {
    fn p50_ms(&self, round: usize) -> Result<f64, Failure> {
        let Plan { rate, connections, seconds, .. } = self.plan;
        let prefix = self.folder.join(format!("by-hand-{round}"));
        let whole_s = SETTLE.as_secs() + seconds;
        let mut command = Command::new(&self.program);
        command.args(["-n", "-M", "prepared", "-R", &rate.to_string(), "-c", &connections.to_string()]);
        command.args(["-T", &whole_s.to_string(), "-l", "--log-prefix"]).arg(&prefix);
        command.arg("-f").arg(self.folder.join("pay.sql"));
        let started_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        let (id, out) = ended(as_login(&mut command, &self.login))?;
        let log = Log::read([Path::new(&format!("{}.{id}", prefix.display()))])?;
        let connecting_ms = Summary::read(&out).map_or(0.0, |summary| summary.connecting_ms);
        let from_us = started_us + (connecting_ms * 1000.0) as u64 + SETTLE.as_micros() as u64;
        median_ms(log.record(PAYER, &[], from_us, seconds as f64).response.get(&Answer::Ok))
    }
}

/// Its process id and what it printed.
fn ended(command: &mut Command) -> Result<(u32, String), Failure> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.map_err(|error| cannot("start pgbench", &error))?;
    let id = child.id();
    let output = child.wait_with_output().map_err(|error| cannot("wait for pgbench", &error))?;
    if !output.status.success() {
        return Err(Failure::could_not_run(format!("pgbench: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    Ok((id, String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn median_ms(of: Option<&Histogram>) -> Result<f64, Failure> {
    let us = of.and_then(|of| of.quantile_us(0.5));
    us.map(|us| us as f64 / 1000.0).ok_or_else(|| Failure::could_not_run("No transaction was measured."))
}

fn cannot(what: &str, error: &std::io::Error) -> Failure {
    Failure::could_not_run(format!("The benchmark can't {what}: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real pgbench and Postgres; what it shows is a matter of the machine.
    #[test]
    fn both_run_in_turn() {
        let outcome = run(Plan { rounds: 2, seconds: 1, rate: 100, connections: 2 }).unwrap();
        assert_eq!(outcome.p50_ms.len(), 2);
        assert!(outcome.p50_ms.iter().flatten().all(|ms| *ms > 0.0), "{outcome:?}");
        assert!(outcome.to_string().contains("lab ÷ by hand"));
        let ratio = |low, high| Some(Estimate { ratio: 1.0, low, high, p: 0.5, replicates: 9 });
        assert!(Outcome { ratio: ratio(0.98, 1.02), ..outcome.clone() }.is_good());
        assert!(!Outcome { ratio: ratio(0.96, 1.02), ..outcome.clone() }.is_good());
        assert!(!Outcome { ratio: None, ..outcome }.is_good());
    }
}
