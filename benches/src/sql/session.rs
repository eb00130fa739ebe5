//! `lab sql run`: every cell of every replicate, in the order of the seed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::SliceRandom as _;
use serde_json::json;

use super::causes::through;
use super::drive::Drive;
use super::harm::Harm;
use super::outcome::{Growth, SqlOutcome, limits};
use super::place::{Place, Wanted};
use super::remedy::{Applied, Remedy, Tried, effects};
use super::seldom::too_seldom;
use super::workload::SqlWorkload;
use crate::Failure;
use crate::data::{Size, connect_to_ask};
use crate::design::{Cell, Preset, cells, order};
use crate::experiments::matrix::progress::Progress;
use crate::load::schedule::stream;
use crate::measure::plan::{Options, Subject, blank, new_folder, save};
use crate::measure::{canary, kept};
use crate::observe::statements_schema;
use crate::result::{Measured, ResultFile, TargetInfo, attachments};
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
    /// A remedy and its undo, to be measured with and without.
    pub remedy: Option<(PathBuf, PathBuf)>,
    /// A known harm, as one more service.
    pub harm: Option<Harm>,
}

/// The cells with the remedy: a result file of their own.
const WITH_REMEDY: &str = "with-remedy";

/// Runs all cells and returns the folder with `result.json` and `sql.json`. Once `stop` is true the running cell is finished, and what there is
/// is analysed.
///
/// # Errors
/// A usage error where it is refused: see `Place::prepare`; or a script fails, or the remedy, or its undo.
pub fn run(options: &SqlOptions, stop: &AtomicBool) -> Result<PathBuf, Failure> {
    let mut workload = SqlWorkload::read(&options.workload)?;
    workload.has_others(usize::from(options.harm.is_some()))?;
    let remedy = options.remedy.as_ref().map(|(remedy, undo)| Remedy::read(remedy, undo)).transpose()?;
    let logins: Vec<String> = workload.logins().into_keys().collect();
    let seldom = too_seldom(&workload, options.preset);
    let place = Place::prepare(&options.url, &options.wanted, &logins)?;
    let logs = tempfile::tempdir().map_err(|error| Failure::could_not_run(format!("no temporary folder: {error}.")))?;
    let harm = options.harm.as_ref().map(|harm| harm.add(&mut workload, &place, logs.path())).transpose()?;
    let mut drive = Drive::new(workload, place, logs.path())?;
    if let Some(remedy) = &remedy {
        // Whether it is undone wholly shows before anything is measured.
        let applied = remedy.apply(&drive.place)?;
        drive.try_scripts()?;
        applied.undo()?;
    }
    drive.place.reset()?;
    let plan = plan(options);
    let folder = new_folder(&plan)?;
    let result = blank_of(options, &plan, &drive, &folder)?;
    let mut outcome =
        SqlOutcome { place: drive.place.how.clone(), others: drive.place.others.clone(), ..SqlOutcome::default() };
    outcome.notes.extend(harm);
    // While it can still be ended for another rate or preset.
    seldom.iter().for_each(|sentence| eprintln!("{sentence}"));
    outcome.notes.extend(seldom);
    let tried = remedy.map(|remedy| (remedy, result.clone()));
    let (preset, seed) = (options.preset, options.seed);
    Session { drive, result, tried, outcome, folder, preset, seed, fresh: true }.go_on(stop)
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

fn blank_of(options: &SqlOptions, plan: &Options, drive: &Drive, folder: &Path) -> Result<ResultFile, Failure> {
    let workload = &drive.workload;
    let postgres = Some(postgres_info(&mut connect_to_ask(&drive.place.url())?)?);
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
    drive: Drive,
    result: ResultFile,
    /// The remedy, and what was measured with it.
    tried: Option<(Remedy, ResultFile)>,
    outcome: SqlOutcome,
    folder: PathBuf,
    preset: Preset,
    seed: u64,
    /// What runs was put back, and nothing has run since.
    fresh: bool,
}

impl Session {
    fn go_on(mut self, stop: &AtomicBool) -> Result<PathBuf, Failure> {
        let all = cells_of(self.preset, &self.result.service_names());
        let arms = if self.tried.is_some() { 2 } else { 1 };
        let total = all.len() * self.preset.replicates();
        let progress = Progress::new(total * arms, 0, self.preset);
        progress.announce(self.preset);
        for replicate in 0..self.preset.replicates() {
            let mut blocks: Vec<bool> = [false, true][..arms].to_vec();
            blocks.shuffle(&mut stream(self.seed, &format!("remedy {replicate}")));
            for with in blocks {
                if !stop.load(Ordering::Relaxed) {
                    self.block(with, replicate, &all, &progress, stop)?;
                }
            }
        }
        self.result.run.complete = self.result.counted().count() == total;
        if let Some((_, with)) = &mut self.tried {
            with.run.complete = with.counted().count() == total;
            self.result.run.complete &= with.run.complete;
        }
        self.end()?;
        progress.finish();
        Ok(self.folder)
    }

    /// All cells of a replicate, with the remedy or without it.
    fn block(
        &mut self,
        with: bool,
        replicate: usize,
        all: &[Cell],
        progress: &Progress,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let reset =
            if std::mem::take(&mut self.fresh) { self.drive.place.is_fresh() } else { self.drive.place.reset()? };
        let before = self.drive.place.bytes()?;
        canary::measure(&mut self.result.machine);
        let remedy = self.tried.as_ref().filter(|_| with);
        // Undone with the value, whatever happens.
        let applied = remedy.map(|(remedy, _)| remedy.apply(&self.drive.place)).transpose()?;
        for (at, cell) in order(all, self.seed, replicate).into_iter().enumerate() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            progress.cell(replicate, &cell);
            self.cell(with, &cell, (replicate, at), all.len() * self.preset.replicates())?;
            progress.done();
        }
        applied.map(Applied::undo).transpose()?;
        self.outcome.growth.push(Growth { before, after: self.drive.place.bytes()?, reset });
        Ok(())
    }

    /// Analyses, and keeps all.
    fn end(&mut self) -> Result<(), Failure> {
        self.result.matrix = Some(self.result.analyse()?);
        self.outcome.through = through(&self.result);
        if let Some((remedy, with)) = &mut self.tried {
            with.matrix = Some(with.analyse()?);
            let effects = effects(&self.result, with)?;
            self.outcome.tried = Some(Tried { remedy: remedy.name.clone(), effects });
        }
        let wanted = self.drive.workload.services.iter();
        let wanted = wanted.filter_map(|(name, of)| Some((name.clone(), of.p99_limit_ms?)));
        let wanted: BTreeMap<String, f64> = wanted.collect();
        self.outcome.limits = limits(&self.result, &wanted)?;
        // The sum of nothing is -0.
        self.outcome.short_waits_s =
            0.0 + self.result.counted().map(|cell| cell.ledger.short_wait_remainder_s).sum::<f64>();
        if statements_schema(&mut connect_to_ask(&self.drive.place.url())?)?.is_none() {
            self.outcome
                .note("pg_stat_statements isn't loaded there: statements, buffers and WAL by role are unknown.".into());
        }
        if !self.drive.place.here {
            self.outcome.note("The server is on another machine: the processors' time by role is unknown.".into());
        }
        let head = Measured::begin(self.result.machine.clone(), self.result.postgres.clone(), json!({}));
        attachments::write(&self.folder, attachments::SQL, &head.with(self.outcome.clone()))?;
        self.save()
    }

    /// Runs a cell; where it is suspect and the time allows, once more. The second one counts, whatever became of it; the first one stays in
    /// the file.
    fn cell(&mut self, with: bool, cell: &Cell, at: (usize, usize), total: usize) -> Result<(), Failure> {
        let again_max = (total as f64 * self.preset.repeats()) as u64;
        let times = (self.preset.settle(), self.preset.measure());
        for attempt in 0..2 {
            let mut done = self.drive.cell(cell, at, self.seed, times)?;
            done.notes.into_iter().for_each(|note| self.outcome.note(note));
            let result = match &mut self.tried {
                Some((_, tried)) if with => tried,
                _ => &mut self.result,
            };
            let again = attempt == 0 && !done.cell.warnings.is_empty() && result.run.reruns < again_max;
            done.cell.valid = !again;
            result.cells.push(done.cell);
            result.run.reruns += u64::from(again);
            if !again {
                let name = if with { format!("{}, {WITH_REMEDY}", cell.name()) } else { cell.name() };
                self.outcome.add(&name, done.waits);
            }
            self.save()?;
            if !again {
                break;
            }
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), Failure> {
        self.result.run.duration_s = self.drive.started.elapsed().as_secs_f64();
        if let Some((_, with)) = &mut self.tried {
            with.run.duration_s = self.result.run.duration_s;
            let folder = self.folder.join(WITH_REMEDY);
            std::fs::create_dir_all(&folder)
                .map_err(|error| Failure::could_not_run(format!("{} can't be made: {error}.", folder.display())))?;
            save(with, &folder)?;
        }
        save(&self.result, &self.folder)
    }
}
