//! What can be typed behind `lab bench …`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::Failure;
use crate::bench::hot;
use crate::cli::common::{Common, Format, PlanArgs, keep_and_print};

/// Where the outcome goes.
#[derive(Clone, Debug, Args)]
pub(super) struct Output {
    /// Save the outcome in this folder, as JSON under the bench's name
    #[arg(long, value_name = "DIR", value_parser = crate::result::attachments::folder)]
    pub save: Option<PathBuf>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

impl Output {
    /// Prints it and keeps it where a folder was given.
    pub fn put<T: Serialize + std::fmt::Display>(&self, name: &str, outcome: &T) -> Result<(), Failure> {
        let file = format!("{name}.json");
        keep_and_print(self.save.as_deref(), self.format, &file, outcome)
    }
}

/// What every bench takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Run {
    /// Run services built without optimisation: only to try the bench itself
    #[arg(long)]
    pub debug: bool,
    #[command(flatten)]
    pub output: Output,
}

/// Requests per second compared with pgbench.
#[derive(Clone, Debug, Args)]
pub(super) struct HotArgs {
    /// APIs in the data set: 10000 of 100 organisations, from 100000 on of 1000
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub apis: u64,
    /// Rounds; in each of them every cell is measured once
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Seconds of each cell
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Connections to Registry, and clients of pgbench
    #[arg(long, value_delimiter = ',', default_value = "1,4,16,64", value_parser = clap::value_parser!(u16).range(1..=90))]
    pub connections: Vec<u16>,
    /// BATCH_MAX of each Registry that is compared
    #[arg(long, value_delimiter = ',', default_value = "32,1", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub batch_max: Vec<u32>,
    #[command(flatten)]
    pub run: Run,
}

impl HotArgs {
    pub fn plan(&self, kind: hot::Kind) -> hot::Plan {
        hot::Plan {
            kind,
            size: hot::size(self.apis),
            rounds: self.rounds,
            seconds: self.seconds,
            connections: self.connections.iter().map(|&n| n.into()).collect(),
            batch_max: self.batch_max.clone(),
            release: !self.run.debug,
        }
    }
}

/// Creates.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    pub hot: HotArgs,
    /// Create all APIs in one organisation
    #[arg(long)]
    pub one: bool,
}

/// More requests than can be answered.
#[derive(Debug, Args)]
pub(super) struct OverloadArgs {
    /// Which requests
    #[arg(long, value_enum, default_value = "slow-read")]
    pub on: hot::overload::On,
    /// Seconds of the overload
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub seconds: u64,
    /// How many times the knee (the rate that Registry can just answer) is sent; the goal is 0.9 of the knee in good answers, from 10 times on 0.8
    #[arg(long, default_value_t = 3.0)]
    pub times: f64,
    /// POOL_WAIT_MS: how long a request may wait before it is refused
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub wait_ms: u64,
    #[command(flatten)]
    pub run: Run,
}

impl OverloadArgs {
    pub fn plan(&self) -> Result<hot::overload::Plan, Failure> {
        if !(1.0..=100.0).contains(&self.times) {
            return Err(Failure::usage("--times must be between 1 and 100."));
        }
        Ok(hot::overload::Plan {
            on: self.on,
            seconds: self.seconds,
            times: self.times,
            wait_ms: self.wait_ms,
            release: !self.run.debug,
        })
    }
}

/// The same requests on larger and larger data.
#[derive(Debug, Args)]
pub(super) struct GrowthArgs {
    /// APIs of each data set; 10000000 needs 20 GB of disk
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000", value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub apis: Vec<u64>,
    /// Rounds on each data set
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Seconds of each cell
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    #[command(flatten)]
    pub run: Run,
}

impl GrowthArgs {
    pub fn plan(&self) -> hot::growth::Plan {
        hot::growth::Plan {
            apis: self.apis.clone(),
            rounds: self.rounds,
            seconds: self.seconds,
            release: !self.run.debug,
        }
    }
}

/// A statement with and without a decision.
#[derive(Debug, Args)]
pub(super) struct DecisionsArgs {
    /// APIs in the data set: 10000 of 100 organisations, from 100000 on of 1000
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub apis: u64,
    /// Rounds; in each of them every statement runs with and without what is compared
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Seconds of each statement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Clients of pgbench
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=90))]
    pub clients: u16,
    #[command(flatten)]
    pub run: Run,
}

impl DecisionsArgs {
    pub fn plan(&self) -> hot::decisions::Plan {
        hot::decisions::Plan {
            size: hot::size(self.apis),
            rounds: self.rounds,
            seconds: self.seconds,
            clients: self.clients.into(),
            release: !self.run.debug,
        }
    }
}

/// Two builds of Registry.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: is the read of this working tree as fast as that of the last release?
  lab bench paired --before ../release/target/release/registry --after target/release/registry --only read
Exit code 1 where one comparison is slower or inconclusive.")]
pub(super) struct PairedArgs {
    /// The program of Registry before the change
    #[arg(long, value_name = "PROGRAM")]
    pub before: PathBuf,
    /// The program of Registry after the change
    #[arg(long, value_name = "PROGRAM")]
    pub after: PathBuf,
    /// Only these requests (repeatable)
    #[arg(long, value_enum, value_name = "KIND", default_values = ["read", "list", "create"])]
    pub only: Vec<hot::Kind>,
    /// Connections to Registry
    #[arg(long, value_delimiter = ',', default_value = "16,64", value_parser = clap::value_parser!(u16).range(1..=90))]
    pub connections: Vec<u16>,
    /// APIs in the data set: 10000 of 100 organisations, from 100000 on of 1000
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub apis: u64,
    /// Rounds at most; in each both builds run once
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub rounds: u32,
    /// Seconds of each turn
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Stop when every ratio's 95 % interval is at most this wide to either side
    #[arg(long, default_value_t = 0.04, value_parser = share)]
    pub within: f64,
    #[command(flatten)]
    pub run: Run,
}

fn share(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (0.001..=1.0).contains(value));
    value.ok_or_else(|| "a number between 0.001 and 1".to_owned())
}

impl PairedArgs {
    pub fn plan(&self) -> hot::paired::Plan {
        hot::paired::Plan {
            before: self.before.clone(),
            after: self.after.clone(),
            kinds: self.only.clone(),
            connections: self.connections.iter().map(|&n| n.into()).collect(),
            size: hot::size(self.apis),
            seconds: self.seconds,
            rounds: self.rounds,
            within: self.within,
            release: !self.run.debug,
        }
    }
}

/// Views and copies in turn.
#[derive(Debug, Args)]
pub(super) struct NormalisationArgs {
    #[command(flatten)]
    pub plan: PlanArgs,
    #[command(flatten)]
    pub common: Common,
}

/// Mails.
#[derive(Debug, Args)]
pub(super) struct NotifyArgs {
    /// Changes per second
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// Seconds of each part without an open transaction
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Seconds for which a transaction is held open
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub hold: u64,
    #[command(flatten)]
    pub run: Run,
}

/// Invoices.
#[derive(Debug, Args)]
pub(super) struct MonthEndArgs {
    /// How many organisations are billed; a quarter of them is on the pay-as-you-go plan
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub organisations: u32,
    /// Rounds, each on a system of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// How long the payment sandbox takes for each answer, in milliseconds
    #[arg(long, default_value_t = 1)]
    pub latency_ms: u32,
    /// Leave out the charges, which take longest
    #[arg(long)]
    pub invoices_only: bool,
    #[command(flatten)]
    pub run: Run,
}

/// All benches.
#[derive(Debug, Args)]
pub(super) struct AllArgs {
    /// The folder for one JSON file per bench and a README.md with all of them as text and their goals
    #[arg(long, value_name = "DIR", value_parser = crate::result::attachments::folder)]
    pub save: PathBuf,
    /// Only these (repeatable) [default: all, about 35 minutes]
    #[arg(long, value_name = "BENCH")]
    pub only: Vec<String>,
    /// Rounds of each bench
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Seconds of each cell
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Small data and short parts: only to see that everything runs
    #[arg(long)]
    pub brief: bool,
    /// Run services built without optimisation: only to try the bench itself
    #[arg(long)]
    pub debug: bool,
}
