//! `lab sql`: who slows whom in a database of one's own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::common::{Format, interruptible, print, print_line};
use super::experiment::{Threshold, check_thresholds, end};
use crate::Failure;
use crate::design::Preset;
use crate::report;
use crate::result::attachments;
use crate::sql::{self, InitOptions, SqlOptions, SqlWorkload, Wanted};

/// Measure who slows whom in any database: services are logins with scripts of pgbench, by default on a copy.
#[derive(Debug, Args)]
pub(super) struct SqlArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Measure each service alone, each pair, and all together.
    Run(RunArgs),
    /// Run each script once, on a copy that is dropped, and show the rows and the plan of each of its statements.
    Check(CheckArgs),
    /// Write a workload file from what pg_stat_statements has counted.
    Init(InitArgs),
}

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SqlPreset {
    /// 2 s × 3 replicates: only shows that everything runs
    Smoke,
    /// 8 s × 4 replicates: median and share above the own p95; five minutes for three services
    Quick,
    /// 30 s × 10 replicates: p95 and the share above the own p99 too
    Standard,
    /// As standard × 20: p99 too
    Full,
}

impl SqlPreset {
    fn preset(self) -> Preset {
        match self {
            Self::Smoke => Preset::Smoke,
            Self::Quick => Preset::Quick,
            Self::Standard => Preset::Standard,
            Self::Full => Preset::Full,
        }
    }
}

/// Which database.
#[derive(Debug, Args)]
struct DatabaseArgs {
    /// The database, without a password: put that into ~/.pgpass or a service file [default: DATABASE_URL, then PGHOST, PGDATABASE, …]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example, on a copy (benches/data/sql/pgbench: a payer, a reporter and a migration on pgbench's tables):
  createdb shop && pgbench -i -s 10 shop && psql shop -f benches/data/sql/pgbench/roles.sql
  lab sql run benches/data/sql/pgbench/workload.toml --database-url postgresql:///shop
Exit code 1 where a p99 limit of the file or a bound of --fail-on is exceeded, 2 where the run is refused (then nothing is left).")]
struct RunArgs {
    /// The workload file: see docs/LAB.md
    workload: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Run in this very database, not on a copy: its name once more
    #[arg(long, value_name = "DATABASE")]
    in_place: Option<String>,
    /// With --in-place: although others are connected to the server; the report names them
    #[arg(long, requires = "in_place")]
    beside_others: bool,
    /// How much to measure, and so what can be concluded
    #[arg(long, value_enum, default_value = "quick")]
    preset: SqlPreset,
    /// Seed of schedules, drawn values and the order of cells
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Results folder; the run makes a new folder in it
    #[arg(long, default_value = "results", value_name = "DIR", value_parser = attachments::folder)]
    results: PathBuf,
    /// End with exit code 1 where a slowdown is above a bound, as for `lab run`: `pay<-report.p50>2` (repeatable)
    #[arg(long, value_name = "SERVICE<-OTHER.METRIC>RATIO")]
    fail_on: Vec<Threshold>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The workload file
    workload: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct InitArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The folder to write into
    #[arg(long, default_value = "sql", value_name = "DIR")]
    out: PathBuf,
}

impl DatabaseArgs {
    /// # Errors
    /// Where the URL on the command line holds a password: everybody on the machine can read it there.
    fn url(&self) -> Result<String, Failure> {
        let set = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        let Some(url) = &self.database_url else {
            return Ok(set.unwrap_or_else(|| "postgresql://".to_owned()));
        };
        let Ok(bare) = url::Url::parse(url) else {
            return Ok(url.clone());
        };
        if bare.password().is_some() || bare.query_pairs().any(|(name, _)| name == "password") {
            return Err(Failure::usage(
                "A password on the command line can be read by everybody on this machine: put it into ~/.pgpass (PGPASSFILE) or a service file.",
            ));
        }
        Ok(url.clone())
    }
}

/// Runs, checks or writes.
pub(super) fn measure(args: &SqlArgs) -> Result<ExitCode, Failure> {
    match &args.what {
        What::Run(args) => run(args),
        What::Check(args) => {
            let checked = sql::check(&args.workload, &args.database.url()?)?;
            print(args.format, &checked.to_string(), &checked);
            Ok(ExitCode::from(u8::from(!checked.works())))
        }
        What::Init(args) => {
            print_line(sql::init(&InitOptions { url: args.database.url()?, out: args.out.clone() })?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let stop = interruptible()?;
    let services: Vec<String> = SqlWorkload::read(&args.workload)?.services.into_keys().collect();
    // Every preset of this command has the pairs of this one.
    check_thresholds(&args.fail_on, Preset::Quick, &services)?;
    let options = SqlOptions {
        workload: args.workload.clone(),
        url: args.database.url()?,
        wanted: match &args.in_place {
            Some(database) => Wanted::InPlace { database: database.clone(), beside_others: args.beside_others },
            None => Wanted::Copy,
        },
        preset: args.preset.preset(),
        seed: args.seed,
        results: args.results.clone(),
    };
    let folder = sql::run(&options, &stop)?;
    let keeps_limits = report::sql_in(&folder).is_none_or(|of| of.outcome.keeps_limits());
    let code = end(folder, args.format, &args.fail_on)?;
    Ok(if code == ExitCode::SUCCESS && !keeps_limits { ExitCode::from(1) } else { code })
}
