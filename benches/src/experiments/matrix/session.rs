//! A run that has begun: every cell that is missing, in the order of the seed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::Value;

use super::progress::Progress;
use crate::Failure;
use crate::design::{Cell, order};
use crate::experiments::problems::{self, Problems};
use crate::measure::freshness::Tries;
use crate::measure::plan::{Options, save, schedule_seed};
use crate::measure::{audit, canary, cell, freshness};
use crate::result::{CellResult, Freshness, ResultFile, attachments};
use crate::system::{Architecture, Deployment, Site};

/// A run that has begun.
pub(super) struct Session {
    pub(super) deployment: Deployment,
    pub(super) result: ResultFile,
    pub(super) folder: PathBuf,
    pub(super) options: Options,
    pub(super) started: Instant,
    /// Seconds that it had run before it was resumed.
    pub(super) before_s: f64,
}

impl Session {
    /// Runs what is missing, analyses; the folder.
    pub(super) fn go_on(mut self, stop: &AtomicBool) -> Result<PathBuf, Failure> {
        let preset = self.options.preset;
        let all = preset.cells(&self.result.service_names());
        let total = all.len() * preset.replicates();
        let progress = Progress::new(total, self.result.counted().count(), preset);
        progress.announce(preset);
        for replicate in 0..preset.replicates() {
            let missing: Vec<(usize, Cell)> = order(&all, self.options.seed, replicate)
                .into_iter()
                .enumerate()
                .filter(|(_, cell)| !self.has(replicate, cell))
                .collect();
            if missing.is_empty() || stop.load(Ordering::Relaxed) {
                continue;
            }
            self.deployment.reset()?;
            canary::measure(&mut self.result.machine);
            for (place, cell) in missing {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                progress.cell(replicate, &cell);
                self.cell(&cell, replicate, place, total)?;
                progress.done();
            }
            self.audit()?;
        }
        if self.result.freshness.is_none() && !stop.load(Ordering::Relaxed) {
            let measured = self.freshness()?;
            let entry = self.result.correctness.entry("writes accepted though frozen".into());
            *entry.or_default() += measured.served_though_frozen as i64;
            self.result.freshness = Some(measured);
        }
        let caused = self.problems(stop)?;
        self.result.run.complete = self.result.counted().count() == total && caused;
        self.result.matrix = Some(self.result.analyse()?);
        self.save()?;
        progress.finish();
        Ok(self.folder)
    }

    /// Without other load; and where copies can be late, under that of the cells, too.
    fn freshness(&self) -> Result<Freshness, Failure> {
        let deployment = &self.deployment;
        let told = deployment.layout().architecture == Architecture::SelfContained;
        let count = self.options.preset.freshness_tries();
        let quiet = Tries { billing: Some(deployment.database_of("billing")?), told, count, until: None };
        let mut measured = freshness::measure(deployment, quiet)?;
        if told {
            let workload = &self.result.run.workload;
            let members = self.result.members(&Cell::All);
            let lasts = freshness::TRY * count as u32;
            let seed = schedule_seed(self.options.seed, self.options.preset.replicates(), &Cell::All);
            let loads = cell::loads(deployment, workload, &members, lasts, seed)?;
            let until = Some(Instant::now() + lasts);
            let loaded = freshness::under_load(deployment, loads, Tries { until, ..quiet })?;
            measured.under_load = Some(Box::new(loaded));
        }
        Ok(measured)
    }

    /// Causes the known problems where the preset has them and they aren't there yet; whether they are now.
    fn problems(&mut self, stop: &AtomicBool) -> Result<bool, Failure> {
        let there = attachments::read::<Problems, Value>(&self.folder, attachments::PROBLEMS).is_some();
        // They are of a shared database; the report says that they were not run elsewhere.
        let none = !self.options.preset.problems() || !self.options.layout.architecture.own_databases().is_empty();
        if there || none || stop.load(Ordering::Relaxed) {
            return Ok(there || none);
        }
        self.deployment.reset()?;
        let found = problems::run(&self.deployment, self.options.seed, stop)?;
        let whole = !stop.load(Ordering::Relaxed);
        if whole {
            attachments::write(&self.folder, attachments::PROBLEMS, &found)?;
        }
        Ok(whole)
    }

    fn has(&self, replicate: usize, cell: &Cell) -> bool {
        let same = |one: &CellResult| one.replicate == replicate && one.cell == *cell;
        self.result.counted().any(same)
    }

    /// Runs a cell; where it is suspect and the time allows, once more. The second one counts, whatever became of it; the
    /// first one stays in the file.
    fn cell(&mut self, cell: &Cell, replicate: usize, place: usize, total: usize) -> Result<(), Failure> {
        let again_max = (total as f64 * self.options.preset.repeats()) as u64;
        for attempt in 0..2 {
            let workload = self.result.run.workload.clone();
            let (mut done, at) = cell::run(
                &mut self.deployment,
                &mut self.result,
                &workload,
                cell,
                (replicate, place),
                (&self.options).into(),
            )?;
            done.started_s = self.before_s + at.saturating_duration_since(self.started).as_secs_f64();
            let again = attempt == 0 && !done.warnings.is_empty() && self.result.run.reruns < again_max;
            done.valid = !again;
            self.result.cells.push(done);
            self.result.run.reruns += u64::from(again);
            self.save()?;
            if !again {
                break;
            }
        }
        Ok(())
    }

    /// What must always hold is counted before the data is put back.
    fn audit(&mut self) -> Result<(), Failure> {
        let acknowledged = self.deployment.written().acknowledged();
        audit::audit(|| self.deployment.audited(), &acknowledged, &mut self.result.correctness)?;
        self.save()
    }

    fn save(&mut self) -> Result<(), Failure> {
        self.result.run.duration_s = self.before_s + self.started.elapsed().as_secs_f64();
        save(&self.result, &self.folder)
    }
}
