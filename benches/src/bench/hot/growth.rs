//! `lab bench growth`: the same requests on ever larger data.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::figures::{Cell, Memory};
use super::requests::Kind;
use super::rounds::{Rounds, median};
use super::scripts::scripts;
use super::statements::Recorder;
use super::system::{Arm, System};
use super::turn::{alone, ask, turn};
use super::yardstick::Yardstick;
use crate::Failure;
use crate::bench::month_end;
use crate::data::{Size, failed};
use crate::load::driver::Call;
use crate::observe::machine;
use crate::result::{Machine, PostgresInfo};
use crate::stats::Median;
use crate::system::Site;

/// Items of a page.
const PAGE: u32 = 5;
/// The page that is far down the list.
const DEEP: u32 = 10_000;

/// How it is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// APIs of each data set.
    pub apis: Vec<u64>,
    /// Rounds on each.
    pub rounds: u32,
    /// Seconds of each cell.
    pub seconds: u64,
    /// Services as they are built for load.
    pub release: bool,
}

/// One size.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// APIs.
    pub apis: u64,
    /// Organisations.
    pub organisations: u64,
    /// Bytes of the database.
    pub database_bytes: i64,
    /// Seconds that making the data and starting everything took.
    pub made_in_s: f64,
    /// Milliseconds of one API's read, one connection: the rounds' medians of p50.
    pub read_p50_ms: Median,
    /// Read, list and create beside pgbench.
    pub cells: Vec<Cell>,
    /// Milliseconds of the first page of five of the largest organisation.
    pub first_page_p50_ms: Median,
    /// Of the ten-thousandth, where there is one.
    pub deep_page_p50_ms: Option<Median>,
    /// The one by the other, in each round.
    pub deep_by_first_page: Option<Median>,
    /// Milliseconds of a month's invoices for all organisations, snapshot included.
    pub month_end_ms: Median,
    /// What Registry held.
    pub memory: Memory,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// RFC 3339.
    pub at: String,
    /// What the ratios are to.
    pub yardstick: &'static str,
    /// On what.
    pub machine: Machine,
    /// With which server.
    pub postgres: PostgresInfo,
    /// Rounds on each size.
    pub rounds: u32,
    /// Seconds of each cell.
    pub seconds: u64,
    /// p50 of the read at 1,000,000 APIs by that at 100,000; the interval is as wide as theirs allow.
    pub read_p50_million_by_hundred_thousand: Option<Median>,
    /// Smallest first, as asked for.
    pub rows: Vec<Row>,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let or_none = |of: Option<Median>| of.map_or_else(|| "none".to_owned(), |of| of.to_string());
        for row in &self.rows {
            writeln!(
                f,
                "{} APIs of {} organisations, {} MiB, made in {:.0} s; Registry {:.0} MiB at rest, {:.0} MiB at most\n",
                row.apis,
                row.organisations,
                row.database_bytes >> 20,
                row.made_in_s,
                row.memory.rest_mib,
                row.memory.peak_mib
            )?;
            write!(f, "{}", super::figures::table(&row.cells))?;
            let deep = row.deep_page_p50_ms.map_or_else(|| "none".to_owned(), |ms| format!("p50 {:.3} ms", ms.median));
            writeln!(
                f,
                "page 1: p50 {:.3} ms; page 10,000: {deep}; ratio {}; month-end {:.0} ms\n",
                row.first_page_p50_ms.median,
                or_none(row.deep_by_first_page),
                row.month_end_ms
            )?;
        }
        write!(f, "read p50 at 1,000,000 ÷ at 100,000: {}", or_none(self.read_p50_million_by_hundred_thousand))
    }
}

/// One size after the other, each on a system of its own.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    let (mut rows, mut postgres) = (Vec::new(), None);
    for &apis in &plan.apis {
        let (row, info) = measure(plan, super::size(apis))?;
        rows.push(row);
        postgres = Some(info);
    }
    let postgres = postgres.ok_or_else(|| Failure::usage("There is no size to measure."))?;
    let at = |apis| rows.iter().find(|row: &&Row| row.apis == apis);
    let growth = at(1_000_000).zip(at(100_000)).map(|(much, less)| {
        let (much, less) = (much.read_p50_ms, less.read_p50_ms);
        Median { median: much.median / less.median, low: much.low / less.high, high: much.high / less.low }
    });
    Ok(Outcome {
        at: crate::measure::kept::now(),
        yardstick: super::YARDSTICK,
        machine: machine(),
        postgres,
        rounds: plan.rounds,
        seconds: plan.seconds,
        read_p50_million_by_hundred_thousand: growth,
        rows,
    })
}

/// What is asked for at each size, at how many connections.
const CELLS: [(Kind, &[usize]); 3] = [(Kind::Read, &[1, 16]), (Kind::List, &[1]), (Kind::Create, &[16])];

fn measure(plan: &Plan, size: Size) -> Result<(Row, PostgresInfo), Failure> {
    let begun = Instant::now();
    let system = System::start(size, plan.release)?;
    let arm = system.registry("registry", &[])?;
    let made_in_s = begun.elapsed().as_secs_f64();
    let length = Duration::from_secs(plan.seconds);
    let deep = deep_cursor(&system, &arm)?;
    eprintln!("Warming up …");
    turn(&system, &arm, Kind::Read, 16, Duration::from_secs(5))?;
    let mut recorder = Recorder::start(&system)?;
    let yardsticks = CELLS
        .iter()
        .map(|(kind, _)| Yardstick::of(&system, kind.name(), kind.login(), &scripts(&mut recorder, *kind, size)?))
        .collect::<Result<Vec<_>, _>>()?;
    drop(recorder);
    let mut seen = Seen::default();
    for round in 0..plan.rounds {
        eprintln!("Round {} of {} …", round + 1, plan.rounds);
        for (((kind, connections), yardstick), rounds) in CELLS.iter().zip(&yardsticks).zip(&mut seen.rounds) {
            for &connections in *connections {
                rounds.served(0, connections, turn(&system, &arm, *kind, connections, length)?);
                rounds.yardstick(1, connections, yardstick.run(connections, plan.seconds)?);
            }
        }
        seen.first_page_ms.push(page(&system, &arm, None, length)?);
        if let Some(cursor) = &deep {
            seen.deep_page_ms.push(page(&system, &arm, Some(cursor), length)?);
        }
    }
    let bytes = system
        .deployment
        .superuser()?
        .query_one("select pg_database_size(current_database())", &[])
        .map_err(|error| failed("reading the database's size", &error))?;
    let ratios = seen.deep_page_ms.iter().zip(&seen.first_page_ms).map(|(deep, first)| deep / first);
    let row = Row {
        apis: size.apis,
        organisations: size.organisations,
        database_bytes: bytes.get(0),
        made_in_s,
        read_p50_ms: median(seen.rounds[0].of(0, 1), |turn| turn.p50_ms),
        cells: seen.cells(&arm),
        first_page_p50_ms: Median::of(seen.first_page_ms.iter().copied()),
        deep_page_p50_ms: deep.is_some().then(|| Median::of(seen.deep_page_ms.iter().copied())),
        deep_by_first_page: deep.is_some().then(|| Median::of(ratios)),
        memory: super::held(&arm),
        month_end_ms: Median::of(months(&system, plan.rounds)?),
    };
    Ok((row, system.deployment.postgres_info()?))
}

/// What the rounds of one size showed.
#[derive(Default)]
struct Seen {
    rounds: [Rounds; CELLS.len()],
    first_page_ms: Vec<f64>,
    deep_page_ms: Vec<f64>,
}

impl Seen {
    fn cells(&self, arm: &Arm) -> Vec<Cell> {
        let mut all = Vec::new();
        for ((kind, _), rounds) in CELLS.iter().zip(&self.rounds) {
            let named = |cell| Cell { arm: format!("registry, {}", kind.name()), ..cell };
            all.extend(rounds.cells(std::slice::from_ref(arm)).into_iter().map(named));
        }
        all
    }
}

/// So many APIs of the largest organisation, from the place that a cursor marks on.
fn list(system: &System, arm: &Arm, limit: u32, cursor: Option<&str>) -> Result<Call, Failure> {
    let of = &system.deployment.data().organisations[0];
    let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let url = format!("{}/api/v1/organisations/{}/apis?limit={limit}{after}", arm.url(), of.id);
    let url = url.parse().map_err(|error| Failure::could_not_run(format!("{url} is no URL: {error}.")))?;
    Ok(Call::get(url, Some(of.token.clone())))
}

/// Milliseconds at p50 of one page of the largest organisation.
fn page(system: &System, arm: &Arm, cursor: Option<&str>, length: Duration) -> Result<f64, Failure> {
    let call = list(system, arm, PAGE, cursor)?;
    Ok(alone(arm, length, &mut || call.clone())?.ms(0.5))
}

/// Walks down the largest organisation's list; none where it is too short.
fn deep_cursor(system: &System, arm: &Arm) -> Result<Option<String>, Failure> {
    let mut cursor: Option<String> = None;
    for _ in 0..PAGE * (DEEP - 1) / 200 {
        let body = ask(&list(system, arm, 200, cursor.as_deref())?)?;
        let Some(next) = body["nextCursor"].as_str() else {
            return Ok(None);
        };
        cursor = Some(next.to_owned());
    }
    Ok(cursor)
}

/// Starts Billing and has it bill so many months, at most five: milliseconds of each, snapshot and invoices.
fn months(system: &System, most: u32) -> Result<Vec<f64>, Failure> {
    system.deployment.start_service("billing")?;
    // The newest two are left out: the last month's run may begin by itself.
    let months = (2..2 + most.min(5)).map(|back| {
        let taken = month_end::bill(&system.deployment, system.deployment.superuser()?, back)?;
        Ok(taken.as_secs_f64() * 1000.0)
    });
    months.collect()
}
