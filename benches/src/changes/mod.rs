//! `lab changes`: what a schema change of one service costs the others, with the published views in between and without them.

pub mod catalogue;
mod log;
pub mod scratch;
pub mod verify;
mod walk;
pub mod weigh;
mod without;
