//! `lab run`: the interference matrix from nothing.

pub(crate) mod audit;
mod calibrate;
mod canary;
pub(crate) mod cell;
pub(crate) mod environment;
pub mod foreign;
mod freshness;
mod knee;
mod progress;
mod rig;
mod session;
mod site;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::contender::TargetInfo;
use crate::dataset::Size;
use crate::experiment::{Cell, Preset};
use crate::result::{ResultFile, Run, SCHEMA_VERSION, ServiceInfo};
use crate::schedule::{Workload, Zipf};
use crate::{Failure, observe, report, saved, selftest};

use environment::Environment;
pub use knee::{Knee, Step, knee};
pub(crate) use rig::Rig;
use session::Session;
pub use site::Site;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much.
    pub preset: Preset,
    /// Seed of schedules, order and data.
    pub seed: u64,
    /// Where the run's folder goes.
    pub results: PathBuf,
    /// Another mix of requests than the built-in one.
    pub workload: Option<PathBuf>,
    /// Part of the machine's processors that all services together may use, 0..1.
    pub utilisation: f64,
    /// Size of the data set.
    pub size: Size,
    /// Services as they are built for load.
    pub optimised: bool,
    /// Another run's file, whose rates to use: what a comparison needs.
    pub rates_from: Option<PathBuf>,
}

/// Part of all blocks that may be run again.
const RERUNS_MAX: f64 = 0.2;

/// The mix that is run unless another is given.
pub(crate) const MATRIX: &str = include_str!("../../scenarios/00-matrix.toml");

/// Skew over organisations: YCSB's customary exponent.
const SKEW: f64 = 0.99;

/// Runs the experiment and returns the folder with `result.json` and `report.html`. Once `stop` is true the running cell
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
    let mut environment = Environment::start(options.size, options.seed, options.optimised, stop)?;
    let running: Vec<String> =
        environment.services().into_iter().filter(|name| workload.services.contains_key(name)).collect();
    let services = options.preset.services(&running);
    let mut infos = match rates {
        Some(of) => known(of.services, &services)?,
        None => calibrate::rates(&mut environment, &workload, &services, options)?,
    };
    let knees = saved::newest::<BTreeMap<String, f64>>(&options.results, KNEES);
    let (knees, _) = knees.unwrap_or_default();
    for info in &mut infos {
        info.knee_per_s = knees.get(&info.name).copied();
    }
    let folder = new_folder(options)?;
    let mut result = blank(options, &mut environment, infos, workload, &folder)?;
    let tests = selftest::newest(&options.results);
    (result.selftest, result.selftest_at) = tests.unwrap_or_default();
    save(&result, &folder)?;
    Session { environment, result, folder, options: options.clone(), started, before_s: 0.0 }.go_on(stop)
}

/// Goes on with a run that ended early, in the same order at the same rates; what is there is kept.
pub fn resume(folder: &Path, stop: &Arc<AtomicBool>) -> Result<PathBuf, Failure> {
    let started = Instant::now();
    let mut result = read(&folder.join("result.json"))?;
    if result.target.as_ref().is_some_and(|target| target.foreign) {
        return Err(Failure::usage("That run was at a target of its own, which has gone on since: start another one."));
    }
    let size = [Size::SMALL, Size::LARGE]
        .into_iter()
        .find(|size| size.apis == result.run.data_apis)
        .ok_or_else(|| Failure::usage("That run's data set is none that this lab can make."))?;
    let options = Options {
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
        report::write(&result, &folder.join("report.html"))?;
        return Ok(folder.to_owned());
    }
    let environment = Environment::start(size, options.seed, options.optimised, stop)?;
    result.run.resumed += 1;
    Session { environment, before_s: result.run.duration_s, result, folder: folder.to_owned(), options, started }
        .go_on(stop)
}

/// Name of the file in a results folder that holds, by service, the rate above which it bends on this machine.
const KNEES: &str = "knees.json";

/// Keeps knees for the runs to come in this results folder, beside those of other services.
///
/// # Errors
/// When the file can't be written.
pub fn save_knees(results: &Path, found: &[Knee]) -> Result<(), Failure> {
    let before = saved::newest::<BTreeMap<String, f64>>(results, KNEES);
    let (mut knees, _) = before.unwrap_or_default();
    let bent = found.iter().filter(|knee| knee.found);
    knees.extend(bent.map(|knee| (knee.service.clone(), knee.rate_per_s)));
    saved::keep(results, KNEES, &knees)
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

fn read(file: &Path) -> Result<ResultFile, Failure> {
    ResultFile::read(file).map_err(|error| Failure::usage(format!("{error}.")))
}

fn save(result: &ResultFile, folder: &Path) -> Result<(), Failure> {
    let file = folder.join("result.json");
    result
        .write(&file)
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}

fn read_workload(options: &Options) -> Result<Workload, Failure> {
    let (name, text) = match &options.workload {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("{} can't be read: {error}.", file.display())))?;
            (file.display().to_string(), text)
        }
        None => ("the built-in workload".to_owned(), MATRIX.to_owned()),
    };
    Workload::parse(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))
}

/// A folder named by the moment, so that runs never overwrite each other.
fn new_folder(options: &Options) -> Result<PathBuf, Failure> {
    let name = format!("{}", chrono::Utc::now().format("%Y-%m-%d-%H%M%S"));
    let folder = options.results.join(name);
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::could_not_run(format!("{} can't be made: {error}.", folder.display())))?;
    Ok(folder)
}

fn blank(
    options: &Options,
    environment: &mut Environment,
    services: Vec<ServiceInfo>,
    workload: Workload,
    folder: &Path,
) -> Result<ResultFile, Failure> {
    let now = chrono::Utc::now();
    Ok(ResultFile {
        schema_version: SCHEMA_VERSION,
        run: Run {
            id: folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            started_at: now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            duration_s: 0.0,
            tool_version: env!("CARGO_PKG_VERSION").into(),
            preset: options.preset,
            seed: options.seed,
            data_apis: options.size.apis,
            batch_max: environment::BATCH_MAX,
            workload_hash: String::new(),
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
            complete: false,
            optimised: options.optimised,
            reruns: 0,
            resumed: 0,
            workload,
        },
        machine: observe::machine(),
        postgres: Some(environment.postgres_info()?),
        target: Some(TargetInfo::ours()),
        services,
        cells: Vec::new(),
        matrix: None,
        correctness: BTreeMap::new(),
        selftest: Vec::new(),
        selftest_at: None,
        freshness: None,
    })
}

/// The skew of a data set's organisations.
fn skew(site: &dyn Site) -> Zipf {
    Zipf::new(site.data().organisations.len(), SKEW)
}

/// Names for a service's endpoints, in the workload's order.
fn endpoint_names(workload: &Workload, service: &str) -> Vec<String> {
    let of = workload.services.get(service);
    of.map(|of| of.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect()).unwrap_or_default()
}

/// Seed of a replicate's schedule: the same for every cell of it, so that all arms get the same arrivals.
pub(crate) fn schedule_seed(seed: u64, replicate: usize, _cell: &Cell) -> u64 {
    seed.wrapping_mul(1_000_003).wrapping_add(replicate as u64)
}
