//! `lab run`: the interference matrix from nothing.

mod calibrate;
mod canary;
mod cell;
mod environment;
mod progress;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::dataset::Size;
use crate::experiment::{Cell, Preset, cells, order};
use crate::result::{ResultFile, Run, SCHEMA_VERSION, ServiceInfo, analyse};
use crate::schedule::{Workload, Zipf};
use crate::{Failure, observe, report};

use environment::Environment;
use progress::Progress;

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
}

/// The mix that is run unless another is given.
const MATRIX: &str = include_str!("../../scenarios/00-matrix.toml");

/// Skew over organisations: YCSB's customary exponent.
const SKEW: f64 = 0.99;

/// Runs the experiment and returns the folder with `result.json` and `report.html`. Once `stop` is true the running cell
/// is finished, what there is is analysed, and the result says that it isn't complete.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<PathBuf, Failure> {
    let started = Instant::now();
    let workload = read_workload(options)?;
    let mut environment = Environment::start(options.size, options.seed, stop)?;
    let running: Vec<String> = environment
        .services()
        .into_iter()
        .filter(|name| workload.services.contains_key(name))
        .collect();
    let services = options.preset.services(&running);
    let infos = calibrate::rates(&mut environment, &workload, &services, options)?;
    let all = cells(&services, &options.preset.nulls(&services));
    let folder = new_folder(options)?;
    let mut result = blank(options, &mut environment, infos)?;
    let progress = Progress::new(all.len() * options.preset.replicates(), options.preset);
    'replicates: for replicate in 0..options.preset.replicates() {
        environment.reset()?;
        canary::measure(&mut result.machine);
        for (place, cell) in order(&all, options.seed, replicate).iter().enumerate() {
            if stop.load(Ordering::Relaxed) {
                break 'replicates;
            }
            progress.cell(replicate, cell);
            let done = cell::run(
                &mut environment,
                &mut result,
                &workload,
                cell,
                (replicate, place),
                options,
            )?;
            result.cells.push(done.at(started));
            result.run.duration_s = started.elapsed().as_secs_f64();
            save(&result, &folder)?;
        }
    }
    result.run.complete = result.cells.len() == all.len() * options.preset.replicates();
    result.correctness = environment.audit()?;
    result.matrix =
        Some(analyse(&result.cells).map_err(|error| Failure::could_not_run(format!("{error}.")))?);
    result.run.duration_s = started.elapsed().as_secs_f64();
    save(&result, &folder)?;
    progress.finish();
    report::write(&result, &folder.join("report.html"))?;
    Ok(folder)
}

fn save(result: &ResultFile, folder: &std::path::Path) -> Result<(), Failure> {
    let file = folder.join("result.json");
    result.write(&file).map_err(|error| {
        Failure::could_not_run(format!("{} can't be written: {error}.", file.display()))
    })
}

fn read_workload(options: &Options) -> Result<Workload, Failure> {
    let (name, text) = match &options.workload {
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                Failure::usage(format!("{} can't be read: {error}.", file.display()))
            })?;
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
    std::fs::create_dir_all(&folder).map_err(|error| {
        Failure::could_not_run(format!("{} can't be made: {error}.", folder.display()))
    })?;
    Ok(folder)
}

fn blank(
    options: &Options,
    environment: &mut Environment,
    services: Vec<ServiceInfo>,
) -> Result<ResultFile, Failure> {
    let now = chrono::Utc::now();
    Ok(ResultFile {
        schema_version: SCHEMA_VERSION,
        run: Run {
            id: now.format("%Y-%m-%d-%H%M%S").to_string(),
            started_at: now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            duration_s: 0.0,
            tool_version: env!("CARGO_PKG_VERSION").into(),
            preset: options.preset,
            seed: options.seed,
            data_apis: options.size.apis,
            batch_max: 1,
            workload_hash: String::new(),
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
            complete: false,
        },
        machine: observe::machine(),
        postgres: Some(environment.postgres_info()?),
        services,
        cells: Vec::new(),
        matrix: None,
        correctness: BTreeMap::new(),
        selftest: Vec::new(),
    })
}

/// The skew of a data set's organisations.
fn skew(environment: &Environment) -> Zipf {
    Zipf::new(environment.data().organisations.len(), SKEW)
}

/// Names for a service's endpoints, in the workload's order.
fn endpoint_names(workload: &Workload, service: &str) -> Vec<String> {
    let of = workload.services.get(service);
    of.map(|of| {
        of.endpoints
            .iter()
            .map(|endpoint| endpoint.name.clone())
            .collect()
    })
    .unwrap_or_default()
}

/// A finished cell, before its moment is noted.
pub(super) struct Done(crate::result::CellResult, Instant);

impl Done {
    fn at(self, started: Instant) -> crate::result::CellResult {
        let mut cell = self.0;
        cell.started_s = self.1.saturating_duration_since(started).as_secs_f64();
        cell
    }
}

/// Seed of a replicate's schedule: the same for every cell of it, so that all arms get the same arrivals.
fn schedule_seed(seed: u64, replicate: usize, _cell: &Cell) -> u64 {
    seed.wrapping_mul(1_000_003).wrapping_add(replicate as u64)
}
