//! The lab: everything that treats the five services as a value.
//!
//! `lab up` starts them, `lab import` fills them, `lab clock` moves their time.

pub mod cli;
pub mod clock;
mod failure;
pub mod import;
mod target;
pub mod up;

pub use failure::Failure;
pub use target::{Operator, Target, UP_JSON};
