//! `lab probe` and `lab compare`.

use std::process::ExitCode;

use clap::Args;

use super::{Format, print_line};
use crate::Failure;
use crate::contender::{TargetFile, probe};

#[derive(Debug, Args)]
#[command(after_help = "\
A target is target.toml (benches/data/target.toml shows all of it), an up.json, or base URLs:
  lab probe --target account=http://localhost:8103,profile=http://localhost:8102,registry=http://localhost:8101
Exit code 1 where something isn't as the contract says.")]
pub(super) struct ProbeArgs {
    /// target.toml, up.json or base URLs
    #[arg(long)]
    target: String,
    /// How to say what was found
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Asks a target forty-odd things.
pub(super) fn probe_target(args: &ProbeArgs) -> Result<ExitCode, Failure> {
    let report = probe::probe(&TargetFile::find(&args.target)?)?;
    match args.format {
        Format::Text => print_line(report.to_string().trim_end()),
        Format::Json => print_line(serde_json::json!(report)),
    }
    Ok(ExitCode::from(u8::from(!report.is_whole())))
}
