//! The parts of the self-contained architecture: see the crate's documentation.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use self_contained::kafka::{self, Broker, Options};
use self_contained::{Error, Log, ingest, observe, relay, topics};

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
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("self-contained: {error}");
            ExitCode::from(if matches!(error, Error::Usage(_)) { 2 } else { 3 })
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
    }
}
