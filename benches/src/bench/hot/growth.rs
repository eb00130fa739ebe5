//! `lab bench growth`: the same requests on ever larger data.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::figures::{Cell, Memory};
use super::load::{Kind, Requests};
use super::stage::{Arm, Stage};
use super::yardstick::{self, Yardstick};
use super::{Rounds, spread, turn};
use crate::Failure;
use crate::bench::month_end;
use crate::bench::spread::Spread;
use crate::data::Size;
use crate::observe::cpu::machine;
use crate::result::{Machine, PostgresInfo};

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
    pub read_p50_ms: Spread,
    /// Read, list and create beside pgbench.
    pub cells: Vec<Cell>,
    /// Milliseconds of the first page of five of the largest organisation.
    pub first_page_p50_ms: Spread,
    /// Of the ten-thousandth, where there is one.
    pub deep_page_p50_ms: Option<Spread>,
    /// The one by the other, in each round.
    pub deep_by_first_page: Option<Spread>,
    /// Milliseconds of a month's invoices for all organisations, snapshot included.
    pub month_end_ms: Spread,
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
    pub read_p50_million_by_hundred_thousand: Option<Spread>,
    /// Smallest first, as asked for.
    pub rows: Vec<Row>,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ratio = |of: Option<Spread>| {
            of.map_or_else(|| "-".to_owned(), |of| format!("{:.2} [{:.2}, {:.2}]", of.median, of.low, of.high))
        };
        for row in &self.rows {
            writeln!(
                f,
                "{} APIs of {} organisations, {} MiB, made in {:.0} s; Registry {:.0} MiB at rest, {:.0} MiB at most",
                row.apis,
                row.organisations,
                row.database_bytes >> 20,
                row.made_in_s,
                row.memory.rest_mib,
                row.memory.peak_mib
            )?;
            super::figures::write(f, &row.cells)?;
            let deep = row.deep_page_p50_ms.map(|deep| deep.median);
            writeln!(
                f,
                "page 1: p50 {:.3} ms; page 10,000: {}; ratio {}; month-end {:.0} ms [{:.0}, {:.0}]\n",
                row.first_page_p50_ms.median,
                deep.map_or_else(|| "none".to_owned(), |ms| format!("p50 {ms:.3} ms")),
                ratio(row.deep_by_first_page),
                row.month_end_ms.median,
                row.month_end_ms.low,
                row.month_end_ms.high
            )?;
        }
        write!(f, "read p50 at 1,000,000 ÷ at 100,000: {}", ratio(self.read_p50_million_by_hundred_thousand))
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
        Spread { median: much.median / less.median, low: much.low / less.high, high: much.high / less.low }
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
    let stage = Stage::start(size, plan.release)?;
    let arm = stage.registry("registry", &[])?;
    let made_in_s = begun.elapsed().as_secs_f64();
    let length = Duration::from_secs(plan.seconds);
    let deep = deep_cursor(&stage, &arm)?;
    eprintln!("Warming up …");
    turn(&stage, &arm, Kind::Read, 16, Duration::from_secs(5))?;
    let yardsticks = CELLS
        .iter()
        .map(|(kind, _)| {
            let scripts = super::scripts::scripts(*kind, size, super::SEED);
            Yardstick::of(&stage, kind.name(), yardstick::login(*kind), &scripts)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut rounds: [Rounds; CELLS.len()] = Default::default();
    let (mut first, mut far) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        eprintln!("Round {} of {} …", round + 1, plan.rounds);
        for (((kind, connections), yardstick), rounds) in CELLS.iter().zip(&yardsticks).zip(&mut rounds) {
            for &connections in *connections {
                rounds.served(0, connections, turn(&stage, &arm, *kind, connections, length)?);
                rounds.yard(1, connections, yardstick.run(connections, plan.seconds)?);
            }
        }
        first.push(page(&stage, &arm, None, length)?);
        if let Some(cursor) = &deep {
            far.push(page(&stage, &arm, Some(cursor), length)?);
        }
    }
    let alone = rounds[0].arms.get(&(0, 1)).map_or(&[][..], Vec::as_slice);
    let read_p50_ms = spread(alone, |turn| turn.p50_ms);
    let mut cells = Vec::new();
    for ((kind, _), rounds) in CELLS.iter().zip(&rounds) {
        for mut cell in rounds.cells(std::slice::from_ref(&arm)) {
            cell.arm = format!("registry, {}", kind.name());
            cells.push(cell);
        }
    }
    let pages: Vec<f64> = far.iter().zip(&first).map(|(far, first)| far / first).collect();
    let some = |values: &[f64]| (!values.is_empty()).then(|| Spread::of(values));
    let bytes = stage
        .superuser()?
        .query_one("select pg_database_size(current_database())", &[])
        .map_err(|error| crate::data::failed("asking for the size", &error))?;
    let row = Row {
        apis: size.apis,
        organisations: size.organisations,
        database_bytes: bytes.get(0),
        made_in_s,
        read_p50_ms,
        cells,
        first_page_p50_ms: Spread::of(&first),
        deep_page_p50_ms: some(&far),
        deep_by_first_page: some(&pages),
        memory: super::held(&arm),
        month_end_ms: Spread::of(&months(&stage, plan.rounds)?),
    };
    Ok((row, stage.server()?))
}

/// Milliseconds at p50 of one page of the largest organisation.
fn page(stage: &Stage, arm: &Arm, cursor: Option<&str>, length: Duration) -> Result<f64, Failure> {
    let of = &stage.data().organisations[0];
    let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let path = format!("/apis?limit={PAGE}{after}");
    let mut ask = |out: &mut Vec<u8>| Requests::get(out, of, &path);
    super::closed::run(arm.address, 1, Duration::from_millis(300), length, &mut ask, (&mut || (), &mut || ()))
        .map(|seen| seen.ms(0.5))
        .map_err(|error| Failure::could_not_run(format!("The driver can't run: {error}.")))
}

/// Walks down the largest organisation's list; none where it is too short.
fn deep_cursor(stage: &Stage, arm: &Arm) -> Result<Option<String>, Failure> {
    let of = &stage.data().organisations[0];
    let base = format!("http://{}/api/v1/organisations/{}/apis?limit=200", arm.address, of.id);
    let token = of.token.to_str().unwrap_or_default();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGE * (DEEP - 1) / 200 {
        let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let failed = |error: ureq::Error| Failure::could_not_run(format!("Walking down a list: {error}."));
        let mut answer = ureq::get(format!("{base}{after}")).header("authorization", token).call().map_err(failed)?;
        let body: Value = answer.body_mut().read_json().map_err(failed)?;
        let Some(next) = body["nextCursor"].as_str() else {
            return Ok(None);
        };
        cursor = Some(next.to_owned());
    }
    Ok(cursor)
}

/// Starts Billing and has it bill so many months, at most five: milliseconds of each, snapshot and invoices.
fn months(stage: &Stage, most: u32) -> Result<Vec<f64>, Failure> {
    let deployment = &stage.deployment;
    deployment.start_service("billing")?;
    // The newest two are left out: the last month's run may begin by itstage.
    let months = (2..2 + most.min(5)).map(|back| {
        let taken = month_end::bill(deployment, stage.superuser()?, back)?;
        Ok(taken.as_secs_f64() * 1000.0)
    });
    months.collect()
}
