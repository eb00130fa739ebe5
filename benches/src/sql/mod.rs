//! `lab sql`: who slows whom in anybody's database, for services that are logins with scripts of pgbench.
//!
//! pgbench drives, one process for each service with its own login: its schedule is open loop, and every transaction is logged. Those logs
//! are one more source of samples; cells, order, intervals and findings are those of `lab run`. By default all runs on a copy.

mod causes;
mod check;
mod drive;
mod harm;
mod init;
mod knee;
mod log;
mod outcome;
mod pgbench;
mod place;
mod remedy;
mod seldom;
mod session;
mod workload;
pub mod yardstick;

pub use causes::{Part, Through};
pub use check::check;
pub use harm::{Harm, help as harms};
pub use init::{InitOptions, init};
pub use knee::{KneeOptions, KneeStep, Knees, Obstacle, SqlKnee, Stop, knee};
pub use log::{Log, Summary};
pub use outcome::{Growth, Limit, SqlOutcome, WaitsOf};
pub use place::Wanted;
pub use remedy::{Effect, Tried, effects};
pub use session::{SqlOptions, run};
pub use workload::{QueryMode, Script, SqlService, SqlWorkload};
