//! Measuring one cell of a run, and what every experiment needs around it: rates, knees, sessions of SQL, audits, the plan.

pub mod audit;
pub mod calibrate;
pub mod canary;
pub mod cell;
pub mod control_workload;
pub mod driven;
pub mod freshness;
pub mod kept;
pub mod knee;
pub mod month;
pub mod plan;
pub mod sessions;
pub mod staleness;
