//! The result file: everything a run measured, with the settings that made it. Written after every cell.

mod about;
mod arms;
pub mod attachments;
mod cell;
mod closure;
mod file;
mod growth;
mod matrix;
mod table;

pub use about::{Check, Delay, Freshness, Machine, PostgresInfo, SelfTest, ServiceInfo, TargetInfo, contract};
pub(crate) use arms::{ALONE, beside, is_company};
pub use cell::{Apportioned, CellResult, LedgerResult, Resource, RoleCost, ServiceResult};
pub use closure::{Closure, ClosureLine, HOLDS, Method, What};
pub use file::{MalformedResult, ResultFile, Run, SCHEMA_VERSION};
pub use growth::Growth;
pub(crate) use matrix::{Arm, Arms, arms, estimate, pooled, tail_count};
pub use matrix::{CENSORED_US, Entry, Matrix, Metric, analyse};
pub use table::Table;
