//! `lab run --target target.toml`: the same cells at another team's system, through the contract.
//!
//! Nothing is started, stopped or reset. Every replicate starts with what the ones before left, the same in all its cells.

mod plan;
mod session;
mod site;
mod watch;

use crate::measure::kept as kept_files;
use crate::result::contract;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Instant;

use crate::Failure;
use crate::load::schedule::Workload;
use crate::measure::plan::{Options, Subject, blank, new_folder, read_workload};
use crate::result::TargetInfo;
use crate::target::{self, TargetFile, probe};
use plan::{kept, rates, refusal};
use session::Session;
use site::Foreign;

const CONTRACT: &str = include_str!("../target/workload.toml");

/// Probes the target, fills it, runs every cell and returns the folder with `result.json`, `report.html` and the mix that
/// was really asked for (`workload.toml`).
///
/// # Errors
/// When the target lacks something and `allow_partial` is false, or can't be filled.
pub fn run(
    options: &Options,
    target: &TargetFile,
    allow_partial: bool,
    stop: &Arc<AtomicBool>,
) -> Result<PathBuf, Failure> {
    let started = Instant::now();
    let asked = match &options.workload {
        Some(_) => read_workload(options)?,
        None => Workload::parse(CONTRACT).map_err(|error| Failure::usage(format!("the built-in workload: {error}")))?,
    };
    let found = probe::probe(target)?;
    let (workload, missing) = kept(&asked, target, &found);
    if !allow_partial && (!found.is_whole() || !missing.is_empty()) {
        eprintln!("{found}");
        return Err(Failure::usage(refusal(&missing)));
    }
    let rates = rates(options, target, &workload)?;
    let loaded = target::load(target, options.size, options.seed)?;
    let site = Foreign {
        target: target.clone(),
        data: Arc::clone(&loaded.data),
        loaded,
        signed_in: Instant::now(),
        written: Arc::default(),
        salts: AtomicU32::new(0),
    };
    let folder = new_folder(options)?;
    let info = TargetInfo {
        label: target.label.clone(),
        foreign: true,
        contract: contract(),
        levels: Vec::new(),
        conformance: found.checks,
        missing,
    };
    let text = toml::to_string(&workload).unwrap_or_default();
    std::fs::write(folder.join("workload.toml"), text)
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", folder.display())))?;
    let subject = Subject { target: info, postgres: None, services: rates, workload };
    let mut result = blank(options, subject, &folder);
    let tests = kept_files::newest_tests(&options.results);
    (result.selftest, result.selftest_at) = tests.unwrap_or_default();
    Session { site, result, folder, options: options.clone(), started }.go_on(stop)
}
