//! `lab selftest`: whether the lab measures what it says it does, on this machine, now.
//!
//! Every test plants a truth and compares what the lab reads with it. One that this machine can't resolve (the truth's
//! own bounds are too wide) says so instead of passing.

mod blame;
mod driver;
mod injected;
mod isolation;
mod keys;
mod nulls;
mod others;
mod processors;
mod quiet;
mod repeats;
mod shared;
mod stub;
mod twin;
mod unshared;
mod watching;

pub use driver::{Ceiling, reach as driver_ceiling};

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use schema::cluster::{Cluster, ClusterOptions};

use crate::Failure;
use crate::data::Size;
use crate::result::SelfTest;
use crate::system::Deployment;
use quiet::{attempt, others};

/// What can be tested, in the order it is: the short ones, and those that need the whole system and minutes.
pub const SHORT: [&str; 10] = ["V1", "V2", "V3", "V4", "V8", "V6", "V7", "V9", "V11", "ceiling"];
/// Those of them that take half a minute together: what a first run on a machine begins with.
pub const BRIEF: [&str; 5] = ["V1", "V3", "V4", "V8", "ceiling"];
/// See [`SHORT`].
pub const LONG: [&str; 4] = ["V5", "V10", "V12", "V13"];

/// Which tests, and how much of them.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ids of [`SHORT`] and [`LONG`]; empty: all short ones.
    pub only: Vec<String>,
    /// The long ones too.
    pub long: bool,
    /// Comparisons of V5 between identical systems.
    pub nulls: u32,
    /// Services as they are built for load.
    pub optimised: bool,
}

impl Options {
    fn wants(&self, id: &str) -> bool {
        if self.only.is_empty() {
            return SHORT.contains(&id) || self.long && LONG.contains(&id);
        }
        self.only.iter().any(|only| only.eq_ignore_ascii_case(id))
    }
}

/// Runs what is wanted; each outcome goes to `say` as soon as it is known.
///
/// # Errors
/// When Postgres or the services can't be started; a test that fails is a result.
pub fn run(options: &Options, stop: &Arc<AtomicBool>, say: impl Fn(&SelfTest)) -> Result<Vec<SelfTest>, Failure> {
    let mut tests = Vec::new();
    let mut note = |test: SelfTest| {
        say(&test);
        tests.push(test);
    };
    let wants = |id| options.wants(id);
    if ["V1", "V2", "V3", "V4", "V8"].into_iter().any(wants) {
        on_a_cluster(&wants, &mut note)?;
    }
    if wants("V6") {
        note(attempt(driver::known_law, others)?);
    }
    if wants("V7") {
        note(attempt(driver::omission, others)?);
    }
    if wants("V9") || wants("V11") {
        let clusters = isolation::Clusters::start()?;
        if wants("V9") {
            note(attempt(|| clusters.pressures(), others)?);
        }
        if wants("V11") {
            note(attempt(|| clusters.ladder(), others)?);
        }
    }
    if wants("ceiling") {
        note(driver::ceiling()?);
    }
    if wants("V13") {
        note(unshared::stubs(stop)?);
    }
    if wants("V5") {
        let deployment = Deployment::filled(Size::SMALL, 1, options.optimised, stop)?;
        note(nulls::false_alarms(&deployment, options.nulls, stop)?);
        note(twin::idle(&deployment, stop)?);
        note(watching::on_and_off(&deployment, stop)?);
    }
    if wants("V10") || wants("V12") {
        repeats::run(options.optimised, &wants, stop)?.into_iter().for_each(note);
    }
    Ok(tests)
}

/// The ledger's tests, on a throw-away Postgres.
fn on_a_cluster(wants: &dyn Fn(&'static str) -> bool, note: &mut dyn FnMut(SelfTest)) -> Result<(), Failure> {
    let cluster = Cluster::find_or_start(&ClusterOptions { careless: false, ..ClusterOptions::ephemeral() })?;
    let url = cluster.url();
    type Test = fn(&str) -> Result<SelfTest, Failure>;
    let tests: [(&str, Test); 5] = [
        ("V1", blame::injected_row_locks),
        ("V2", blame::hot_row),
        ("V3", blame::ddl_queue),
        ("V4", keys::truth_table),
        ("V8", processors::heavy_and_light),
    ];
    for (_, test) in tests.into_iter().filter(|(id, _)| wants(id)) {
        note(attempt(|| test(url), others)?);
    }
    Ok(())
}
