//! `lab sql`: who slows whom in a database of one's own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::common::{Format, interruptible, positive, print, print_line};
use super::experiment::{Threshold, check_thresholds, end};
use crate::Failure;
use crate::design::Preset;
use crate::report;
use crate::result::attachments;
use crate::sql::{self, Harm, InitOptions, KneeOptions, SqlOptions, SqlWorkload, Wanted};

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
    /// Raise the rates on a copy until a p99 passes its limit, each service alone and all in proportion, and say what stops it.
    Knee(KneeArgs),
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

/// How much of it is copied.
#[derive(Debug, Args)]
struct SampleArgs {
    /// Copy at most so many rows of each table, with all rows that these refer to: for a large database, such as `--sample 100000`
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
}

const EXAMPLES: &str = "\
Examples, on a copy (benches/data/sql/pgbench: a payer, a reporter and a migration on pgbench's tables):
  createdb shop && pgbench -i -s 10 shop && psql shop -f benches/data/sql/pgbench/roles.sql
  lab sql run benches/data/sql/pgbench/workload.toml --database-url postgresql:///shop
  lab sql run … --fail-on payer:p50:2x                                    a bound for continuous integration
  lab sql run … --try index.sql --undo drop-index.sql                     a remedy, with and without it in the same run
  lab sql run … --with held-row:public.pgbench_branches                   a known harm as one more service
  lab sql run … --sample 100000                                           a copy of some rows of a large database
  lab sql run … --in-place shop                                           in the database itself
Exit code 1 where a p99 limit of the file or a bound of --fail-on is exceeded, 2 where the run is refused (then nothing is left).

";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES.to_owned() + &sql::harms())]
struct RunArgs {
    /// The workload file: see docs/LAB.md
    workload: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Run in this very database, not on a copy: its name once more
    #[arg(long, value_name = "DATABASE", conflicts_with = "sample")]
    in_place: Option<String>,
    /// With --in-place: although others are connected to the server; the report names them
    #[arg(long, requires = "in_place", conflicts_with_all = ["remedy", "harm"])]
    beside_others: bool,
    #[command(flatten)]
    sample: SampleArgs,
    /// A remedy: SQL that each second block of cells runs with. It may change nothing outside the copy: for a setting write `alter role payer in database :"DBNAME" set …`
    #[arg(long = "try", value_name = "FILE", requires = "undo")]
    remedy: Option<PathBuf>,
    /// SQL that undoes the remedy; what is defined must then be what it was before
    #[arg(long, value_name = "FILE", requires = "remedy")]
    undo: Option<PathBuf>,
    /// A known harm as one more service; they are listed below
    #[arg(long = "with", value_name = "HARM")]
    harm: Option<Harm>,
    /// How much to measure, and so what can be concluded
    #[arg(long, value_enum, default_value = "quick")]
    preset: SqlPreset,
    /// Seed of schedules, drawn values and the order of cells
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Results folder; the run makes a new folder in it
    #[arg(long, default_value = "results", value_name = "DIR", value_parser = attachments::folder)]
    results: PathBuf,
    /// End with exit code 1 where a slowdown is above a bound, as for `lab run`: `pay<-report.p50>2`, or `pay:p50:2x` for whatever else runs (repeatable)
    #[arg(long, value_name = "SERVICE:METRIC:RATIO")]
    fail_on: Vec<Threshold>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example: the scripts of three services, each once; nothing is measured, and nothing is left
  lab sql check benches/data/sql/pgbench/workload.toml --database-url postgresql:///shop
It prints, for each script, whether it works as its login, and for each of its statements the rows that it met and its plan:
  payer, benches/data/sql/pgbench/pay.sql: works
    1 rows: update pgbench_accounts set abalance = abalance + $1 where aid = $2
        Update on pgbench_accounts …
          ->  Index Scan using pgbench_accounts_pkey on pgbench_accounts …
`0 rows` means that the script draws values that aren't there; a `Seq Scan` of a large table, that an index is missing.
Exit code 1 where a script fails: the others are shown all the same.")]
struct CheckArgs {
    /// The workload file
    workload: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    sample: SampleArgs,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples: each service that has p99-limit-ms in the file, then all in proportion; two of them, with a limit for those that have none
  lab sql knee benches/data/sql/pgbench/workload.toml
  lab sql knee benches/data/sql/pgbench/workload.toml payer all --limit-ms 20
It ends with sentences such as
  Payer alone: up to ×3.38 (payer 506.2 per second) the limit is kept, at ×4.13 it is passed. What stops Payer is the processor: …")]
struct KneeArgs {
    /// The workload file: its rates are where it begins
    workload: PathBuf,
    /// Which services, and `all` for all in proportion [default: each that has a limit, and all]
    #[arg(value_name = "SERVICE")]
    only: Vec<String>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    sample: SampleArgs,
    /// The limit of services without p99-limit-ms, milliseconds
    #[arg(long, value_name = "MS", value_parser = positive)]
    limit_ms: Option<f64>,
    /// How long each rate is measured; longer where a hundred transactions take longer
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Seed of schedules and drawn values
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example: a workload from what the services of the database shop have done since its counters were last reset
  psql shop -c 'create extension pg_stat_statements'         needs shared_preload_libraries = 'pg_stat_statements'; then let the services work
  lab sql init --database-url postgresql:///shop --out sql   writes sql/workload.toml, and a script for each frequent or long statement of each login
  lab sql check sql/workload.toml                            does each script what is meant?
  lab sql run sql/workload.toml                              who slows whom?
The statements of superusers aren't taken. What can't be driven stands in the file as a comment, with the reason. The rates are means: raise
`rate-per-s` to those of a busy hour. The scripts hold values of your rows.")]
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
            let checked = sql::check(&args.workload, &args.database.url()?, args.sample.sample)?;
            print(args.format, &checked.to_string(), &checked);
            Ok(ExitCode::from(u8::from(!checked.works())))
        }
        What::Init(args) => {
            print_line(sql::init(&InitOptions { url: args.database.url()?, out: args.out.clone() })?);
            Ok(ExitCode::SUCCESS)
        }
        What::Knee(args) => knee(args),
    }
}

fn knee(args: &KneeArgs) -> Result<ExitCode, Failure> {
    let options = KneeOptions {
        workload: args.workload.clone(),
        url: args.database.url()?,
        sample: args.sample.sample,
        limit_ms: args.limit_ms,
        only: args.only.clone(),
        seconds: args.seconds,
        seed: args.seed,
    };
    let found = sql::knee(&options, &*interruptible()?, |what, step| eprintln!("{what}: {step}"))?;
    print(args.format, &found.to_string(), &found);
    Ok(ExitCode::SUCCESS)
}

fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let stop = interruptible()?;
    let services = SqlWorkload::read(&args.workload)?.services.into_keys();
    let services: Vec<String> = services.chain(args.harm.iter().map(|harm| harm.name().to_owned())).collect();
    // Every preset of this command has the pairs of this one.
    check_thresholds(&args.fail_on, Preset::Quick, &services)?;
    let options = SqlOptions {
        workload: args.workload.clone(),
        url: args.database.url()?,
        wanted: match &args.in_place {
            Some(database) => Wanted::InPlace { database: database.clone(), beside_others: args.beside_others },
            None => Wanted::Copy { sample: args.sample.sample },
        },
        preset: args.preset.preset(),
        seed: args.seed,
        results: args.results.clone(),
        remedy: args.remedy.clone().zip(args.undo.clone()),
        harm: args.harm.clone(),
    };
    let folder = sql::run(&options, &stop)?;
    let keeps_limits = report::sql_in(&folder).is_none_or(|of| of.outcome.keeps_limits());
    let code = end(folder, args.format, &args.fail_on)?;
    Ok(if code == ExitCode::SUCCESS && !keeps_limits { ExitCode::from(1) } else { code })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use crate::cli::Cli;

    #[test]
    fn each_command_has_examples_that_can_be_typed() {
        let mut cli = Cli::command();
        for command in cli.find_subcommand_mut("sql").unwrap().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            let examples: Vec<&str> = help.lines().filter(|line| line.starts_with("  lab sql ")).collect();
            let own = format!("  lab sql {} ", command.get_name());
            assert!(examples.iter().any(|line| line.starts_with(&own)), "{help}");
            for example in examples {
                // Two spaces and a comment may follow.
                let typed = example.trim_start().split("  ").next().unwrap().split(' ');
                Cli::try_parse_from(typed).unwrap_or_else(|error| panic!("{example}: {error}"));
            }
        }
    }
}
