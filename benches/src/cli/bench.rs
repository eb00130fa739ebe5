//! `lab bench …`

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::experiment::interruptible;
use super::failure::{Common, PlanArgs};
use super::{Format, print_line};
use crate::bench::{hot, month_end, normalisation, notify};
use crate::{Failure, aside};

/// What one thing costs, beside the least it could cost.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Registry's read of one API, beside pgbench with the same statement: alone, and sharing statements.
    Read(HotArgs),
    /// The first 50 APIs of an organisation.
    List(HotArgs),
    /// A new API: across all organisations or, with --one, into one that all wait for.
    Create(CreateArgs),
    /// Eighty reads, fifteen lists and five creates of a hundred.
    Mixed(HotArgs),
    /// The read behind axum and tokio-postgres, axum and sqlx, node and pg: built here and measured beside Registry.
    Rivals(HotArgs),
    /// Three times what Registry can do, for a minute: what still goes through, and how fast.
    Overload(OverloadArgs),
    /// The same requests on ever larger data.
    Growth(GrowthArgs),
    /// Billing's monthly run beside one bare insert of the same rows.
    MonthEnd(MonthEndArgs),
    /// From a change's commit to the mail about it, and what a transaction held open elsewhere does to that.
    Notify(NotifyArgs),
    /// The read of one API through views, beside local copies of others' tables: the normalisation tax.
    Normalisation(NormalisationArgs),
}

#[derive(Clone, Debug, Args)]
struct HotArgs {
    /// APIs in the data set: 10000 of 100 organisations, from 100000 on of 1000
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    apis: u64,
    /// Rounds; in each every cell runs once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds of each cell
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Connections, and clients of pgbench
    #[arg(long, value_delimiter = ',', default_value = "1,4,16,64", value_parser = clap::value_parser!(u16).range(1..=90))]
    connections: Vec<u16>,
    /// BATCH_MAX of each Registry that is compared
    #[arg(long, value_delimiter = ',', default_value = "32,1", value_parser = clap::value_parser!(u32).range(1..=1024))]
    batch_max: Vec<u32>,
    /// Run services as they are built for development
    #[arg(long)]
    debug: bool,
    /// How to say what was seen
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl HotArgs {
    fn plan(&self, kind: hot::Kind) -> hot::Plan {
        hot::Plan {
            kind,
            size: hot::size(self.apis),
            rounds: self.rounds,
            seconds: self.seconds,
            connections: self.connections.iter().map(|&n| n.into()).collect(),
            batch_max: self.batch_max.clone(),
            release: !self.debug,
        }
    }
}

#[derive(Debug, Args)]
struct CreateArgs {
    #[command(flatten)]
    hot: HotArgs,
    /// Into one organisation
    #[arg(long)]
    one: bool,
}

#[derive(Debug, Args)]
struct OverloadArgs {
    /// Seconds of the overload
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..=3600))]
    seconds: u64,
    /// How many times the knee is sent
    #[arg(long, default_value_t = 3.0)]
    times: f64,
    /// POOL_WAIT_MS: how long a request may wait before it is refused
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    wait_ms: u64,
    /// Run services as they are built for development
    #[arg(long)]
    debug: bool,
    /// How to say what was seen
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct GrowthArgs {
    /// APIs of each data set; 10000000 needs 20 GB of disk, twice
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000", value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    apis: Vec<u64>,
    /// Rounds on each
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds of each cell
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Run services as they are built for development
    #[arg(long)]
    debug: bool,
    /// How to say what was seen
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
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
        What::Read(args) => measure_hot(args, hot::Kind::Read),
        What::List(args) => measure_hot(args, hot::Kind::List),
        What::Create(args) if args.one => measure_hot(&args.hot, hot::Kind::CreateHot),
        What::Create(args) => measure_hot(&args.hot, hot::Kind::Create),
        What::Rivals(args) => {
            say(args.format, &hot::rivals::run(&args.plan(hot::Kind::Read))?);
            Ok(ExitCode::SUCCESS)
        }
        What::Overload(args) => measure_overload(args),
        What::Growth(args) => measure_growth(args),
        What::Mixed(args) => measure_hot(args, hot::Kind::Mixed),
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

fn measure_hot(args: &HotArgs, kind: hot::Kind) -> Result<ExitCode, Failure> {
    let outcome = hot::run(&args.plan(kind))?;
    say(args.format, &outcome);
    Ok(ExitCode::SUCCESS)
}

fn measure_overload(args: &OverloadArgs) -> Result<ExitCode, Failure> {
    if !(1.0..=100.0).contains(&args.times) {
        return Err(Failure::usage("--times must be between 1 and 100."));
    }
    let plan = hot::overload::Plan {
        seconds: args.seconds,
        times: args.times,
        wait_ms: args.wait_ms,
        release: !args.debug,
    };
    let outcome = hot::overload::run(plan)?;
    say(args.format, &outcome);
    let good = outcome.goodput_of_knee >= 0.9 && outcome.p99_of_calm <= 10.0;
    Ok(ExitCode::from(u8::from(!good)))
}

fn measure_growth(args: &GrowthArgs) -> Result<ExitCode, Failure> {
    let plan = hot::growth::Plan {
        apis: args.apis.clone(),
        rounds: args.rounds,
        seconds: args.seconds,
        release: !args.debug,
    };
    say(args.format, &hot::growth::run(&plan)?);
    Ok(ExitCode::SUCCESS)
}

fn say(format: Format, outcome: &(impl std::fmt::Display + serde::Serialize)) {
    match format {
        Format::Text => print_line(outcome),
        Format::Json => print_line(serde_json::to_string(outcome).unwrap_or_default()),
    }
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
