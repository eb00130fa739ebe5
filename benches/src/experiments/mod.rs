//! The experiments: each takes a running deployment and says something about it.

pub mod architectures;
pub mod changes;
pub mod composed;
pub mod failure;
pub mod foreign;
pub mod ladder;
pub mod matrix;
pub mod paired;
pub mod pressure;
pub mod problems;
pub mod scenario;
pub mod schema_change;
pub mod wrong_answers;
