//! The five services on five databases of one server, one broker, a relay at each owner and an ingester at each consumer.

#![expect(clippy::unwrap_used, reason = "tests: a panic is a finding")]

mod brokers;
mod commands;
mod compaction;
mod copies;
mod deployment;
mod freshness;
mod ground;
mod growth;
mod kills;
mod month_end;
mod node;
mod orphans;
mod people;
mod process;
mod records;
mod relays;
mod replays;
mod suites;
mod verify;
mod writers;
