//! `lab selftest`.

use crate::measure::kept;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use crate::cli::common::{Format, interruptible, print_line};
use crate::result::SelfTest;
use crate::{Failure, selftest};

/// Check that the lab measures correctly, on this machine, now.
///
/// V1–V4 and V8 cause waits and usage of known size, which the record of waits must show; V6, V7 and the ceiling measure a
/// server of known delays. --long adds, with the whole system: V5 (how often identical systems are called different; a
/// second, idle Registry; observing on and off), V10 (the same experiment twice) and V12 (reversed order); and V13 (five stubs that share nothing, two minutes). Exit code 1 when
/// one fails: a short one three times on a quiet machine; "noted" is one that this machine is too noisy to decide now, with what used it.
#[derive(Debug, Args)]
pub struct SelftestArgs {
    /// Only these, such as V5 or V1,V10
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = known)]
    only: Vec<String>,
    /// Also run V5, V10, V12 and V13: about half an hour
    #[arg(long)]
    long: bool,
    /// Comparisons of V5 between identical systems: 200 take about a quarter of an hour; with fewer V5 is noted, neither passed nor failed
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    nulls: u32,
    /// Save the outcome in the results folder: result files that are written there afterwards include it
    #[arg(long)]
    save: bool,
    /// Load services that are built without optimisation: only to try the lab itself
    #[arg(long)]
    unoptimised: bool,
    /// The results folder
    #[arg(long, default_value = "results", value_name = "DIR")]
    results: PathBuf,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Tests the lab by itself.
pub fn test_itself(args: &SelftestArgs) -> Result<ExitCode, Failure> {
    let options =
        selftest::Options { only: args.only.clone(), long: args.long, nulls: args.nulls, optimised: !args.unoptimised };
    let tests = selftest::run(&options, &interruptible()?, say)?;
    if args.save {
        kept::keep_tests(&args.results, &tests)?;
    }
    if args.format == Format::Json {
        print_line(serde_json::json!(tests));
    }
    Ok(ExitCode::from(u8::from(tests.iter().any(|test| test.pass == Some(false)))))
}

fn say(test: &SelfTest) {
    let mark = match test.pass {
        Some(true) => "passed",
        Some(false) => "FAILED",
        None => "noted",
    };
    eprintln!("{:12} {mark:7} {}", test.id, test.found);
}

/// The brief ones before a first run, kept for it and those to come.
pub fn brief(results: &Path, optimised: bool, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    eprintln!("The first run on this machine: the lab tests itself, half a minute …");
    let only = selftest::BRIEF.map(str::to_owned).to_vec();
    let options = selftest::Options { only, long: false, nulls: 0, optimised };
    let tests = selftest::run(&options, stop, say)?;
    kept::keep_tests(results, &tests)
}

fn known(text: &str) -> Result<String, String> {
    let all: Vec<&str> = selftest::SHORT.into_iter().chain(selftest::LONG).collect();
    match all.iter().find(|id| id.eq_ignore_ascii_case(text)) {
        Some(id) => Ok((*id).to_owned()),
        None => Err(format!("one of {}", all.join(", "))),
    }
}
