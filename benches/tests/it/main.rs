//! `lab` as a person and a script use it: whole processes, a real Postgres, the public contract.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a panic is the message"
)]

mod changes;
mod clock;
mod coupling;
mod crash;
mod dunning;
mod import;
mod json_schema;
mod measure;
mod migrations;
mod processes;
mod restart;
mod sql;
mod stopped;
mod support;
mod up;
