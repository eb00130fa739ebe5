//! The five services on five databases of one server, one broker, a relay at each owner and an ingester at each consumer.

#![expect(clippy::unwrap_used, reason = "tests: a panic is a finding")]

mod brokers;
mod copies;
mod deployment;
mod freshness;
mod records;
mod relays;
mod suites;
