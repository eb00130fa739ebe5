//! `lab bench decisions`: what three decisions of the design cost a statement (docs/adr/0001 to 0003), with each of them and
//! without.
//!
//! pgbench runs the service's statement as the service's login. With and without take turns, the first of a round being the
//! other one in the next; a ratio is formed inside its round.

use std::time::Duration;

use schema::ApplyOptions;
use serde::Serialize;

use super::requests::{Kind, READER, WRITER};
use super::rounds::median;
use super::scripts::{self, Script};
use super::statements::Recorder;
use super::system::System;
use super::turn::turn;
use super::yardstick::Yardstick;
use crate::Failure;
use crate::data::{Size, failed};
use crate::observe::machine;
use crate::observe::process::private_mib;
use crate::result::{Machine, PostgresInfo, Table};
use crate::stats::Median;

/// How it is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The data set.
    pub size: Size,
    /// Rounds; in each every statement runs with and without.
    pub rounds: u32,
    /// Seconds of each.
    pub seconds: u64,
    /// pgbench's clients.
    pub clients: usize,
    /// Services as they are built for load.
    pub release: bool,
}

/// One decision.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Its record's number and what was decided.
    pub decision: &'static str,
    /// What pays for it.
    pub statement: &'static str,
    /// Statements in a second with it.
    pub with_per_s: Median,
    /// Without it.
    pub without_per_s: Median,
    /// With ÷ without; below 1 is the price.
    pub ratio: Median,
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
    /// APIs in the data set.
    pub apis: u64,
    /// Organisations.
    pub organisations: u64,
    /// Rounds.
    pub rounds: u32,
    /// Seconds of each cell.
    pub seconds: u64,
    /// pgbench's clients.
    pub clients: usize,
    /// The decisions.
    pub prices: Vec<Price>,
    /// Sessions of Registry's second pool, the readers'.
    pub reader_sessions: usize,
    /// Memory that belongs to one of them alone after a second of load, in MiB; none where /proc doesn't say.
    pub reader_session_mib: Option<Median>,
}

/// One side of a comparison: statements in a second.
type Side<'a> = &'a dyn Fn() -> Result<f64, Failure>;

/// With a decision and without it.
struct Pair<'a> {
    decision: &'static str,
    statement: &'static str,
    sides: [Side<'a>; 2],
}

/// Starts a system, measures, and takes it down.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    let system = System::start(plan.size, plan.release)?;
    let (reader_sessions, reader_session_mib) = second_pool(&system)?;
    let of = |name, login, scripts: &[Script]| Yardstick::of(&system, name, login, scripts);
    let mut recorder = Recorder::start(&system)?;
    let read = scripts::scripts(&mut recorder, Kind::Read, plan.size)?;
    let create = scripts::scripts(&mut recorder, Kind::Create, plan.size)?;
    drop(recorder);
    let without_change = create.iter().map(scripts::without_change).collect::<Result<Vec<_>, _>>()?;
    let reader = of("read-by-reader", READER, &read)?;
    let writer = of("read-by-writer", WRITER, &read)?;
    let create_with = of("create", WRITER, &create)?;
    let create_without_change = of("create-without-change", WRITER, &without_change)?;
    let run = |yardstick: &Yardstick| Ok(yardstick.run(plan.clients, plan.seconds)?.per_s);
    let without_keys = || {
        cross_keys(&system, false)?;
        let seen = run(&create_with);
        cross_keys(&system, true)?;
        seen
    };
    let pairs = [
        Pair {
            decision: "0001 keys into other services' tables",
            statement: "create an API",
            sides: [&|| run(&create_with), &without_keys],
        },
        Pair {
            decision: "0002 reads by a login that can't write",
            statement: "read an API",
            sides: [&|| run(&reader), &|| run(&writer)],
        },
        Pair {
            decision: "0003 a row for the change feed",
            statement: "create an API",
            sides: [&|| run(&create_with), &|| run(&create_without_change)],
        },
    ];
    Ok(Outcome {
        at: crate::measure::kept::now(),
        machine: machine(),
        postgres: system.deployment.postgres_info()?,
        apis: plan.size.apis,
        organisations: plan.size.organisations,
        rounds: plan.rounds,
        seconds: plan.seconds,
        clients: plan.clients,
        prices: prices(&pairs, plan.rounds)?,
        reader_sessions,
        reader_session_mib,
    })
}

fn prices(pairs: &[Pair], rounds: u32) -> Result<Vec<Price>, Failure> {
    let mut seen = vec![Vec::new(); pairs.len()];
    for round in 0..rounds {
        eprintln!("Round {} of {rounds} …", round + 1);
        for (pair, seen) in pairs.iter().zip(&mut seen) {
            let [with, without] = pair.sides;
            seen.push(if round % 2 == 0 {
                [with()?, without()?]
            } else {
                let without = without()?;
                [with()?, without]
            });
        }
    }
    let price = |(pair, seen): (&Pair, &Vec<[f64; 2]>)| Price {
        decision: pair.decision,
        statement: pair.statement,
        with_per_s: median(seen, |[with, _]| *with),
        without_per_s: median(seen, |[_, without]| *without),
        ratio: median(seen, |[with, without]| with / without),
    };
    Ok(pairs.iter().zip(&seen).map(price).collect())
}

/// Makes or drops the keys as `dba apply` does, with and without `--without-cross-keys`.
fn cross_keys(system: &System, wanted: bool) -> Result<(), Failure> {
    let options = ApplyOptions {
        without_cross_keys: !wanted,
        // Raised for pgbench's clients.
        connection_limits: false,
        ..ApplyOptions::default()
    };
    let report = schema::apply(&system.deployment.login_url("govrnanza_admin")?, &options)
        .map_err(|error| Failure::could_not_run(format!("{error}.")))?;
    if report.keys.is_empty() {
        return Err(Failure::could_not_run("No key across services was made or dropped: there is nothing to compare."));
    }
    Ok(())
}

/// The readers' sessions that one more Registry opens, and what one holds alone after a second of reads.
fn second_pool(system: &System) -> Result<(usize, Option<Median>), Failure> {
    let before = readers(system)?;
    let arm = system.registry("registry", &[])?;
    turn(system, &arm, Kind::Read, 16, Duration::from_secs(1))?;
    let mut own = readers(system)?;
    own.retain(|pid| !before.contains(pid));
    let held: Option<Vec<f64>> = own.iter().map(|pid| private_mib(*pid)).collect();
    Ok((own.len(), held.map(Median::of)))
}

/// Process ids.
fn readers(system: &System) -> Result<Vec<i32>, Failure> {
    let rows = system
        .deployment
        .superuser()?
        .query("select pid from pg_catalog.pg_stat_activity where usename = $1", &[&READER]);
    let rows = rows.map_err(|error| failed("looking for Registry's sessions", &error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "What a decision costs: pgbench -M prepared, {} clients, {} APIs of {} organisations; {} rounds of {} s; \
             PostgreSQL {}, {} processors.\n",
            self.clients,
            self.apis,
            self.organisations,
            self.rounds,
            self.seconds,
            self.postgres.version,
            self.machine.cpus
        )?;
        let row = |price: &Price| {
            let per_s = |of: Median| format!("{:.0}", of.median);
            let words = [price.decision, price.statement].map(str::to_owned);
            let [decision, statement] = words;
            [decision, statement, per_s(price.with_per_s), per_s(price.without_per_s), price.ratio.to_string()]
        };
        let numbers = ["with /s", "without /s", "with ÷ without"];
        let table = Table::new(&["decision", "statement"], &numbers, &[]).rows(self.prices.iter().map(row));
        write!(f, "{table}")?;
        write!(f, "\n0002: the second pool has {} sessions", self.reader_sessions)?;
        match self.reader_session_mib {
            Some(of) => {
                write!(f, " of {of:.1} MiB each, which no other process shares.")
            }
            None => write!(f, "; what each holds can't be read here."),
        }
    }
}
