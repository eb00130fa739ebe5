//! One cell: a pgbench for each service, and who watches them.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::pgbench::{Pgbench, Run, Times};
use super::place::Place;
use super::workload::SqlWorkload;
use crate::Failure;
use crate::design::Cell;
use crate::load::driver::ServiceRecord;
use crate::measure::cell::{Taken, rest};
use crate::measure::plan::schedule_seed;
use crate::observe::{CpuClock, Names, Observer, Watch, ended_children_s};
use crate::result::text::{capital, others};
use crate::result::{CellResult, Wait, while_running};

/// Part of what was due that may be missing by chance: standard deviations of a Poisson count.
const BY_CHANCE: f64 = 5.0;

/// What a cell needs.
pub struct Drive {
    /// Who does what.
    pub workload: SqlWorkload,
    /// Where.
    pub place: Place,
    pgbench: Pgbench,
    watch: Watch,
    /// When it all began.
    pub started: Instant,
}

/// What was found in a cell.
pub struct Driven {
    /// As a result file has it.
    pub cell: CellResult,
    /// Who waited for which statement.
    pub waits: Vec<Wait>,
    /// What was not driven as wanted, in sentences.
    pub notes: Vec<String>,
}

impl Drive {
    /// Tries each script once: what fails now would fail then. What they write isn't measured. Logs go below `folder`.
    ///
    /// # Errors
    /// A usage error where one fails.
    pub fn new(workload: SqlWorkload, place: Place, folder: &Path) -> Result<Self, Failure> {
        let watch = Watch {
            names: Names::by_login(workload.logins()),
            notes_waits: true,
            // A copy has it from the beginning.
            makes_extension: false,
            here: place.here,
            later: Arc::default(),
        };
        let pgbench = Pgbench::find(&place.url(), folder)?;
        let mut drive = Self { workload, place, pgbench, watch, started: Instant::now() };
        drive.place.reset()?;
        drive.try_scripts()?;
        Ok(drive)
    }

    /// Runs each script of each service once.
    ///
    /// # Errors
    /// A usage error where one fails.
    pub fn try_scripts(&self) -> Result<(), Failure> {
        for (name, of) in &self.workload.services {
            for script in &of.scripts {
                self.pgbench.once(name, of, self.place.login(&of.login)?, &script.file)?;
            }
        }
        Ok(())
    }

    /// Runs a cell: `at` is its replicate and its place in it.
    ///
    /// # Errors
    /// Where a script fails, or the database is lost.
    pub fn cell(
        &self,
        cell: &Cell,
        at: (usize, usize),
        seed: u64,
        (settle, measure): (Duration, Duration),
    ) -> Result<Driven, Failure> {
        let url = self.place.url();
        let rested = rest(&url, !self.place.in_place)?;
        let whole_s = (settle + measure).as_secs_f64().ceil();
        let times = Times { whole_s: whole_s as u64, settle_s: whole_s - measure.as_secs_f64() };
        let started_s = self.started.elapsed().as_secs_f64();
        let (clock, before_s) = (CpuClock::start(&[]), ended_children_s());
        let names: Vec<String> = self.workload.services.keys().cloned().collect();
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
        let notes = self.missing(cell, times, &records);
        Ok(Driven { cell: CellResult { started_s, ..taken.result() }, waits, notes })
    }

    /// What was due when all connections were busy until the end was never begun, so it has no time: that is said.
    fn missing(&self, cell: &Cell, times: Times, records: &[ServiceRecord]) -> Vec<String> {
        let lacking = |record: &&ServiceRecord| {
            let due = self.workload.services[&record.service].rate_per_s * times.whole_s as f64;
            (record.driven as f64) < due - BY_CHANCE * due.sqrt() - 1.0
        };
        let said = records.iter().filter(lacking).map(|record| {
            format!(
                "{} while {} runs: part of what was due was never begun, because its connections were busy to the end; its times are lower \
                 bounds. More connections, a lower rate or a longer preset show the rest.",
                capital(&record.service),
                others(&while_running(cell, &record.service))
            )
        });
        said.collect()
    }
}
