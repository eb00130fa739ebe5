//! `lab failure` and `lab composed`.

use std::process::ExitCode;

use clap::Args;

use super::common::{Common, LayoutArgs, PlanArgs, interruptible, positive};
use crate::Failure;
use crate::data::Size;
use crate::experiments::composed;
use crate::experiments::failure::{self, Break};
use crate::result::attachments;

#[derive(Debug, Args)]
#[command(after_help = "\
Example: each service and Postgres stopped for 20 s in turn, connections used up, a transaction paused (about 5 min):
  lab failure --save results/reference
Example: the same where services call each other: each service and each database stopped, each service slow by 200 ms (about 15 min):
  lab failure --architecture api-centric --save results/reference
Exit code 1 where an acknowledged write is missing, an audit finds a violation or an endpoint does other than its rule says.")]
pub(super) struct FailureArgs {
    /// Seconds for which each part is stopped
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Only these failures: a service's name, postgres, connections, paused-transaction; where services call each other: a service's name, account-database …, account-slow … (repeatable) [default: all in turn]
    #[arg(long, value_name = "PART", value_parser = Break::parse)]
    only: Vec<Break>,
    /// Requests per second of all services together
    #[arg(long, default_value_t = 150.0, value_name = "N", value_parser = positive)]
    rate: f64,
    #[command(flatten)]
    layout: LayoutArgs,
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
    let own_databases = !layout.architecture.own_databases().is_empty();
    let file = if own_databases { attachments::FAILURE_API_CENTRIC } else { attachments::FAILURE };
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

/// Measures the composed read.
pub(super) fn measure_composed(args: &ComposedArgs) -> Result<ExitCode, Failure> {
    let stop = interruptible()?;
    let plan = args.plan.plan(args.common.seed);
    let outcome = composed::composed(plan, !args.common.unoptimised, &stop)?;
    args.common.end_if_whole(attachments::COMPOSED, &outcome, &stop)?;
    Ok(ExitCode::SUCCESS)
}
