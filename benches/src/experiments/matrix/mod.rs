//! `lab run`: the interference matrix from nothing.

pub(crate) mod progress;
mod session;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::Failure;
use crate::data::Size;
use crate::measure::knee::Knee;
use crate::measure::plan::{Options, blank_of_ours, new_folder, read, read_workload, save};
use crate::measure::{calibrate, kept};
use crate::result::{SCHEMA_VERSION, ServiceInfo};
use crate::system::{Deployment, Engines, Layout};
use session::Session;

/// Runs the experiment and returns the folder with `result.json`. Once `stop` is true the running cell
/// is finished, what there is is analysed, and the result says that it isn't complete.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<PathBuf, Failure> {
    let started = Instant::now();
    if options.utilisation > 1.0 && options.preset.claims_ratios() {
        return Err(Failure::usage(
            "Above a utilisation of 1 nothing is steady, so nothing can be compared: --preset stress shows what happens there.",
        ));
    }
    let workload = read_workload(options)?;
    let rates = options.rates_from.as_deref().map(read).transpose()?;
    if options.layout.engines != Engines::One {
        return Err(Failure::usage(
            "One server is observed, and with --engines 5 each database has its own: `lab run` works with --engines 1.",
        ));
    }
    let mut deployment = Deployment::filled_as(options.layout, options.size, options.seed, options.optimised, stop)?;
    let running: Vec<String> =
        deployment.services().into_iter().filter(|name| workload.services.contains_key(name)).collect();
    let services = options.preset.services(&running);
    let mut infos = match rates {
        Some(of) => known(of.services, &services)?,
        None => calibrate::rates(&mut deployment, &workload, &services, options)?,
    };
    let knees = kept::newest::<BTreeMap<String, f64>>(&options.results, KNEES);
    let (knees, _) = knees.unwrap_or_default();
    for info in &mut infos {
        info.knee_per_s = knees.get(&info.name).copied();
    }
    let folder = new_folder(options)?;
    let mut result = blank_of_ours(options, &deployment, infos, workload, &folder)?;
    let tests = kept::newest_tests(&options.results);
    (result.selftest, result.selftest_at) = tests.unwrap_or_default();
    save(&result, &folder)?;
    Session { deployment, result, folder, options: options.clone(), started, before_s: 0.0 }.go_on(stop)
}

/// Goes on with a run that ended early, in the same order at the same rates; what is there is kept.
pub fn resume(folder: &Path, stop: &Arc<AtomicBool>) -> Result<PathBuf, Failure> {
    let started = Instant::now();
    let mut result = read(&folder.join("result.json"))?;
    if result.target.as_ref().is_some_and(|target| target.foreign) {
        return Err(Failure::usage("That run was at a target of its own, which has gone on since: start another one."));
    }
    if result.target.as_ref().is_some_and(|target| !target.shares_a_database()) {
        return Err(Failure::usage(
            "Only a run of the architecture shared-database can be resumed: start another one.",
        ));
    }
    let size = [Size::SMALL, Size::LARGE]
        .into_iter()
        .find(|size| size.apis == result.run.data_apis)
        .ok_or_else(|| Failure::usage("That run's data set is none that this lab can make."))?;
    let options = Options {
        layout: Layout::default(),
        preset: result.run.preset,
        seed: result.run.seed,
        results: folder.parent().unwrap_or(folder).to_owned(),
        workload: None,
        utilisation: 0.0,
        size,
        optimised: result.run.optimised,
        rates_from: None,
    };
    if result.run.complete {
        return Ok(folder.to_owned());
    }
    let deployment = Deployment::filled(size, options.seed, options.optimised, stop)?;
    result.run.resumed += 1;
    // Fields of an older version get their new names.
    result.schema_version = SCHEMA_VERSION;
    Session { deployment, before_s: result.run.duration_s, result, folder: folder.to_owned(), options, started }
        .go_on(stop)
}

/// Name of the file in a results folder that holds, by service, the rate above which it bends on this machine.
const KNEES: &str = "knees.json";

/// Keeps knees for the runs to come in this results folder, with those of other services.
///
/// # Errors
/// When the file can't be written.
pub fn save_knees(results: &Path, found: &[Knee]) -> Result<(), Failure> {
    let before = kept::newest::<BTreeMap<String, f64>>(results, KNEES);
    let (mut knees, _) = before.unwrap_or_default();
    let bent = found.iter().filter(|knee| knee.found);
    knees.extend(bent.map(|knee| (knee.service.clone(), knee.rate_per_s)));
    kept::keep(results, KNEES, &knees)
}

/// Another run's rates, where they are for the services of this one.
fn known(rates: Vec<ServiceInfo>, services: &[String]) -> Result<Vec<ServiceInfo>, Failure> {
    let of: Vec<&str> = rates.iter().map(|info| info.name.as_str()).collect();
    if services.iter().all(|name| of.contains(&name.as_str())) && of.len() == services.len() {
        return Ok(rates);
    }
    Err(Failure::usage(format!(
        "That run drove {}, this one drives {}: they can't be compared.",
        of.join(", "),
        services.join(", ")
    )))
}
