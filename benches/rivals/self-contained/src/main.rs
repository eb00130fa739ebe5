//! The parts of the self-contained architecture: see the crate's documentation.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use self_contained::kafka::{self, Broker, Options};
use self_contained::{Error, Log, grow, ingest, observe, orphans, relay, replay, topics, verify};

/// The self-contained architecture: services on a database each, copies from a log.
#[derive(Parser)]
enum Command {
    /// Finds or starts a broker, and prints its address.
    Broker,
    /// Becomes a Kafka node whose folder and ports stay the same.
    Node {
        #[command(flatten)]
        node: kafka::Node,
        /// Only makes ready what it needs.
        #[arg(long)]
        prepare: bool,
    },
    /// Makes the topics that are missing.
    Topics {
        #[command(flatten)]
        log: Log,
        /// Partitions of each topic.
        #[arg(long, env = "TOPIC_PARTITIONS", default_value_t = 1)]
        topic_partitions: i32,
        /// Copies of each partition.
        #[arg(long, env = "TOPIC_REPLICATION", default_value_t = 1)]
        topic_replication: i32,
    },
    /// Puts what a service shows on the log.
    Relay {
        #[command(flatten)]
        settings: relay::Settings,
        #[command(flatten)]
        at: observe::Settings,
    },
    /// Fills a service's copies from the log.
    Ingester {
        #[command(flatten)]
        settings: ingest::Settings,
        #[command(flatten)]
        at: observe::Settings,
    },
    /// Compares every topic and copy with its owner's view; exit code 1: something differs.
    Verify(verify::Settings),
    /// Writes what is on the log into a service's copies again, while everything is at work.
    Replay {
        #[command(flatten)]
        settings: replay::Settings,
        /// These nouns alone
        #[arg(long = "noun")]
        nouns: Vec<String>,
    },
    /// Fills a new column of a copy from the log, while the ingester that doesn't know it goes on.
    Backfill {
        #[command(flatten)]
        settings: replay::Settings,
        /// Of this noun
        #[arg(long)]
        noun: String,
        /// A column of the consumer's table
        #[arg(long)]
        column: String,
    },
    /// Gives each topic more partitions, while everything is at work.
    Grow(grow::Settings),
    /// Lists APIs and domains whose owner at Registry doesn't exist at Profile; exit code 1: there are some.
    ///
    /// The rule of --repair: the owner's field becomes null, by Registry's own writer under the row's lock, only where it still names this person, and
    /// with the change that the service would have written, so that watchers are notified and the log has it. Nobody is brought back, for a
    /// deleted person's data are erased, and nobody else is named: an admin decides.
    Orphans(orphans::Settings),
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("self-contained: {error}");
            ExitCode::from(match error {
                Error::Found(_) => 1,
                Error::Usage(_) => 2,
                _ => 3,
            })
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    let stopping = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stopping))?;
    }
    match command {
        Command::Broker => {
            let broker = Broker::find_or_start(&Options::from_environment())?;
            println!("{}", broker.servers);
            while !stopping.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        }
        Command::Topics { log, topic_partitions, topic_replication } => {
            topics::create(&log, topic_partitions, topic_replication)
        }
        Command::Node { node, prepare: true } => kafka::prepare(&node, &Options::from_environment()).map(drop),
        Command::Node { node, prepare: false } => kafka::become_node(&node, &Options::from_environment()),
        Command::Relay { settings, at } => {
            let told = Arc::default();
            observe::relay(&at, &settings, &told, &stopping)?;
            relay::run_telling(&settings, &stopping, &told)
        }
        Command::Ingester { settings, at } => {
            observe::ingester(&at, &settings, &stopping)?;
            ingest::run(&settings, &stopping)
        }
        Command::Grow(settings) => grow::run(&settings),
        Command::Orphans(settings) => orphans::run(&settings),
        Command::Verify(settings) => verify::run(&settings),
        Command::Replay { settings, nouns } => replay::replay(&settings, &nouns, |done| println!("{done}")),
        Command::Backfill { settings, noun, column } => {
            println!("{}", replay::backfill(&settings, &noun, &column)?);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Command::command().debug_assert();
    }
}
