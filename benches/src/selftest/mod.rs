//! `lab selftest`: whether the lab measures what it says it does, on this machine, now.
//!
//! Every test plants a truth and compares what the lab reads with it. One that this machine can't resolve (the truth's
//! own bounds are too wide) says so instead of passing.

mod blame;
mod driver;
mod keys;
mod stub;

use schema::cluster::{Cluster, ClusterOptions};

use crate::Failure;
use crate::result::SelfTest;

/// Runs all tests that need no running system: the driver's against a stub, the ledger's on a throw-away Postgres.
///
/// # Errors
/// When Postgres can't be started; a test that fails is a result.
pub fn run(say: impl Fn(&SelfTest)) -> Result<Vec<SelfTest>, Failure> {
    let could_not = |error: schema::Error| Failure::could_not_run(format!("{error}."));
    let mut tests = Vec::new();
    let mut note = |test: SelfTest| {
        say(&test);
        tests.push(test);
    };
    let cluster = Cluster::find_or_start(&ClusterOptions {
        careless: false,
        ..ClusterOptions::ephemeral()
    })
    .map_err(could_not)?;
    let url = cluster.url().to_owned();
    note(blame::injected_row_locks(&url)?);
    note(blame::hot_row(&url)?);
    note(blame::ddl_queue(&url)?);
    note(keys::truth_table(&url)?);
    let (law, omission) = driver::known_law()?;
    note(law);
    note(omission);
    note(driver::ceiling()?);
    Ok(tests)
}

/// A test's outcome.
fn outcome(id: &str, pass: Option<bool>, found: String) -> SelfTest {
    SelfTest {
        id: id.into(),
        found,
        pass,
    }
}
