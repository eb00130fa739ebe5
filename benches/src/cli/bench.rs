//! `lab bench …`

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::experiment::interruptible;
use super::failure::{Common, PlanArgs};
use super::{Format, print_line};
use crate::bench::{month_end, normalisation, notify};
use crate::{Failure, aside};

/// What one thing costs, beside the least it could cost.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Billing's monthly run beside one bare insert of the same rows.
    MonthEnd(MonthEndArgs),
    /// From a change's commit to the mail about it, and what a transaction held open elsewhere does to that.
    Notify(NotifyArgs),
    /// The read of one API through views, beside local copies of others' tables: the normalisation tax.
    Normalisation(NormalisationArgs),
}

#[derive(Debug, Args)]
struct NormalisationArgs {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct NotifyArgs {
    /// Changes in a second
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// Seconds of each quiet part
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Seconds for which a transaction is held open
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    hold: u64,
    /// Run services as they are built for development
    #[arg(long)]
    debug: bool,
    /// How to say what was seen
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct MonthEndArgs {
    /// How many organisations are billed; a quarter of them pays as it goes
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    organisations: u32,
    /// How long the payment sandbox takes for each answer, in milliseconds
    #[arg(long, default_value_t = 1)]
    latency_ms: u32,
    /// Leave the charges out, which take the longest
    #[arg(long)]
    invoices_only: bool,
    /// How to say what was seen
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Measures; exit code 1 where something is above what is wanted.
pub(super) fn measure(args: &BenchArgs) -> Result<ExitCode, Failure> {
    match &args.what {
        What::MonthEnd(args) => measure_month_end(args),
        What::Notify(args) => measure_notify(args),
        What::Normalisation(args) => measure_normalisation(args),
    }
}

fn measure_normalisation(args: &NormalisationArgs) -> Result<ExitCode, Failure> {
    let plan = args.plan.plan(args.common.seed);
    let outcome = normalisation::run(plan, !args.common.unoptimised, &interruptible()?)?;
    args.common.end(aside::NORMALISATION, &outcome)?;
    Ok(ExitCode::SUCCESS)
}

fn measure_notify(args: &NotifyArgs) -> Result<ExitCode, Failure> {
    let options = notify::Options {
        rate: args.rate,
        seconds: args.seconds,
        hold: args.hold,
        release: !args.debug,
    };
    let outcome = notify::run(&options)?;
    match args.format {
        Format::Text => print_line(&outcome),
        Format::Json => print_line(serde_json::to_string(&outcome).unwrap_or_default()),
    }
    Ok(ExitCode::from(u8::from(!outcome.complete())))
}

fn measure_month_end(args: &MonthEndArgs) -> Result<ExitCode, Failure> {
    let settings = month_end::Settings {
        organisations: args.organisations,
        latency_ms: args.latency_ms,
        charge: !args.invoices_only,
    };
    let measured = month_end::run(settings, |line| eprintln!("{line}"))?;
    match args.format {
        Format::Text => print!("{}", measured.describe()),
        Format::Json => print_line(month_end::line(&measured)),
    }
    Ok(ExitCode::from(u8::from(!measured.is_good())))
}
