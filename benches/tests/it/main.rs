//! `lab` as a person and a script use it: whole processes, a real Postgres, the public contract.

mod clock;
mod crash;
mod import;
mod migrations;
mod restart;
mod sql;
mod stopped;
mod support;
mod up;
