//! `lab changes …`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::common::{Format, print_line};
use crate::Failure;
use crate::experiments::changes::{self, Options, catalogue};
use crate::result::Outcome as _;

/// Evaluate 24 schema changes: which services must deploy together, with published views and without.
///
/// The changes are benches/changes/*.sql. For each the outcome also shows what its owner gains, what the others lose, and which teams must agree.
///
/// A system is started for this purpose; the changes are tried against every statement that the five services run when each operation is called once. Exit code 1
/// where `--verify` finds that something broke that was evaluated as safe, or that too much of what was evaluated as breaking goes on working.
#[derive(Debug, Args)]
pub(super) struct ChangesArgs {
    /// Only these changes, by number or name [default: all]
    #[arg(value_name = "CHANGE")]
    changes: Vec<String>,
    /// Also make each change under the five running services, and compare what breaks with the evaluation
    #[arg(long)]
    verify: bool,
    /// Measure how long each service's statements wait behind each change, while it waits for a reader (half a second)
    #[arg(long)]
    queue: bool,
    /// Measure three common tasks: publish one more column, read 48 hours of changes again, add a sixth service
    #[arg(long)]
    stories: bool,
    /// Only list the changes
    #[arg(long, conflicts_with_all = ["verify", "queue", "stories"])]
    list: bool,
    /// Also write the outcome to this file, as JSON without durations, so that two can be compared
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn evaluate(args: &ChangesArgs) -> Result<ExitCode, Failure> {
    let changes = catalogue::chosen(&args.changes)?;
    if args.list {
        for change in &changes {
            print_line(format!("{:<28}{:<14}{}", change.name, change.owner, change.title));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options { verify: args.verify, queue: args.queue, stories: args.stories };
    let outcome = changes::run(&changes, options, |line| eprintln!("{line}"))?;
    let text: Vec<String> = outcome.tables(&()).iter().map(ToString::to_string).collect();
    match args.format {
        Format::Text => print_line(text.join("\n").trim_end()),
        Format::Json => print_line(serde_json::to_string(&outcome).unwrap_or_default()),
    }
    let good = outcome.agreement.as_ref().is_none_or(changes::outcome::Agreement::is_good);
    if let Some(file) = &args.reference {
        let text = serde_json::to_string_pretty(&outcome.structure()).unwrap_or_default();
        std::fs::write(file, text + "\n")
            .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))?;
    }
    Ok(ExitCode::from(u8::from(!good)))
}
