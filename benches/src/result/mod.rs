//! The result file: everything a run measured, with the settings that made it. Written after every cell.

mod file;
mod matrix;

pub use file::{
    Apportioned, CellResult, Delay, Freshness, LedgerResult, Machine, MalformedResult,
    PostgresInfo, ResultFile, RoleCost, Run, SCHEMA_VERSION, SelfTest, ServiceInfo, ServiceResult,
};
pub use matrix::{CENSORED_US, Entry, Matrix, Metric, analyse};
