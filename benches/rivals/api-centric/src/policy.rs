//! What keeps a caller well while a neighbour isn't: small state machines that know neither HTTP nor a clock; the time is
//! given to them.

mod breaker;
mod budget;
mod flights;

pub use breaker::{Breaker, Pass};
pub use budget::RetryBudget;
pub use flights::Flights;

/// Calls to one neighbour at a time; one more is refused at once. A slow neighbour so holds this many requests and no more.
pub const BULKHEAD: usize = 32;
