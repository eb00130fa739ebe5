//! Bring your own: an architecture of somebody else's behind the same contract, as a black box.
//!
//! `target.toml` needs base URLs and nothing more (level B0). Answers with `Server-Timing` tell where the time went (B1), a
//! login with `pg_monitor` who waited for whom (B2), process ids on this machine what everybody used (B3).

mod audit;
mod file;
mod load;
pub mod probe;

pub use audit::audit;
pub use file::{Frozen, PostgresTarget, TargetFile};
pub use load::{Loaded, load, sign_in_again};
