//! The plan of a run: what was asked for, the workload, the folder, and the result before anything is measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::Size;
use crate::design::{Cell, Preset};
use crate::load::schedule::{MATRIX, Workload, Zipf};
use crate::measure::kept::now;
use crate::result::{Measured, PostgresInfo, ResultFile, Run, SCHEMA_VERSION, ServiceInfo, TargetInfo};
use crate::system::{BATCH_MAX, Deployment, Layout, Site};
use crate::{Failure, observe};

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which system.
    pub layout: Layout,
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

/// Skew over organisations: YCSB's customary exponent.
const SKEW: f64 = 0.99;

pub(crate) fn read(file: &Path) -> Result<ResultFile, Failure> {
    ResultFile::read(file).map_err(|error| Failure::usage(format!("{error}.")))
}

pub(crate) fn save(result: &ResultFile, folder: &Path) -> Result<(), Failure> {
    let file = folder.join("result.json");
    result
        .write(&file)
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}

pub(crate) fn read_workload(options: &Options) -> Result<Workload, Failure> {
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
pub(crate) fn new_folder(options: &Options) -> Result<PathBuf, Failure> {
    let name = format!("{}", chrono::Utc::now().format("%Y-%m-%d-%H%M%S"));
    let folder = options.results.join(name);
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::could_not_run(format!("{} can't be made: {error}.", folder.display())))?;
    Ok(folder)
}

/// What a result is of.
pub(crate) struct Subject {
    /// The system.
    pub target: TargetInfo,
    /// Its server, where that can be asked.
    pub postgres: Option<PostgresInfo>,
    /// Its load.
    pub services: Vec<ServiceInfo>,
    /// What is asked of it.
    pub workload: Workload,
}

/// The result before anything is measured.
pub(crate) fn blank(options: &Options, subject: Subject, folder: &Path) -> ResultFile {
    let Subject { target, postgres, services, workload } = subject;
    ResultFile {
        schema_version: SCHEMA_VERSION,
        run: Run {
            id: folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            started_at: now(),
            duration_s: 0.0,
            tool_version: env!("CARGO_PKG_VERSION").into(),
            preset: options.preset,
            seed: options.seed,
            data_apis: options.size.apis,
            batch_max: BATCH_MAX,
            workload_hash: String::new(),
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
            complete: false,
            // Of somebody else's nobody knows; ours is built for load unless asked otherwise.
            optimised: options.optimised || target.foreign,
            reruns: 0,
            resumed: 0,
            workload,
        },
        machine: observe::machine(),
        postgres,
        target: Some(target),
        services,
        cells: Vec::new(),
        matrix: None,
        correctness: BTreeMap::new(),
        selftest: Vec::new(),
        selftest_at: None,
        freshness: None,
    }
}

/// A result of our own system.
///
/// # Errors
/// When the server can't be asked.
pub(crate) fn blank_of_ours(
    options: &Options,
    deployment: &Deployment,
    services: Vec<ServiceInfo>,
    workload: Workload,
    folder: &Path,
) -> Result<ResultFile, Failure> {
    let postgres = Some(deployment.postgres_info()?);
    Ok(blank(
        options,
        Subject { target: TargetInfo::ours(&options.layout.label()), postgres, services, workload },
        folder,
    ))
}

/// The head of an outcome that is measured from now on, at this system, by these options.
///
/// # Errors
/// When the server can't be asked.
pub fn begin<P>(deployment: &Deployment, plan: P) -> Result<Measured<(), P>, Failure> {
    Ok(Measured::begin(observe::machine(), Some(deployment.postgres_info()?), plan))
}

/// The skew of a data set's organisations.
pub(crate) fn skew(site: &dyn Site) -> Zipf {
    Zipf::new(site.data().organisations.len(), SKEW)
}

/// Names for a service's endpoints, in the workload's order.
pub(crate) fn endpoint_names(workload: &Workload, service: &str) -> Vec<String> {
    let of = workload.services.get(service);
    of.map(|of| of.endpoints.iter().map(|endpoint| endpoint.name.clone()).collect()).unwrap_or_default()
}

/// Seed of a replicate's schedule: the same for every cell of it, so that all arms get the same arrivals.
pub(crate) fn schedule_seed(seed: u64, replicate: usize, _cell: &Cell) -> u64 {
    seed.wrapping_mul(1_000_003).wrapping_add(replicate as u64)
}
