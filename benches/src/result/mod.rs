//! The result file: everything a run measured, with the settings that made it. Written after every cell.

mod about;
mod cell;
mod file;
mod matrix;

pub use about::{Delay, Freshness, Machine, PostgresInfo, SelfTest, ServiceInfo};
pub use cell::{Apportioned, CellResult, LedgerResult, RoleCost, ServiceResult};
pub use file::{MalformedResult, ResultFile, Run, SCHEMA_VERSION};
pub use matrix::{CENSORED_US, Entry, Matrix, Metric, analyse};
