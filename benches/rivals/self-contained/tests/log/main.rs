//! The five services on five databases of one server, one broker, a relay at each owner and an ingester at each consumer.

#![expect(clippy::unwrap_used, reason = "tests: a panic is a finding")]

mod copies;
mod deployment;
mod freshness;
mod ground;
mod kills;
mod month_end;
mod node;
mod process;
mod records;
mod relays;
mod suites;
