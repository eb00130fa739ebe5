//! `lab knee` and `lab export`.

use crate::measure::knee;
use crate::measure::plan::Options;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::common::{Data, Format, home_for, interruptible, print_line};
use crate::Failure;
use crate::experiments::matrix;
use crate::system::export;

#[derive(Debug, Args)]
pub(super) struct KneeArgs {
    /// Which services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Save what was found in the results folder: result files that are written there afterwards include it
    #[arg(long)]
    save: bool,
    /// The results folder
    #[arg(long, default_value = "results", value_name = "DIR")]
    results: PathBuf,
    /// Another mix of requests (TOML, see benches/scenarios/00-matrix.toml)
    #[arg(long, value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Seed of the data and the requests
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Size of the data set
    #[arg(long, value_enum, default_value = "small")]
    data: Data,
    /// Load services that are built without optimisation: only to try the lab itself
    #[arg(long)]
    unoptimised: bool,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The up.json of the system [default: what `lab up` runs]
    #[arg(long)]
    target: Option<String>,
    /// Fill the (empty) system with the lab's data set first
    #[arg(long)]
    generate: bool,
    /// Size of that data set
    #[arg(long, value_enum, default_value = "small")]
    data: Data,
    /// Seed of that data set
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// At most so many organisations, most popular first
    #[arg(long, default_value_t = 100)]
    organisations: usize,
}

/// Raises the rate of services, one by one, until each reaches its knee.
pub(super) fn find_knee(args: &KneeArgs) -> Result<ExitCode, Failure> {
    let options = Options {
        layout: crate::system::Layout::default(),
        preset: crate::design::Preset::Quick,
        seed: args.seed,
        results: PathBuf::new(),
        workload: args.workload.clone(),
        utilisation: 1.0,
        size: args.data.size(),
        optimised: !args.unoptimised,
        rates_from: None,
    };
    let stop = interruptible()?;
    let knees = knee::knee(&options, &args.services, &stop, |step| {
        if args.format == Format::Text {
            print_line(step);
        }
    })?;
    for knee in &knees {
        match args.format {
            Format::Text => print_line(knee),
            Format::Json => print_line(serde_json::json!(knee)),
        }
    }
    if args.save {
        matrix::save_knees(&args.results, &knees)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints ids, tokens and URLs.
pub(super) fn export_ids(args: &ExportArgs) -> Result<ExitCode, Failure> {
    let up_json = crate::system::clock::up_json(args.target.as_deref(), &home_for(args.target.as_deref())?);
    let fill = args.generate.then(|| (args.data.size(), args.seed));
    let exported = export::export(&up_json, fill, args.organisations)?;
    print_line(&exported);
    Ok(ExitCode::SUCCESS)
}
