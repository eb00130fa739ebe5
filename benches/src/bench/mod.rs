//! `lab bench`: what one thing costs, measured and printed.

pub mod goals;
pub mod hot;
pub mod month_end;
pub mod normalisation;
pub mod notify;
pub mod yardstick;
