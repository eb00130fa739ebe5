//! `dba impact`: what a change of the database does to everybody who uses it, tried out before it is made.
//!
//! Nothing is parsed and nothing is guessed by rules: on a clone, every statement of every service is prepared as its own role, the change is run, and the
//! statements are planned again, both those prepared before it and anew. Then all is rolled back. What is reported is what Postgres said: SQLSTATEs, locks,
//! rewrites, rows scanned.

mod input;
mod report;
mod services;
mod verdict;

pub use input::{Change, LIVE_LOCK_TIMEOUT, On, Options, QueueOptions, Statement};
pub use report::{
    Conflict, Failure, Impact, Lock, Place, Queue, Refused, RightLost, Scan, ServiceImpact,
    Skipped, StatementImpact, Step, Waited,
};
pub use services::service_of;
pub use verdict::Verdict;

use crate::error::{Error, Result};

/// Tries `change` out in the database at `url` and judges `statements`. `url` is a superuser's, or of a role that may create databases and become the
/// others. Nothing is left behind.
///
/// # Errors
/// [`Error::Unavailable`] where nothing could be judged: no statement at all, or none that works before the change; where no clone can be made; where a live
/// database is too busy to give its locks within [`LIVE_LOCK_TIMEOUT`].
pub fn analyse(
    url: &str,
    change: &Change,
    statements: &[Statement],
    options: &Options,
) -> Result<Impact> {
    let _ = (url, change, statements, options);
    Err(Error::Unavailable("not written yet".into()))
}
