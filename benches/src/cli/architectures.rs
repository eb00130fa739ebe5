//! `lab architectures`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum as _};

use super::common::{Data, Format, interruptible, positive, print, print_line};
use super::experiment::test_itself_briefly;
use crate::experiments::architectures::{self, Plan, Plant, Shares};
use crate::measure::kept;
use crate::result::attachments;
use crate::system::Architecture;
use crate::{Failure, report};

/// Measure a shared database, HTTP calls between the services and a commit log (Kafka) in one run, and say which one is better in what.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: all three, on a machine that does nothing else (about half an hour; Java 17, and Maven or KAFKA_HOME, for the log):
  lab architectures
Example: two of them, without Kafka, and no service stopped (about 8 min):
  lab architectures --architecture shared-database,api-centric --stop-seconds 0
Example: the shared database in two columns, between which nothing may differ (about 20 min):
  lab architectures --null --stop-seconds 0
Example: 5 ms more before each call between services, which must be found in the last column (about 15 min):
  lab architectures --architecture shared-database,api-centric,api-centric --plant internal-call=5ms --stop-seconds 0
Example: also with delays between all processes, and with other shares of writes (about an hour):
  lab architectures --delay 0,0.5,2 --mixes 99:1,90:10,50:50
Written are comparison.html, comparison.json (benches/attachments.schema.json#/$defs/comparison) and each architecture's result.json.
Exit code 1 where something that must always hold didn't, or what was planted wasn't found.")]
pub(super) struct ArchitecturesArgs {
    /// Which, in the order of the columns: the others are compared with the first
    #[arg(long, value_delimiter = ',', value_enum, value_name = "NAME,NAME,…",
        default_values = ["shared-database", "api-centric", "self-contained"])]
    architecture: Vec<Architecture>,
    /// The first one once more in place of the second: whatever differs between these two columns is chance
    #[arg(long)]
    null: bool,
    /// Latency with so many milliseconds more on the way from each process to another and back, by relays that then stand there in all blocks
    #[arg(long, value_delimiter = ',', value_name = "MS,MS,…", value_parser = delay, conflicts_with = "plant")]
    delay: Vec<f64>,
    /// Latency with so many reads to so many writes, beside the usual mix
    #[arg(long, value_delimiter = ',', value_name = "READS:WRITES,…", value_parser = Shares::parse)]
    mixes: Vec<Shares>,
    /// For trying the comparison itself: a delay in the last column of the architecture that has it, which needs another column without
    #[arg(long, value_name = "WHERE=MS", value_parser = Plant::parse)]
    plant: Vec<Plant>,
    /// Blocks of each architecture: the number of independent observations
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=100))]
    rounds: u16,
    /// Seconds of each block that are measured
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Requests per second of all services together
    #[arg(long, default_value = "150", value_name = "N", value_parser = positive)]
    rate: f64,
    /// How often a name and a freeze are followed to another service in each block
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    tries: u16,
    /// Seconds for which each service is stopped after the blocks; 0: none is, and no wrong answers are counted
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=600))]
    stop_seconds: u64,
    /// Go on with a run that ended early, in its folder, by its plan
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["architecture", "null", "delay", "mixes", "plant", "rounds", "seconds", "rate",
        "tries", "stop_seconds", "results", "seed", "data", "unoptimised"])]
    resume: Option<PathBuf>,
    /// The results folder: a folder named by the moment is made there
    #[arg(long, default_value = "results", value_name = "DIR", value_parser = attachments::folder)]
    results: PathBuf,
    /// Seed of data, requests and order
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

impl ArchitecturesArgs {
    fn plan(&self) -> Plan {
        let mut of = self.architecture.clone();
        if self.null {
            of.splice(1..of.len().min(2), [of[0]]);
        }
        let mut delays_ms = self.delay.clone();
        delays_ms.sort_by(f64::total_cmp);
        Plan {
            architectures: of.iter().map(|one| one.name().to_owned()).collect(),
            rounds: self.rounds.into(),
            seconds: self.seconds,
            rate_per_s: self.rate,
            tries: self.tries.into(),
            stop_seconds: self.stop_seconds,
            seed: self.seed,
            optimised: !self.unoptimised,
            apis: self.data.size().apis,
            plants: self.plant.clone(),
            delays_ms,
            mixes: self.mixes.clone(),
        }
    }
}

/// Measures them, writes the page and prints the same tables.
pub(super) fn compare(args: &ArchitecturesArgs) -> Result<ExitCode, Failure> {
    let (plan, folder) = match &args.resume {
        Some(folder) => (architectures::plan_of(folder)?, folder.clone()),
        None => (args.plan(), args.results.join(format!("{}", chrono::Utc::now().format("%Y-%m-%d-%H%M%S")))),
    };
    let of = plan.architectures.iter().map(|name| Architecture::from_str(name, false).map_err(Failure::usage));
    let of = of.collect::<Result<Vec<_>, _>>()?;
    let stop = interruptible()?;
    let results = folder.parent().unwrap_or(&folder);
    if plan.optimised && kept::newest_tests(results).is_none() {
        test_itself_briefly(results, plan.optimised, &stop)?;
    }
    let found = architectures::run(&of, &plan, &folder, &stop)?;
    print(args.format, &found.to_string(), &found);
    if !found.outcome.whole {
        return Err(Failure::could_not_run(format!(
            "Ended early: this is incomplete, and was not kept; what was measured of each architecture is. To go on: lab architectures --resume {}",
            folder.display()
        )));
    }
    architectures::keep(&found, &folder)?;
    let page = folder.join("comparison.html");
    report::write_architectures(&found, &page)?;
    if args.format == Format::Text {
        print_line(format_args!("The page: {}", page.display()));
    }
    let missed = found.outcome.planted.iter().any(|one| !one.is_found());
    Ok(ExitCode::from(u8::from(missed || !found.outcome.is_sound())))
}

fn delay(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|ms| (0.0..=50.0).contains(ms));
    found.ok_or_else(|| "expected milliseconds, 0 to 50".to_owned())
}
