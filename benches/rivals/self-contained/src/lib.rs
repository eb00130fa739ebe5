//! The self-contained architecture: the product's five services, unchanged, each on a database of its own. What is a view on a
//! neighbour's table in the shared database is a table here, filled from a commit log (Kafka).
//!
//! ```text
//! owner's database ──► relay ──► a topic per noun, a topic per feed ──► ingester ──► consumer's database
//! ```
//!
//! - [`kafka`] finds a broker or starts one; [`topics`] says which topics there are, and makes them;
//! - [`relay`] puts what a service shows on the log: for each change of its feed the rows that the change concerns as they are now
//!   (`relay::touched` knows which), and then the change itself;
//! - [`ingest`] writes a consumer's copies. Its offsets are stored in the rows' own transaction, and a change becomes
//!   visible once the rows that it depends on are there;
//! - [`verify`] compares every topic and copy with its owner's view, and repairs what differs; [`replay`] writes what is on the log into the copies again;
//! - [`grow`] gives the topics more partitions;
//! - [`orphans`] finds owners who are gone, which no key refuses here, and removes them;
//! - [`observe`] shows how far behind each of them is, and whether it is ready.
//!
//! # Starting it
//!
//! One binary, `self-contained`. A part runs until SIGTERM or SIGINT; exit codes: 0 stopped or done, 1 a finding, 2 usage, 3 failed to run. A
//! database or a broker that is away is waited for.
//!
//! | command | environment | what |
//! | --- | --- | --- |
//! | `broker` | `KAFKA_BROKERS`, `KAFKA_HOME`, `GOVRNANZA_HOME` | finds or starts a broker, and prints its address |
//! | `node` | `BROKER_FOLDER`, `BROKER_PORT`, `BROKER_CONTROLLER_PORT`, `BROKER_ADVERTISED_PORT`, `KAFKA_HOME`, `GOVRNANZA_HOME` | becomes a broker with its data in that folder; `--prepare` only makes ready what that needs |
//! | `topics` | `KAFKA_BROKERS`, `TOPIC_PREFIX`, `TOPIC_PARTITIONS`, `TOPIC_REPLICATION` | makes the topics that are missing, and ends |
//! | `relay` | `SERVICE`, `RELAY_DATABASE_URL`, `KAFKA_BROKERS`, `TOPIC_PREFIX`, `RELAY_POLL_MS`, `RELAY_COMPARE_MS`, `LISTEN`, `READY_LAG_MS` | one for each of [`OWNERS`] |
//! | `ingester` | `SERVICE`, `COPIER_DATABASE_URL`, `KAFKA_BROKERS`, `TOPIC_PREFIX`, `LISTEN`, `READY_LAG_MS`, `APPLY_DELAY_MS` | one for each of the five services |
//! | `verify` | `RELAY_DATABASE_URLS`, `COPIER_DATABASE_URLS`, `KAFKA_BROKERS`, `TOPIC_PREFIX` | compares; `--repair` repairs; exit code 1: differences stay |
//! | `replay` | `SERVICE`, `COPIER_DATABASE_URL`, `KAFKA_BROKERS`, `TOPIC_PREFIX` | `--from 0` or `-48h`, of all nouns or of each `--noun` |
//! | `backfill` | the same | `--noun persons --column email`: a new column of a copy |
//! | `grow` | `KAFKA_BROKERS`, `TOPIC_PREFIX` | `--partitions 12` of each topic, while everything is at work |
//! | `orphans` | `REGISTRY_RELAY_URL`, `PROFILE_RELAY_URL`, `REGISTRY_WRITER_URL` | lists; `--repair` removes owners who are gone; exit code 1: there are some |
//!
//! The databases are those of `dba apply --own SERVICE`; the logins are [`schema::OwnDatabase::relay`] and
//! [`schema::OwnDatabase::copier`]. In this order: broker, topics, Account (it makes its signing key), relays and ingesters, the other services.

mod apply;
mod error;
mod gate;
pub mod grow;
pub mod ingest;
pub mod kafka;
pub mod observe;
pub mod orphans;
mod produce;
mod read;
mod record;
pub mod relay;
pub mod replay;
mod sent;
pub mod topics;
pub mod verify;

pub use error::Error;
pub use sent::{Latest, latest};

/// Who shows something that others read.
pub const OWNERS: [&str; 5] = ["account", "profile", "registry", "billing", "notification"];

/// Where the log is.
#[derive(Debug, Clone, clap::Args)]
pub struct Log {
    /// Kafka's bootstrap servers: `127.0.0.1:9092,…`
    #[arg(long, env = "KAFKA_BROKERS")]
    pub kafka_brokers: String,
    /// What every topic's name begins with.
    #[arg(long, env = "TOPIC_PREFIX", default_value = "govrnanza.")]
    pub topic_prefix: String,
}

impl Log {
    /// The topic of a noun.
    #[must_use]
    pub fn topic(&self, noun: &schema::Noun) -> String {
        format!("{}{}", self.topic_prefix, noun.name)
    }

    /// Settings of a client that every role shares.
    fn client(&self, name: &str) -> rdkafka::ClientConfig {
        let mut config = rdkafka::ClientConfig::new();
        config.set("bootstrap.servers", &self.kafka_brokers).set("client.id", name);
        // After an outage nobody waits longer than half a second for the next try.
        config.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "500");
        config
    }

    /// Settings of a consumer of the partitions that it is given; it shares them with no group.
    fn consumer_config(&self, name: &str) -> rdkafka::ClientConfig {
        let mut config = self.client(name);
        config.set("group.id", name).set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
        config.set("isolation.level", "read_committed");
        config
    }
}
