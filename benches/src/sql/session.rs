//! `lab sql run`: every cell of every replicate, in the order of the seed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use serde_json::json;

use super::outcome::{Growth, SqlOutcome, limits};
use super::pgbench::{Pgbench, Run, Times};
use super::place::{Place, Wanted};
use super::workload::SqlWorkload;
use crate::Failure;
use crate::data::{Size, connect};
use crate::design::{Cell, Preset, cells, order};
use crate::experiments::matrix::progress::Progress;
use crate::load::driver::ServiceRecord;
use crate::measure::cell::{Taken, rest};
use crate::measure::plan::{Options, Subject, blank, new_folder, save, schedule_seed};
use crate::measure::{canary, kept};
use crate::observe::{CpuClock, Names, Observer, Watch, ended_children_s, statements_schema};
use crate::result::text::{capital, others};
use crate::result::{CellResult, Measured, ResultFile, TargetInfo, Wait, attachments, while_running};
use crate::system::{Layout, postgres_info};

/// What to run.
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// The file.
    pub workload: PathBuf,
    /// The database, as a login that may copy and observe it.
    pub url: String,
    /// Where.
    pub wanted: Wanted,
    /// How much.
    pub preset: Preset,
    /// Seed of schedules, values and order.
    pub seed: u64,
    /// Where the run's folder goes.
    pub results: PathBuf,
}

/// Part of what was due that may be missing by chance: standard deviations of a Poisson count.
const BY_CHANCE: f64 = 5.0;
/// Where the logs of pgbench are meanwhile.
const LOGS: &str = "pgbench";

/// Runs all cells and returns the folder with `result.json` and `sql.json`. Once `stop` is true the running cell is finished, and what there is
/// is analysed.
///
/// # Errors
/// A usage error where it is refused: see `Place::prepare`; or a script fails.
pub fn run(options: &SqlOptions, stop: &AtomicBool) -> Result<PathBuf, Failure> {
    let started = Instant::now();
    let workload = SqlWorkload::read(&options.workload)?;
    let logins: Vec<String> = workload.logins().into_keys().collect();
    let mut place = Place::prepare(&options.url, &options.wanted, &logins)?;
    let trial =
        tempfile::tempdir().map_err(|error| Failure::could_not_run(format!("no temporary folder: {error}.")))?;
    // Once each, before anything is measured: what fails now would fail then. What they write isn't measured.
    place.reset()?;
    try_scripts(&workload, &place, &Pgbench::find(&place.url(), trial.path())?)?;
    place.reset()?;
    let plan = plan(options);
    let folder = new_folder(&plan)?;
    let result = blank_of(options, &plan, &workload, &place, &folder)?;
    let outcome = SqlOutcome { place: place.how.clone(), others: place.others.clone(), ..SqlOutcome::default() };
    let pgbench = Pgbench::find(&place.url(), &folder.join(LOGS))?;
    let watch = Watch {
        names: Names::by_login(workload.logins()),
        notes_waits: true,
        makes_extension: !place.in_place,
        here: place.here,
        later: Arc::default(),
    };
    let logs = folder.join(LOGS);
    let done = Session { workload, place, pgbench, watch, result, outcome, folder, preset: options.preset, started }
        .go_on(options.seed, stop);
    let _ = std::fs::remove_dir_all(logs);
    done
}

/// Runs each script of each service once.
///
/// # Errors
/// A usage error where one fails.
pub fn try_scripts(workload: &SqlWorkload, place: &Place, pgbench: &Pgbench) -> Result<(), Failure> {
    for (name, of) in &workload.services {
        for script in &of.scripts {
            pgbench.once(name, of, place.login(&of.login)?, &script.file)?;
        }
    }
    Ok(())
}

fn plan(options: &SqlOptions) -> Options {
    Options {
        layout: Layout::default(),
        preset: options.preset,
        seed: options.seed,
        results: options.results.clone(),
        workload: None,
        utilisation: 0.0,
        size: Size { apis: 0, organisations: 0 },
        optimised: true,
        rates_from: None,
    }
}

fn blank_of(
    options: &SqlOptions,
    plan: &Options,
    workload: &SqlWorkload,
    place: &Place,
    folder: &Path,
) -> Result<ResultFile, Failure> {
    let postgres = Some(postgres_info(&mut connect(&place.url())?)?);
    let (as_result, services) = workload.as_result();
    let database = schema::session::address(&options.url)?.database().to_owned();
    let target = TargetInfo::of_sql(&database, &workload.fingerprint());
    let mut result = blank(plan, Subject { target, postgres, services, workload: as_result }, folder);
    result.run.workload_hash = workload.fingerprint();
    let tests = kept::newest_tests(&options.results);
    (result.selftest, result.selftest_at) = tests.unwrap_or_default();
    Ok(result)
}

/// Each alone, each pair, all; identical cells to tell the noise; one that nobody watches.
fn cells_of(preset: Preset, services: &[String]) -> Vec<Cell> {
    let first = &services[..services.len().min(1)];
    let (nulls, unwatched) = match preset {
        Preset::Smoke => (first, &[][..]),
        Preset::Quick => (first, first),
        _ => (services, first),
    };
    cells(services, nulls, unwatched)
}

struct Session {
    workload: SqlWorkload,
    place: Place,
    pgbench: Pgbench,
    watch: Watch,
    result: ResultFile,
    outcome: SqlOutcome,
    folder: PathBuf,
    preset: Preset,
    started: Instant,
}

impl Session {
    fn go_on(mut self, seed: u64, stop: &AtomicBool) -> Result<PathBuf, Failure> {
        let all = cells_of(self.preset, &self.result.service_names());
        let total = all.len() * self.preset.replicates();
        let progress = Progress::new(total, 0, self.preset);
        progress.announce(self.preset);
        for replicate in 0..self.preset.replicates() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            // It was reset before the first one already.
            let reset = if replicate == 0 { self.place.is_fresh() } else { self.place.reset()? };
            let before = self.place.bytes()?;
            canary::measure(&mut self.result.machine);
            for (at, cell) in order(&all, seed, replicate).into_iter().enumerate() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                progress.cell(replicate, &cell);
                self.cell(&cell, (replicate, at), total, seed)?;
                progress.done();
            }
            self.outcome.growth.push(Growth { before, after: self.place.bytes()?, reset });
        }
        self.result.run.complete = self.result.counted().count() == total;
        self.end()?;
        progress.finish();
        Ok(self.folder)
    }

    /// Analyses, and keeps all.
    fn end(&mut self) -> Result<(), Failure> {
        let broken = |error: &dyn std::fmt::Display| Failure::could_not_run(format!("{error}."));
        self.result.matrix = Some(self.result.analyse().map_err(|error| broken(&error))?);
        let wanted = self.workload.services.iter().filter_map(|(name, of)| Some((name.clone(), of.p99_limit_ms?)));
        let wanted: BTreeMap<String, f64> = wanted.collect();
        self.outcome.limits = limits(&self.result, &wanted).map_err(|error| broken(&error))?;
        self.outcome.short_waits_s = self.result.counted().map(|cell| cell.ledger.short_wait_remainder_s).sum();
        if statements_schema(&mut connect(&self.place.url())?)?.is_none() {
            self.outcome
                .note("pg_stat_statements isn't loaded there: statements, buffers and WAL by role are unknown.".into());
        }
        if !self.place.here {
            self.outcome.note("The server is on another machine: the processors' time by role is unknown.".into());
        }
        let head = Measured::begin(self.result.machine.clone(), self.result.postgres.clone(), json!({}));
        attachments::write(&self.folder, attachments::SQL, &head.with(self.outcome.clone()))?;
        self.save()
    }

    /// Runs a cell; where it is suspect and the time allows, once more. The second one counts, whatever became of it; the first one stays in
    /// the file.
    fn cell(&mut self, cell: &Cell, at: (usize, usize), total: usize, seed: u64) -> Result<(), Failure> {
        let again_max = (total as f64 * self.preset.repeats()) as u64;
        for attempt in 0..2 {
            let (mut done, waits) = self.measure(cell, at, seed)?;
            let again = attempt == 0 && !done.warnings.is_empty() && self.result.run.reruns < again_max;
            done.valid = !again;
            self.result.cells.push(done);
            self.result.run.reruns += u64::from(again);
            if !again {
                self.outcome.add(&cell.name(), waits);
            }
            self.save()?;
            if !again {
                break;
            }
        }
        Ok(())
    }

    fn measure(&mut self, cell: &Cell, at: (usize, usize), seed: u64) -> Result<(CellResult, Vec<Wait>), Failure> {
        let url = self.place.url();
        let rested = rest(&url, !self.place.in_place)?;
        let whole_s = (self.preset.settle() + self.preset.measure()).as_secs_f64().ceil();
        let times = Times { whole_s: whole_s as u64, settle_s: whole_s - self.preset.measure().as_secs_f64() };
        let started_s = self.started.elapsed().as_secs_f64();
        let (clock, before_s) = (CpuClock::start(&[]), ended_children_s());
        let names = self.result.service_names();
        let seed = schedule_seed(seed, at.0, cell);
        let watched = !matches!(cell, Cell::Unwatched { .. });
        // Before anybody waits: so nothing of the cell is missed.
        let observer =
            if watched { Observer::watch(&url, &[], &self.watch)? } else { Observer::blind(&url, &self.watch)? };
        let mut runs: Vec<Run> = Vec::new();
        for name in cell.members(&names) {
            let of = &self.workload.services[name];
            let run = self.pgbench.start(name, of, self.place.login(&of.login)?, times, seed)?;
            let mut later = self.watch.later.lock().unwrap_or_else(PoisonError::into_inner);
            later.push((name.to_owned(), run.id()));
            runs.push(run);
        }
        let mut records: Vec<ServiceRecord> = Vec::new();
        for (name, run) in cell.members(&names).into_iter().zip(runs) {
            records.push(run.end()?.record(&self.workload.services[name].script_names(), times)?);
        }
        self.note_missing(cell, times, &records);
        let (machine, drivers_s) = (clock.read(), ended_children_s() - before_s);
        let mut seen = observer.finish()?;
        let waits = std::mem::take(&mut seen.waits);
        // Nobody took those of a cell that wasn't watched.
        self.watch.later.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let taken = Taken {
            cell,
            replicate: at.0,
            order: at.1,
            records: &records,
            // That a transaction begins late is its connections' doing, and part of what is measured.
            late: Vec::new(),
            seen,
            machine,
            rested,
            drivers_s,
            processors_known: watched && self.place.here,
            control: None,
        };
        Ok((CellResult { started_s, ..taken.result() }, waits))
    }

    /// What was due when all connections were busy until the end was never begun, so it has no time: that is said.
    fn note_missing(&mut self, cell: &Cell, times: Times, records: &[ServiceRecord]) {
        for record in records {
            let due = self.workload.services[&record.service].rate_per_s * times.whole_s as f64;
            if (record.driven as f64) < due - BY_CHANCE * due.sqrt() - 1.0 {
                self.outcome.note(format!(
                    "{} while {} runs: part of what was due was never begun, because its connections were busy to the end; its times are lower \
                     bounds. More connections, a lower rate or a longer preset show the rest.",
                    capital(&record.service),
                    others(&while_running(cell, &record.service))
                ));
            }
        }
    }

    fn save(&mut self) -> Result<(), Failure> {
        self.result.run.duration_s = self.started.elapsed().as_secs_f64();
        save(&self.result, &self.folder)
    }
}
