//! The lab: everything that treats the five services as a value.
//!
//! `lab up` starts them, `lab import` fills them, `lab clock` moves their time.

mod failure;
pub mod import;

pub use failure::Failure;
