//! `lab failure`, `lab wrong-answers` and `lab composed`.

use std::process::ExitCode;

use clap::Args;

use super::common::{Common, LayoutArgs, PlanArgs, interruptible, positive};
use crate::Failure;
use crate::data::Size;
use crate::experiments::composed;
use crate::experiments::failure::{self, Break};
use crate::experiments::wrong_answers;
use crate::result::attachments;
use crate::system::{Architecture, Engines};

#[derive(Debug, Args)]
#[command(after_help = "\
Example: each service and Postgres stopped for 20 s in turn, connections used up, a transaction paused (about 5 min):
  lab failure --save results/reference
Example: the same where services call each other: each service and each database stopped, each service slow by 200 ms (about 15 min):
  lab failure --architecture api-centric --save results/reference
Example: the same where copies are fed from a log: the broker stopped, and how old copies get until they are up to date again (about 1 min):
  lab failure --architecture self-contained --only kafka
Exit code 1 where an acknowledged write is missing, an audit finds a violation or an endpoint does other than its rule demands.")]
pub(super) struct FailureArgs {
    /// Seconds for which each part is stopped
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Only these failures: a service's name, postgres, connections, paused-transaction; where services call each other: a service's name, account-database …, account-slow …; where there is a log: kafka, account-relay …, account-ingester … (repeatable) [default: all in turn]
    #[arg(long, value_name = "PART", value_parser = Break::parse)]
    only: Vec<Break>,
    /// Requests per second of all services together [default: 150; where services call each other 200]
    #[arg(long, value_name = "N", value_parser = positive)]
    rate: Option<f64>,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example: where services call each other, each is stopped for 10 s in turn, once for each time to live (about 12 min):
  lab wrong-answers --save results/reference
Exit code 1 where a change was notified wrongly, a mail lost or sent twice, a charge is wrong, or an audit finds something else that no time to
live may change.")]
pub(super) struct WrongAnswersArgs {
    /// How long an answer may be used again, in seconds: one system for each
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1, 5, 30], value_name = "S,S,…", value_parser = clap::value_parser!(u64).range(..=86_400))]
    ttl: Vec<u64>,
    /// Seconds for which each service is stopped
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// One Postgres for the five databases, or one for each: 1 or 5
    #[arg(long, default_value = "1", value_name = "N", value_parser = Engines::parse)]
    engines: Engines,
    /// Requests per second of all services together [default: 200]
    #[arg(long, value_name = "N", value_parser = positive)]
    rate: Option<f64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example: one API read by one statement, by three HTTP calls written by hand and by the API-centric architecture (about 4 min):
  lab composed --save benches/results/reference/quick")]
pub(super) struct ComposedArgs {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    common: Common,
}

/// Breaks one part after the other.
pub(super) fn fail(args: &FailureArgs) -> Result<ExitCode, Failure> {
    let layout = args.layout.layout()?;
    let file = match layout.architecture {
        Architecture::SharedDatabase => attachments::FAILURE,
        Architecture::ApiCentric => attachments::FAILURE_API_CENTRIC,
        Architecture::SelfContained => attachments::FAILURE_SELF_CONTAINED,
    };
    let options = failure::Options {
        layout,
        size: Size::SMALL,
        breaks: if args.only.is_empty() { Break::all(layout.architecture) } else { args.only.clone() },
        seconds: args.seconds,
        rate_per_s: args.rate,
        seed: args.common.seed,
        optimised: !args.common.unoptimised,
    };
    let stop = interruptible()?;
    let matrix = failure::run(&options, &stop)?;
    args.common.end_if_whole(file, &matrix, &stop)?;
    let sound = matrix.outcome.rows.iter().all(failure::Row::is_sound);
    Ok(ExitCode::from(u8::from(!sound)))
}

/// Counts wrong answers by time to live.
pub(super) fn count_wrong_answers(args: &WrongAnswersArgs) -> Result<ExitCode, Failure> {
    let options = wrong_answers::Options {
        engines: args.engines,
        ttls_s: args.ttl.clone(),
        size: Size::SMALL,
        seconds: args.seconds,
        rate_per_s: args.rate,
        seed: args.common.seed,
        optimised: !args.common.unoptimised,
    };
    let stop = interruptible()?;
    let found = wrong_answers::run(&options, &stop)?;
    args.common.end_if_whole(attachments::WRONG_ANSWERS, &found, &stop)?;
    Ok(ExitCode::from(u8::from(!found.outcome.rows.iter().all(wrong_answers::Row::is_sound))))
}

/// Measures the composed read.
pub(super) fn measure_composed(args: &ComposedArgs) -> Result<ExitCode, Failure> {
    let stop = interruptible()?;
    let plan = args.plan.plan(args.common.seed);
    let outcome = composed::composed(plan, !args.common.unoptimised, &stop)?;
    args.common.end_if_whole(attachments::COMPOSED, &outcome, &stop)?;
    Ok(ExitCode::SUCCESS)
}
