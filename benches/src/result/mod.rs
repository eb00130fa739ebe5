//! The result file: everything a run measured, with the settings that made it. Written after every cell.

mod about;
pub mod attachments;
mod cell;
mod closure;
mod combination;
mod disturbance;
mod file;
mod growth;
mod matrix;
mod measured;
mod metric;
mod table;
pub mod text;
mod verdict;
mod wait;
mod warning;

pub use about::{
    Check, Delay, Freshness, Machine, PostgresInfo, SHARED_DATABASE, SelfTest, ServiceInfo, TargetInfo, contract,
    contracts_differ,
};
pub use cell::{Apportioned, CellResult, DRIVER, LedgerResult, Resource, RoleCost, ServiceResult};
pub(crate) use closure::lines as ledger_lines;
pub use closure::{Closure, ClosureLine, HOLDS, Method, What};
pub(crate) use combination::{ALONE, others_run, while_running};
pub(crate) use disturbance::is_disturbed;
pub use file::{MalformedResult, ResultFile, Run, SCHEMA_VERSION};
pub use growth::Growth;
pub(crate) use matrix::{Arm, Arms, arms, estimate, pooled, tail_count};
pub use matrix::{Entry, Matrix, Suspect, analyse};
pub use measured::{Measured, Outcome};
pub use metric::{CENSORED_US, Metric};
pub use table::Table;
pub use verdict::Verdict;
pub use wait::Wait;
pub use warning::Warning;
