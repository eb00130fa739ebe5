//! `lab run --target target.toml`: the same cells at somebody else's system, through its contract.
//!
//! Nothing is started, stopped or put back. Every replicate meets what the ones before left, in all its cells alike.

mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::progress::Progress;
use super::{
    Options, Site, canary, cell, freshness, new_folder, read, read_workload, save, schedule_seed,
};
use crate::contender::{self, Loaded, TargetFile, TargetInfo, probe};
use crate::dataset::Dataset;
use crate::driver::{self, Settings};
use crate::experiment::{Cell, order};
use crate::result::{CellResult, ResultFile, Run, SCHEMA_VERSION, ServiceInfo, ServiceResult};
use crate::schedule::{Workload, hash};
use crate::written::Written;
use crate::{Failure, observe, report, selftest};
use watch::Watch;

/// Requests per second of all services together, where nobody says anything else.
const RATE_PER_S: f64 = 100.0;
/// Tokens live for an hour at most; a replicate begins with young ones.
const SIGNED_IN_FOR: Duration = Duration::from_secs(1500);

const CONTRACT: &str = include_str!("../contender/workload.toml");

/// A filled target.
struct Foreign {
    target: TargetFile,
    loaded: Loaded,
    data: Arc<Dataset>,
    signed_in: Instant,
    written: Arc<Written>,
    salts: AtomicU32,
}

impl Site for Foreign {
    fn url(&self, service: &str) -> Result<&str, Failure> {
        let url = self.target.services.get(service).map(String::as_str);
        url.ok_or_else(|| Failure::usage(format!("The target names no {service}.")))
    }

    fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    fn written(&self) -> &Arc<Written> {
        &self.written
    }

    fn salt(&self) -> u32 {
        self.salts.fetch_add(1, Ordering::Relaxed)
    }
}

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
        None => Workload::parse(CONTRACT)
            .map_err(|error| Failure::usage(format!("the built-in workload: {error}")))?,
    };
    let found = probe::probe(target)?;
    let (workload, missing) = kept(&asked, target, &found);
    if !allow_partial && (!found.is_whole() || !missing.is_empty()) {
        eprintln!("{found}");
        return Err(Failure::usage(refusal(&missing)));
    }
    let rates = rates(options, target, &workload)?;
    let loaded = contender::load(target, options.size, options.seed)?;
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
        contract: contender::contract(),
        levels: Vec::new(),
        conformance: found.checks,
        missing,
    };
    let text = toml::to_string(&workload).unwrap_or_default();
    std::fs::write(folder.join("workload.toml"), text).map_err(|error| {
        Failure::could_not_run(format!("{} can't be written: {error}.", folder.display()))
    })?;
    let mut result = blank(options, info, rates, workload, &folder);
    let tests = selftest::newest(&options.results);
    (result.selftest, result.selftest_at) = tests.unwrap_or_default();
    Session {
        site,
        result,
        folder,
        options: options.clone(),
        started,
    }
    .go_on(stop)
}

fn refusal(missing: &[String]) -> String {
    let what = if missing.is_empty() {
        "The target doesn't keep the contract everywhere".to_owned()
    } else {
        format!("The target lacks {}", missing.join(", "))
    };
    format!(
        "{what}: see above. With --allow-partial it is measured without; the share of what is missing goes to the rest, and the result says so."
    )
}

/// The workload without what the target doesn't have, and what that is.
fn kept(asked: &Workload, target: &TargetFile, found: &probe::Report) -> (Workload, Vec<String>) {
    let absent = found.missing();
    let mut missing = Vec::new();
    let mut services = BTreeMap::new();
    for (name, of) in &asked.services {
        let mut of = of.clone();
        let there = target.services.contains_key(name);
        of.endpoints.retain(|endpoint| {
            let lacks = |(service, operation): &(String, String)| {
                service == name && *operation == endpoint.name
            };
            let has = there && !absent.iter().any(lacks);
            if !has {
                missing.push(format!("{name}: {}", endpoint.name));
            }
            has
        });
        if !of.endpoints.is_empty() {
            services.insert(name.clone(), of);
        }
    }
    (Workload { services }, missing)
}

fn rates(
    options: &Options,
    target: &TargetFile,
    workload: &Workload,
) -> Result<Vec<ServiceInfo>, Failure> {
    let given = options.rates_from.as_deref().map(read).transpose()?;
    let total: f64 = workload.services.values().map(|of| of.weight).sum();
    let names: Vec<String> = workload.services.keys().cloned().collect();
    let infos = options.preset.services(&names).into_iter().map(|name| {
        let of = &workload.services[&name];
        let theirs = given
            .iter()
            .flat_map(|of| &of.services)
            .find(|of| of.name == name);
        let own = target.rates.get(&name).copied().or(of.rate_per_s);
        ServiceInfo {
            rate_per_s: theirs
                .map(|of| of.rate_per_s)
                .or(own)
                .unwrap_or(RATE_PER_S * of.weight / total),
            cpu_s_per_request: 0.0,
            knee_per_s: None,
            endpoints: of
                .endpoints
                .iter()
                .map(|one| (one.name.clone(), one.share))
                .collect(),
            name,
        }
    });
    let infos: Vec<ServiceInfo> = infos.collect();
    if infos.is_empty() {
        return Err(Failure::usage(
            "Nothing of the workload is left for this target and preset.",
        ));
    }
    Ok(infos)
}

fn blank(
    options: &Options,
    target: TargetInfo,
    services: Vec<ServiceInfo>,
    workload: Workload,
    folder: &std::path::Path,
) -> ResultFile {
    let now = chrono::Utc::now();
    ResultFile {
        schema_version: SCHEMA_VERSION,
        run: Run {
            id: folder
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
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
            optimised: true,
            reruns: 0,
            resumed: 0,
            workload,
        },
        machine: observe::machine(),
        postgres: None,
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

struct Session {
    site: Foreign,
    result: ResultFile,
    folder: PathBuf,
    options: Options,
    started: Instant,
}

impl Session {
    fn go_on(mut self, stop: &AtomicBool) -> Result<PathBuf, Failure> {
        let preset = self.options.preset;
        let names: Vec<String> = self
            .result
            .services
            .iter()
            .map(|of| of.name.clone())
            .collect();
        // Whether watching costs anything can't be told where nothing is watched.
        let all: Vec<Cell> = preset
            .cells(&names)
            .into_iter()
            .filter(|cell| !matches!(cell, Cell::Unwatched { .. }))
            .collect();
        let progress = Progress::new(all.len() * preset.replicates(), 0, preset);
        for replicate in 0..preset.replicates() {
            if self.site.signed_in.elapsed() > SIGNED_IN_FOR {
                self.site.data = contender::sign_in_again(&self.site.target, &self.site.loaded)?;
                self.site.signed_in = Instant::now();
            }
            canary::measure(&mut self.result.machine);
            for (place, cell) in order(&all, self.options.seed, replicate)
                .into_iter()
                .enumerate()
            {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                progress.cell(replicate, &cell);
                let done = self.cell(&cell, (replicate, place))?;
                self.result.cells.push(done);
                self.save()?;
                progress.done();
            }
        }
        self.result.run.complete = self.result.counted().count() == all.len() * preset.replicates();
        self.afterwards(stop)?;
        self.save()?;
        progress.finish();
        report::write(&self.result, &self.folder.join("report.html"))?;
        Ok(self.folder)
    }

    /// What is looked at when the load is over: correctness, freshness, and how deep it could be looked at all.
    fn afterwards(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        let site = &self.site;
        let acknowledged = site.written.acknowledged();
        contender::audit(
            &site.target,
            &site.data,
            &acknowledged,
            &mut self.result.correctness,
        )?;
        if !stop.load(Ordering::Relaxed) {
            let tries = self.options.preset.freshness_tries();
            match freshness::measure(site, None, tries) {
                Ok(measured) => self.result.freshness = Some(measured),
                Err(reason) => eprintln!("How fresh reads are isn't known: {reason}"),
            }
        }
        let told = |of: &ServiceResult| of.server_timing_ms.is_some();
        let timing = self
            .result
            .cells
            .iter()
            .flat_map(|cell| &cell.services)
            .any(told);
        let levels = [
            ("B0", true),
            ("B1", timing),
            ("B2", !site.target.postgres.is_empty()),
            ("B3", !site.target.processes.is_empty()),
        ];
        if let Some(target) = &mut self.result.target {
            let held = levels.into_iter().filter(|(_, held)| *held);
            target.levels = held.map(|(name, _)| name.to_owned()).collect();
        }
        let matrix = self.result.analyse();
        self.result.matrix =
            Some(matrix.map_err(|error| Failure::could_not_run(format!("{error}.")))?);
        Ok(())
    }

    fn cell(
        &mut self,
        cell: &Cell,
        (replicate, place): (usize, usize),
    ) -> Result<CellResult, Failure> {
        let names: Vec<String> = self
            .result
            .services
            .iter()
            .map(|of| of.name.clone())
            .collect();
        let wanted = cell.members(&names);
        let members: Vec<ServiceInfo> = self
            .result
            .services
            .iter()
            .filter(|of| wanted.contains(&of.name.as_str()))
            .cloned()
            .collect();
        let settings = Settings {
            settle: self.options.preset.settle(),
            timeout: self.site.target.timeout(),
            ..Settings::default()
        };
        let duration = settings.settle + self.options.preset.measure();
        let seed = schedule_seed(self.options.seed, replicate, cell);
        let loads = cell::loads(
            &self.site,
            &self.result.run.workload,
            &members,
            duration,
            seed,
        )?;
        if matches!(cell, Cell::All) && replicate == 0 {
            self.result.run.workload_hash = hash(loads.iter().map(|load| load.arrivals.as_slice()));
        }
        let started_s = self.started.elapsed().as_secs_f64();
        let watch = Watch::start(&self.site.target)?;
        let records = driver::run(&loads, settings)
            .map_err(|error| Failure::could_not_run(format!("{error}.")))?;
        let seen = watch.finish()?;
        Ok(CellResult {
            cell: cell.clone(),
            replicate,
            order: place,
            started_s,
            valid: true,
            doubts: cell::doubts(&records),
            services: records.iter().map(ServiceResult::new).collect(),
            roles: seen.roles,
            ledger: seen.ledger,
            observer_cpu: seen.observer_cpu,
            driver_cpu: seen.driver_cpu,
            // Who else is at work there isn't known.
            foreign_cpu: 0.0,
            bystander: None,
        })
    }

    fn save(&mut self) -> Result<(), Failure> {
        self.result.run.duration_s = self.started.elapsed().as_secs_f64();
        save(&self.result, &self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> TargetFile {
        TargetFile::parse(text).unwrap()
    }

    fn check(operation: &str, found: Option<&str>) -> probe::Check {
        probe::Check {
            service: "registry".into(),
            wanted: String::new(),
            operation: Some(operation.into()),
            found: found.map(str::to_owned),
        }
    }

    /// What is missing is dropped and named; the shares of the rest stay as they are, so they get it between them.
    #[test]
    fn what_a_target_lacks_is_dropped_and_named() {
        let asked = Workload::parse(CONTRACT).unwrap();
        let found = probe::Report {
            checks: vec![check("find-api", None), check("create-api", Some("404"))],
            skipped: vec![],
        };
        let only = target("[services]\nregistry = \"http://r\"");
        let (workload, missing) = kept(&asked, &only, &found);
        assert_eq!(workload.services.len(), 1);
        let left = &workload.services["registry"].endpoints;
        assert_eq!(left.len(), 4);
        assert!(
            missing.contains(&"registry: create-api".to_owned()),
            "{missing:?}"
        );
        assert!(
            missing.contains(&"profile: find-profile".to_owned()),
            "{missing:?}"
        );
        assert!(refusal(&missing).contains("--allow-partial"));
    }

    #[test]
    fn own_rates_come_before_weights() {
        let asked = Workload::parse(CONTRACT).unwrap();
        let rated = target("[services]\nregistry = \"http://r\"\n[rates]\nregistry = 7");
        let options = Options {
            preset: crate::experiment::Preset::Demo,
            seed: 1,
            results: PathBuf::new(),
            workload: None,
            utilisation: 0.6,
            size: crate::dataset::Size::TINY,
            optimised: true,
            rates_from: None,
        };
        let infos = rates(&options, &rated, &asked).unwrap();
        let of = |name: &str| infos.iter().find(|of| of.name == name).unwrap().rate_per_s;
        assert_eq!(of("registry"), 7.0);
        assert!((of("profile") - 100.0 * 2.0 / 9.0).abs() < 1e-9);
    }
}
