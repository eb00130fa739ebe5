//! `lab failure` and `lab composed`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::common::{Common, Data, LayoutArgs, PlanArgs, interruptible, positive, print};
use crate::data::Size;
use crate::design::Preset;
use crate::experiments::composed;
use crate::experiments::failure::{self, Break};
use crate::result::attachments;
use crate::system::Architecture;
use crate::{Failure, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Example: each service and Postgres stopped for 20 s in turn, connections used up, a transaction paused (about 5 min):
  lab failure --save results/reference
Example: the same where services call each other: each service and each database stopped, each service slow by 200 ms (about 15 min):
  lab failure --architecture api-centric --save results/reference
Example: the same where copies are fed from a log: the broker stopped, and how old copies get until they are up to date again (about 1 min):
  lab failure --architecture self-contained --only kafka
Exit code 1 where an acknowledged write is missing, an audit finds a violation or an endpoint does other than its rule says.")]
pub(super) struct FailureArgs {
    /// Seconds for which each part is stopped
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Only these failures: a service's name, postgres, connections, paused-transaction; where services call each other: a service's name, account-database …, account-slow …; where there is a log: kafka, account-relay …, account-ingester … (repeatable) [default: all in turn]
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
Example: an API read by three HTTP calls, and by the API-centric architecture, compared with one statement, and the first two while Profile
and Account are stopped (about 6 min):
  lab composed --save results/reference
Example: the same two measured like another team's systems, through the contract alone, and then
compared (about 7 min); both results and compare.html are saved in a folder:
  lab composed --as-target results/composed")]
pub(super) struct ComposedArgs {
    /// As in `lab rival composed`, how this was typed before
    #[arg(hide = true, value_parser = ["composed"])]
    formerly: Option<String>,
    /// Seconds for which Profile, then Account, is stopped while both ways are under load; 0 leaves that out
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=600))]
    stop_seconds: u64,
    /// Instead measure both through the contract alone, compare them, and save results and page in this folder
    #[arg(long, value_name = "DIR", value_parser = attachments::folder, conflicts_with_all = ["stop_seconds", "save", "rate", "seconds", "replicates"])]
    as_target: Option<PathBuf>,
    /// With --as-target: how much to measure
    #[arg(long, value_enum, default_value = "demo", requires = "as_target")]
    preset: Preset,
    /// With --as-target: size of the data set that is posted to each
    #[arg(long, value_enum, default_value = "small", requires = "as_target")]
    data: Data,
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

/// Measures the composed read.
pub(super) fn measure_composed(args: &ComposedArgs) -> Result<ExitCode, Failure> {
    if let Some(folder) = &args.as_target {
        return drive_both(args, folder);
    }
    let options = composed::Options {
        plan: args.plan.plan(args.common.seed),
        stop_s: args.stop_seconds,
        optimised: !args.common.unoptimised,
    };
    let stop = interruptible()?;
    let outcome = composed::composed(&options, &stop)?;
    args.common.end_if_whole(attachments::COMPOSED, &outcome, &stop)?;
    Ok(ExitCode::SUCCESS)
}

/// Both as any team's systems. Exit code 1 where one lost an acknowledged write.
fn drive_both(args: &ComposedArgs, folder: &Path) -> Result<ExitCode, Failure> {
    let options = composed::AsTarget {
        preset: args.preset,
        size: args.data.size(),
        seed: args.common.seed,
        optimised: !args.common.unoptimised,
        folder: folder.to_owned(),
    };
    let (found, results) = composed::as_target(&options, &interruptible()?)?;
    for result in &results {
        let label = result.target.as_ref().map_or_else(String::new, |target| target.label.replace(' ', "-"));
        report::write(result, &folder.join(label).join("report.html"))?;
    }
    let page = folder.join("compare.html");
    report::write_comparison(&found, &results, &page)?;
    print(args.common.format, &report::comparison_text(&found), &found);
    eprintln!("Kept: {}", page.display());
    let broken = found.subjects.iter().any(|subject| subject.disqualified);
    Ok(ExitCode::from(u8::from(broken)))
}
