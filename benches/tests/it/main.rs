//! `lab` as a person and a script use it: whole processes, a real Postgres, the public contract.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the message")]

mod addresses;
mod architectures;
mod attachments;
mod bad_tokens;
mod blocked;
mod changes;
mod clock;
mod compared;
mod composed;
mod console;
mod coupling;
mod crash;
mod dawdlers;
mod demo;
mod deploy;
mod dunning;
mod edges;
mod front_door;
mod fuzz;
mod gateway;
mod import;
mod json_schema;
mod lab_sql;
mod measure;
mod migrations;
mod pages;
mod pooler;
mod processes;
mod restart;
mod rotation;
mod scenario;
mod secrets;
mod sql;
mod starting;
mod stopped;
mod support;
mod target;
mod up;
mod watchers;
