//! `lab bench growth`: the same requests on ever larger data.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::figures::Spread;
use super::load::{Kind, Requests};
use super::stage::{Arm, Stage};
use super::{spread, turn};
use crate::Failure;
use crate::dataset::Size;
use crate::observe::cpu::machine;
use crate::result::Machine;

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
    /// Milliseconds of one API's read, one connection: the rounds' medians of p50.
    pub read_p50_ms: Spread,
    /// Reads in a second, 16 connections.
    pub reads_per_s: Spread,
    /// Milliseconds of a list's first 50, one connection.
    pub list_p50_ms: Spread,
    /// Creates in a second across organisations, 16 connections.
    pub creates_per_s: Spread,
    /// Milliseconds of the first page of five of the largest organisation.
    pub first_page_p50_ms: Spread,
    /// Of the ten-thousandth, where there is one.
    pub deep_page_p50_ms: Option<Spread>,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// RFC 3339.
    pub at: String,
    /// On what.
    pub machine: Machine,
    /// Smallest first, as asked for.
    pub rows: Vec<Row>,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{:>10}{:>8}{:>9}{:>13}{:>10}{:>13}{:>11}{:>15}{:>15}{:>8}",
            "APIs",
            "orgs",
            "MiB",
            "read p50 ms",
            "reads/s",
            "list p50 ms",
            "creates/s",
            "page 1 p50 ms",
            "page 10000",
            "ratio"
        )?;
        for row in &self.rows {
            let deep = row.deep_page_p50_ms.map(|deep| deep.median);
            let text = |value: Option<f64>, digits| {
                value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
            };
            writeln!(
                f,
                "{:>10}{:>8}{:>9}{:>13.3}{:>10.0}{:>13.3}{:>11.0}{:>15.3}{:>15}{:>8}",
                row.apis,
                row.organisations,
                row.database_bytes >> 20,
                row.read_p50_ms.median,
                row.reads_per_s.median,
                row.list_p50_ms.median,
                row.creates_per_s.median,
                row.first_page_p50_ms.median,
                text(deep, 3),
                text(deep.map(|deep| deep / row.first_page_p50_ms.median), 2)
            )?;
        }
        Ok(())
    }
}

/// One size after the other, each on a system of its own.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    let mut rows = Vec::new();
    for &apis in &plan.apis {
        rows.push(measure(plan, super::size(apis))?);
    }
    Ok(Outcome {
        at: chrono::Utc::now().to_rfc3339(),
        machine: machine(),
        rows,
    })
}

fn measure(plan: &Plan, size: Size) -> Result<Row, Failure> {
    let stage = Stage::start(size, plan.release)?;
    let arm = stage.registry("registry", &[])?;
    let length = Duration::from_secs(plan.seconds);
    let deep = deep_cursor(&stage, &arm)?;
    eprintln!("Warming up …");
    turn(&stage, &arm, Kind::Read, 16, Duration::from_secs(5))?;
    let mut seen: [Vec<f64>; 6] = Default::default();
    for _ in 0..plan.rounds {
        let alone = turn(&stage, &arm, Kind::Read, 1, length)?;
        let many = turn(&stage, &arm, Kind::Read, 16, length)?;
        let list = turn(&stage, &arm, Kind::List, 1, length)?;
        let create = turn(&stage, &arm, Kind::Create, 16, length)?;
        seen[0].push(alone.p50_ms);
        seen[1].push(many.per_s);
        seen[2].push(list.p50_ms);
        seen[3].push(create.per_s);
        seen[4].push(page(&stage, &arm, None, length)?);
        if let Some(cursor) = &deep {
            seen[5].push(page(&stage, &arm, Some(cursor), length)?);
        }
    }
    let bytes = stage
        .superuser()?
        .query_one("select pg_database_size(current_database())", &[])
        .map_err(|error| crate::dataset::failed("asking for the size", &error))?;
    let [read, reads, list, creates, first, far] =
        seen.map(|values| spread(&values, |value| *value));
    Ok(Row {
        apis: size.apis,
        organisations: size.organisations,
        database_bytes: bytes.get(0),
        read_p50_ms: read,
        reads_per_s: reads,
        list_p50_ms: list,
        creates_per_s: creates,
        first_page_p50_ms: first,
        deep_page_p50_ms: deep.map(|_| far),
    })
}

/// Milliseconds at p50 of one page of the largest organisation.
fn page(stage: &Stage, arm: &Arm, cursor: Option<&str>, length: Duration) -> Result<f64, Failure> {
    let of = &stage.data().organisations[0];
    let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let path = format!("/apis?limit={PAGE}{after}");
    let mut ask = |out: &mut Vec<u8>| Requests::get(out, of, &path);
    super::closed::run(
        arm.address,
        1,
        Duration::from_millis(300),
        length,
        &mut ask,
        (&mut || (), &mut || ()),
    )
    .map(|seen| seen.ms(0.5))
    .map_err(|error| Failure::could_not_run(format!("The driver can't run: {error}.")))
}

/// Walks down the largest organisation's list; none where it is too short.
fn deep_cursor(stage: &Stage, arm: &Arm) -> Result<Option<String>, Failure> {
    let of = &stage.data().organisations[0];
    let base = format!(
        "http://{}/api/v1/organisations/{}/apis?limit=200",
        arm.address, of.id
    );
    let token = of.token.to_str().unwrap_or_default();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGE * (DEEP - 1) / 200 {
        let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let failed =
            |error: ureq::Error| Failure::could_not_run(format!("Walking down a list: {error}."));
        let mut answer = ureq::get(format!("{base}{after}"))
            .header("authorization", token)
            .call()
            .map_err(failed)?;
        let body: Value = answer.body_mut().read_json().map_err(failed)?;
        let Some(next) = body["nextCursor"].as_str() else {
            return Ok(None);
        };
        cursor = Some(next.to_owned());
    }
    Ok(cursor)
}
