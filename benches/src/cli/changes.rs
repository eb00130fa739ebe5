//! `lab changes …`

use std::process::ExitCode;

use clap::Args;

use super::{Format, print_line};
use crate::Failure;
use crate::changes::{catalogue, scratch::Scratch, verify};

/// What a schema change of one service costs the others.
#[derive(Debug, Args)]
pub(super) struct ChangesArgs {
    /// Only these, by number or name
    changes: Vec<String>,
    /// Make each change under the five running services, too, and compare what breaks
    #[arg(long)]
    verify: bool,
    /// Measure how long others wait behind each change, too
    #[arg(long)]
    queue: bool,
    /// How to say what came out
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn weigh(args: &ChangesArgs) -> Result<ExitCode, Failure> {
    let changes = catalogue::chosen(&args.changes)?;
    let started = std::time::Instant::now();
    let scratch = Scratch::start()?;
    eprintln!("started {:?}", started.elapsed());
    let scales = crate::changes::weigh::Scales::new(&scratch)?;
    eprintln!("scales {:?} {}", started.elapsed(), scales.statements());
    for change in &changes {
        let started = std::time::Instant::now();
        let weighed = scales.weigh(change, args.queue)?;
        print_line(format!(
            "{} {:?} {}",
            change.name,
            started.elapsed(),
            serde_json::to_string(&weighed).unwrap_or_default()
        ));
        if args.verify {
            let reality = verify::really(&scratch, change)?;
            print_line(format!(
                "{} {:?} {}",
                change.name,
                started.elapsed(),
                serde_json::to_string(&reality).unwrap_or_default()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
