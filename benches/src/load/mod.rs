//! What is sent when, sending it open loop or closed loop, and what a workload's names mean over HTTP.

pub mod closed;
pub mod driver;
pub mod operations;
pub mod schedule;
pub mod writes;
