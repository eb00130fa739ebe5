//! The lab: everything that treats the five services as a value.
//!
//! `lab up` starts them, `lab import` fills them, `lab clock` moves their time.

pub mod arms;
pub mod article;
pub mod aside;
pub mod bench;
pub mod bystander;
pub mod changes;
pub mod cli;
pub mod clock;
pub mod compare;
pub mod contender;
pub mod dataset;
pub mod dial;
pub mod driver;
pub mod experiment;
pub mod export;
mod failure;
pub mod import;
pub mod ladder;
pub mod observe;
pub mod operations;
pub mod outage;
pub mod report;
pub mod result;
pub mod rival;
pub mod run;
mod saved;
pub mod scenario;
pub mod schedule;
pub mod selftest;
pub mod stats;
mod target;
pub mod underway;
pub mod up;
mod written;

pub use failure::Failure;
pub use target::{Operator, Target, UP_JSON};
