//! `lab sql`: who slows whom in anybody's database, for services that are logins with scripts of pgbench.
//!
//! pgbench drives, one process for each service with its own login: its schedule is open loop, and every transaction is logged. Those logs
//! are one more source of samples; cells, order, intervals and findings are those of `lab run`. By default all runs on a copy.

mod check;
mod init;
mod log;
mod outcome;
mod pgbench;
mod place;
mod session;
mod workload;

pub use check::check;
pub use init::{InitOptions, init};
pub use log::{Log, Summary};
pub use outcome::{Growth, Limit, SqlOutcome, WaitsOf};
pub use place::Wanted;
pub use session::{SqlOptions, run};
pub use workload::{QueryMode, Script, SqlService, SqlWorkload};
