//! `lab failure` and `lab rival`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::experiment::{Data, interruptible};
use super::{Format, print_line};
use crate::design::Preset;
use crate::experiments::composed;
use crate::experiments::failure::{self, Break};
use crate::experiments::paired::Plan;
use crate::result::attachments;
use crate::{Failure, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Example: each service and Postgres stopped for 20 s in turn, connections used up, a transaction paused (about 5 min):
  lab failure --save results/reference
Exit code 1 where an acknowledged write is missing or something that must always hold doesn't.")]
pub(super) struct FailureArgs {
    /// Seconds that each part stays broken
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Only these: a service's name, postgres, connections, paused-transaction (repeatable) [default: all in turn]
    #[arg(long, value_name = "PART", value_parser = part)]
    only: Vec<Break>,
    /// Requests per second of all services together
    #[arg(long, default_value_t = 150.0, value_name = "N", value_parser = positive)]
    rate: f64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example: the API read by three HTTP calls beside one statement, and both while Profile and Account are stopped (about 3 min):
  lab rival composed --save results/reference
Example: the same two as anybody's systems, through the contract alone at the same rates (`lab run --target … --allow-partial`
twice, then `lab compare`; about 7 min), both results and compare.html kept in a folder:
  lab rival composed --as-target results/composed")]
pub(super) struct RivalArgs {
    /// Which
    #[arg(value_enum)]
    rival: RivalName,
    /// Seconds that each neighbour is stopped while both are asked; 0 leaves that out
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=600))]
    stop_seconds: u64,
    /// Instead: drive both through the contract alone, compare, and keep results and page in this folder
    #[arg(long, value_name = "DIR", value_parser = attachments::folder, conflicts_with_all = ["stop_seconds", "save", "rate", "seconds", "replicates"])]
    as_target: Option<PathBuf>,
    /// With --as-target: how much to run
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RivalName {
    /// A Registry that holds its own tables alone and composes an API's read of three HTTP calls
    Composed,
}

/// How two arms are compared.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Reads per second, the same for both
    #[arg(long, default_value_t = 100.0, value_name = "N", value_parser = positive)]
    rate: f64,
    /// Seconds that each is measured in a replicate
    #[arg(long, default_value_t = 6, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How often: the median needs 4, p95 needs 8, p99 needs 20
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100))]
    replicates: u32,
}

/// What all of them take.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Keep the outcome in this folder: its report shows it from then on
    #[arg(long, value_name = "DIR", value_parser = attachments::folder)]
    save: Option<PathBuf>,
    /// Seed of the data and the requests
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Load services that are built without optimisation: only to try the lab itself
    #[arg(long)]
    pub(super) unoptimised: bool,
    /// How to say what came out
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl PlanArgs {
    pub(super) fn plan(&self, seed: u64) -> Plan {
        Plan { rate_per_s: self.rate, seconds: self.seconds, replicates: self.replicates as usize, seed }
    }
}

impl Common {
    /// Keeps the outcome where that was asked for, and says it.
    pub(super) fn end<T: Serialize + std::fmt::Display>(&self, name: &str, outcome: &T) -> Result<(), Failure> {
        keep_and_say(self.save.as_deref(), self.format, name, outcome)
    }

    /// The same, unless it was ended early: then it is said alone. Half an outcome would pass for a whole one.
    pub(super) fn end_if_whole<T: Serialize + std::fmt::Display>(
        &self,
        name: &str,
        outcome: &T,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        if !stop.load(Ordering::Relaxed) {
            return self.end(name, outcome);
        }
        say(self.format, &outcome.to_string(), outcome);
        Err(Failure::could_not_run("Ended early: this is what there is, and nothing of it was kept."))
    }
}

/// Keeps an outcome in a folder, if one is given, and says it.
pub(super) fn keep_and_say<T: Serialize + std::fmt::Display>(
    save: Option<&Path>,
    format: Format,
    name: &str,
    outcome: &T,
) -> Result<(), Failure> {
    // First: what can't be written was measured all the same.
    say(format, &outcome.to_string(), outcome);
    if let Some(folder) = save {
        attachments::write(folder, name, outcome)?;
        eprintln!("Kept: {}", folder.join(name).display());
    }
    Ok(())
}

fn say(format: Format, text: &str, outcome: &impl Serialize) {
    match format {
        Format::Text => print_line(text.trim_end()),
        Format::Json => print_line(serde_json::json!(outcome)),
    }
}

/// Breaks one part after the other.
pub(super) fn fail(args: &FailureArgs) -> Result<ExitCode, Failure> {
    let options = failure::Options {
        breaks: if args.only.is_empty() { Break::all() } else { args.only.clone() },
        seconds: args.seconds,
        rate_per_s: args.rate,
        seed: args.common.seed,
        optimised: !args.common.unoptimised,
    };
    let stop = interruptible()?;
    let matrix = failure::run(&options, &stop)?;
    args.common.end_if_whole(attachments::FAILURE, &matrix, &stop)?;
    let sound = matrix.rows.iter().all(failure::Row::is_sound);
    Ok(ExitCode::from(u8::from(!sound)))
}

/// Measures a rival.
pub(super) fn measure_rival(args: &RivalArgs) -> Result<ExitCode, Failure> {
    if let Some(folder) = &args.as_target {
        return drive_rival(args, folder);
    }
    let options = composed::Options {
        plan: args.plan.plan(args.common.seed),
        stop_s: args.stop_seconds,
        optimised: !args.common.unoptimised,
    };
    let stop = interruptible()?;
    let outcome = match args.rival {
        RivalName::Composed => composed::composed(&options, &stop)?,
    };
    args.common.end_if_whole(attachments::RIVAL, &outcome, &stop)?;
    Ok(ExitCode::SUCCESS)
}

/// Both as anybody's systems. Exit code 1 where one lost an acknowledged write.
fn drive_rival(args: &RivalArgs, folder: &Path) -> Result<ExitCode, Failure> {
    let options = composed::AsTarget {
        preset: args.preset,
        size: args.data.size(),
        seed: args.common.seed,
        optimised: !args.common.unoptimised,
        folder: folder.to_owned(),
    };
    let (found, results) = match args.rival {
        RivalName::Composed => composed::as_target(&options, &interruptible()?)?,
    };
    for result in &results {
        let label = result.target.as_ref().map_or_else(String::new, |target| target.label.replace(' ', "-"));
        report::write(result, &folder.join(label).join("report.html"))?;
    }
    let page = folder.join("compare.html");
    report::write_comparison(&found, &results, &page)?;
    say(args.common.format, &report::comparison_text(&found), &found);
    eprintln!("Kept: {}", page.display());
    let broken = found.subjects.iter().any(|subject| subject.disqualified);
    Ok(ExitCode::from(u8::from(broken)))
}

fn part(name: &str) -> Result<Break, String> {
    Break::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Break::all().into_iter().map(Break::name).collect();
        format!("there are {}", known.join(", "))
    })
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 1e6 => Ok(value),
        _ => Err("a number above 0, at most 1000000".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_outcome_is_not_kept_and_a_whole_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let common = Common { save: Some(folder.path().to_owned()), seed: 1, unoptimised: true, format: Format::Json };
        let stop = AtomicBool::new(false);
        common.end_if_whole("a.json", &"whole", &stop).unwrap();
        stop.store(true, Ordering::Relaxed);
        assert!(common.end_if_whole("a.json", &"half", &stop).is_err());
        let kept: Option<String> = attachments::read(folder.path(), "a.json");
        assert_eq!(kept.as_deref(), Some("whole"));
    }
}
