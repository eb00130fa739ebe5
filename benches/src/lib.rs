//! The lab: everything that treats the five services as a value.
//!
//! `lab up` starts them, `lab import` fills them, `lab clock` moves their time, `lab run` measures who slows whom.
//!
//! The modules stand in the order of their layers: each uses only what stands above it in this file (`tests/tidy` holds that).

mod error;
mod place;
mod settle;

pub mod stats;

pub mod import;

pub mod data;

pub mod load;

pub mod design;

pub mod result;

pub mod system;

pub mod observe;

pub mod compare;

pub mod target;

pub mod measure;

pub mod experiments;

pub mod console;

pub mod sql;

pub mod selftest;

pub mod bench;

pub mod report;

pub mod cli;

pub use error::Failure;
pub use place::{Operator, Place, UP_JSON};
