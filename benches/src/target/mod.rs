//! Another system behind the same contract, measured as a black box.
//!
//! `target.toml` needs base URLs and nothing more (level B0). `Server-Timing` in its answers shows where the time went (B1),
//! a login with `pg_monitor` who waited for whom (B2), process ids on this machine what each process used (B3).

mod audit;
mod file;
mod load;
pub mod probe;

pub use audit::audit;
pub use file::{Frozen, PostgresTarget, TargetFile};
pub use load::{Loaded, load, sign_in_again};
