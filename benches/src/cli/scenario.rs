//! `lab scenario`, `lab ladder`, `lab pressure`, `lab schema-change`: what the interference comes from, and what helps.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::common::{Common, interruptible, positive, print_line};
use crate::Failure;
use crate::experiments::{changes, ladder, pressure, scenario, schema_change};
use crate::result::attachments;

/// Run known problems of a shared database, each with its control and its remedies.
#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the scenarios, with what each one shows.
    List,
    /// Run scenarios; exit code 1 where one doesn't show what is expected.
    Run(RunArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example: foreign keys and the queue behind an ALTER, about 40 s:
  lab scenario run S4 S8
Example: all of them, the outcome kept with a run's result (about 4 min):
  lab scenario run all --save results/reference
Exit code 1 where a scenario doesn't show what its file expects.")]
struct RunArgs {
    /// Ids such as S4, `all`, or .toml files
    #[arg(required = true, value_name = "SCENARIO")]
    names: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Lists or plays.
pub(super) fn play(args: &ScenarioArgs) -> Result<ExitCode, Failure> {
    match &args.what {
        What::List => {
            for one in scenario::choose(&["all".to_owned()])? {
                print_line(format_args!("{:4} {}\n     {}", one.id, one.title, one.lesson));
            }
            Ok(ExitCode::SUCCESS)
        }
        What::Run(args) => run(args),
    }
}

fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let options = scenario::Options {
        scenarios: scenario::choose(&args.names)?,
        seed: args.common.seed,
        optimised: !args.common.unoptimised,
    };
    let stop = interruptible()?;
    let played = scenario::run_all(&options, &stop, |one| {
        let verdict = if one.passed { "passed" } else { "FAILED" };
        eprintln!("{:4} {verdict}", one.id);
    })?;
    args.common.end_if_whole(attachments::SCENARIOS, &played, &stop)?;
    Ok(ExitCode::from(u8::from(!played.outcome.passed())))
}

#[derive(Debug, Args)]
#[command(after_help = "\
The isolation levels: L0 alone, L1 the interfering service in a second cluster, L2 in another database, L3 in the same
database at other organisations, L4 at the same organisations.
Example: Billing → Registry and Registry → Account (7 min; with the usual six replicates 10), kept with a run's result:
  lab ladder S1 S2 --replicates 4 --save results/reference
Exit code 1 where a step makes the slowed service significantly faster, or where it waits for rows across databases.")]
pub(super) struct LadderArgs {
    /// Scenarios with a ladder, or .toml files
    #[arg(value_name = "SCENARIO", default_values_t = ["S1".to_owned(), "S2".to_owned()])]
    names: Vec<String>,
    /// How often every level is measured
    #[arg(long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100))]
    replicates: u32,
    /// Seconds that a level is measured in a replicate
    #[arg(long, default_value_t = 4.0, value_name = "S", value_parser = positive)]
    seconds: f64,
    #[command(flatten)]
    common: Common,
}

/// Measures ladders.
pub(super) fn ladder(args: &LadderArgs) -> Result<ExitCode, Failure> {
    let options = ladder::Options {
        scenarios: scenario::choose(&args.names)?,
        effort: ladder::Effort {
            replicates: args.replicates as usize,
            settle_s: 0.7,
            seconds: args.seconds,
            seed: args.common.seed,
        },
        optimised: !args.common.unoptimised,
    };
    let stop = interruptible()?;
    let ladders = ladder::run_all(&options, &stop)?;
    args.common.end_if_whole(attachments::LADDER, &ladders, &stop)?;
    let sound = ladders.outcome.ladders.iter().all(ladder::LadderResult::sound);
    Ok(ExitCode::from(u8::from(!sound)))
}

#[derive(Debug, Args)]
#[command(after_help = "\
All services under load, and one pressure after another: rowlock, ddlqueue, xmin-hold, conn, three levels each.
Example, four replicates (about 5 min):
  lab pressure --save results/reference")]
pub(super) struct PressureArgs {
    /// Only these kinds of pressure (repeatable) [default: all]
    #[arg(long, value_enum, value_name = "PRESSURE")]
    only: Vec<pressure::Pressure>,
    /// How often every level is measured
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100))]
    replicates: u32,
    /// Seconds of each level in a replicate
    #[arg(long, default_value_t = 4.0, value_name = "S", value_parser = positive)]
    seconds: f64,
    /// Requests per second of all services together
    #[arg(long, default_value_t = 150.0, value_name = "N", value_parser = positive)]
    rate: f64,
    #[command(flatten)]
    common: Common,
}

/// Applies pressure.
pub(super) fn press(args: &PressureArgs) -> Result<ExitCode, Failure> {
    let options = pressure::Options {
        pressures: if args.only.is_empty() { pressure::Pressure::ALL.to_vec() } else { args.only.clone() },
        replicates: args.replicates as usize,
        seconds: args.seconds,
        rate_per_s: args.rate,
        seed: args.common.seed,
        optimised: !args.common.unoptimised,
    };
    let stop = interruptible()?;
    let pressures = pressure::run(&options, &stop)?;
    args.common.end_if_whole(attachments::PRESSURE, &pressures, &stop)?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Args)]
#[command(after_help = "\
Each change of the catalogue, while all services are under load and a report reads every table:
once as written, once with lock_timeout.
Example: a few, by number or name:
  lab schema-change 01 08 12 13
Example: all of them (about 6 min), kept with a run's result:
  lab schema-change --save results/reference")]
pub(super) struct SchemaChangeArgs {
    /// Numbers or names of the catalogue's changes [default: all]
    #[arg(value_name = "CHANGE")]
    names: Vec<String>,
    /// Requests per second of all services together
    #[arg(long, default_value_t = 150.0, value_name = "N", value_parser = positive)]
    rate: f64,
    #[command(flatten)]
    common: Common,
}

/// Changes the schema while the services run.
pub(super) fn change(args: &SchemaChangeArgs) -> Result<ExitCode, Failure> {
    let options = schema_change::Options {
        changes: changes::catalogue::chosen(&args.names)?,
        rate_per_s: args.rate,
        seed: args.common.seed,
        optimised: !args.common.unoptimised,
    };
    let stop = interruptible()?;
    let changed = schema_change::run(&options, &stop)?;
    args.common.end_if_whole(attachments::SCHEMA_CHANGE, &changed, &stop)?;
    Ok(ExitCode::SUCCESS)
}
