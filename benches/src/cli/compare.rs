//! `lab probe` and `lab compare`.

use crate::report;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::common::{Format, print_line};
use crate::result::ResultFile;
use crate::target::{TargetFile, probe};
use crate::{Failure, compare};

#[derive(Debug, Args)]
#[command(after_help = "\
A target is target.toml (benches/data/target.toml shows all of it), an up.json, or base URLs:
  lab probe --target account=http://localhost:8103,profile=http://localhost:8102,registry=http://localhost:8101
Exit code 1 where an answer differs from the contract.")]
pub(super) struct ProbeArgs {
    /// target.toml, up.json or base URLs
    #[arg(long)]
    target: String,
    /// How to print the findings
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Asks a target 23 things.
pub(super) fn probe_target(args: &ProbeArgs) -> Result<ExitCode, Failure> {
    let report = probe::probe(&TargetFile::find(&args.target)?)?;
    match args.format {
        Format::Text => print_line(report.to_string().trim_end()),
        Format::Json => print_line(serde_json::json!(report)),
    }
    Ok(ExitCode::from(u8::from(!report.is_whole())))
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example, your system compared with ours at the same rates:
  lab run --target ours.toml --preset quick
  lab run --target yours.toml --preset quick --rates-from results/<ours>/result.json
  lab compare results/<ours>/result.json results/<yours>/result.json --report side-by-side.html
Results that differ in contract, rates, data or preset are refused (exit code 2).
Exit code 1 where a result has a violation (such as a lost write).")]
pub(super) struct CompareArgs {
    /// The base, and one or more others
    #[arg(required = true, num_args = 2.., value_name = "RESULT")]
    files: Vec<PathBuf>,
    /// Also write an HTML page to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Compares results.
pub(super) fn compare_files(args: &CompareArgs) -> Result<ExitCode, Failure> {
    let results =
        args.files.iter().map(|file| ResultFile::read(file).map_err(|error| Failure::usage(format!("{error}."))));
    let results: Vec<ResultFile> = results.collect::<Result<_, _>>()?;
    let found = compare::compare(&results)?;
    if let Some(file) = &args.report {
        report::write_comparison(&found, &results, file)?;
    }
    match args.format {
        Format::Text => print_line(report::comparison_text(&found).trim_end()),
        Format::Json => print_line(serde_json::json!(found)),
    }
    let broken = found.subjects.iter().any(|subject| subject.disqualified);
    Ok(ExitCode::from(u8::from(broken)))
}
