//! The five services on five databases of one server, each call between them through a relay that can be stopped, be slow,
//! flap, or answer rubbish.

#![expect(clippy::unwrap_used, reason = "tests: a panic is a finding")]

mod deployment;
mod edges;
mod facts;
mod feeds;
mod internal;
mod kills;
mod month_end;
mod overlap;
mod process;
mod relay;
mod suites;
