//! `lab scenario`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::experiment::interruptible;
use super::failure::Common;
use super::print_line;
use crate::{Failure, aside, scenario};

/// Play known harms of a shared database, their controls and their remedies.
#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say which there are.
    List,
    /// Play some, and fail where one doesn't show what it must.
    Run(RunArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example: foreign keys and the queue behind an ALTER, about 40 s:
  lab scenario run S4 S8
Example: all of them, their verdicts kept beside a run's result (about 5 min):
  lab scenario run all --save results/reference
Exit code 1 where a scenario's signature is absent.")]
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
                print_line(format_args!(
                    "{:4} {}\n     {}",
                    one.id, one.title, one.lesson
                ));
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
    let played = scenario::run_all(&options, &interruptible()?, |one| {
        let verdict = if one.passed {
            "as expected"
        } else {
            "NOT AS EXPECTED"
        };
        eprintln!("{:4} {verdict}", one.id);
    })?;
    args.common.end(aside::SCENARIOS, &played)?;
    Ok(ExitCode::from(u8::from(!played.passed())))
}
