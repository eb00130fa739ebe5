//! `lab selftest`: whether the lab measures what it says it does, on this machine, now.
//!
//! Every test plants a truth and compares what the lab reads with it. One that this machine can't resolve (the truth's
//! own bounds are too wide) says so instead of passing.

mod blame;
mod driver;
mod injected;
mod keys;
mod processors;
mod stub;

use std::path::Path;

use schema::cluster::{Cluster, ClusterOptions};
use serde::{Deserialize, Serialize};

use crate::result::SelfTest;
use crate::{Failure, observe};

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
    note(processors::bubble(&url)?);
    let (law, omission) = driver::known_law()?;
    note(law);
    note(omission);
    note(driver::ceiling()?);
    Ok(tests)
}

/// Name of the file in a results folder that says what the tests said last on this machine.
const SAVED: &str = "selftest.json";

/// What the tests said, when, and where.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Saved {
    at: String,
    machine: String,
    tests: Vec<SelfTest>,
}

/// Keeps the outcome for the runs to come in this results folder.
///
/// # Errors
/// When it can't be written.
pub fn save(results: &Path, tests: &[SelfTest]) -> Result<(), Failure> {
    let now = chrono::Utc::now();
    let saved = Saved {
        at: now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        machine: this_machine(),
        tests: tests.to_vec(),
    };
    let file = results.join(SAVED);
    std::fs::create_dir_all(results)
        .and_then(|()| {
            let text = serde_json::to_string_pretty(&saved).map_err(std::io::Error::other)?;
            std::fs::write(&file, text)
        })
        .map_err(|error| {
            Failure::could_not_run(format!("{} can't be written: {error}.", file.display()))
        })
}

/// What the tests said last on this very machine, and when; nothing where they never ran or ran elsewhere.
#[must_use]
pub fn newest(results: &Path) -> Option<(Vec<SelfTest>, Option<String>)> {
    let text = std::fs::read_to_string(results.join(SAVED)).ok()?;
    let saved: Saved = serde_json::from_str(&text).ok()?;
    (saved.machine == this_machine()).then_some((saved.tests, Some(saved.at)))
}

fn this_machine() -> String {
    let machine = observe::machine();
    format!(
        "{} × {}, {} bytes, {}",
        machine.cpus, machine.model, machine.memory_bytes, machine.kernel
    )
}

/// A test's outcome.
fn outcome(id: &str, pass: Option<bool>, found: String) -> SelfTest {
    SelfTest {
        id: id.into(),
        found,
        pass,
    }
}
