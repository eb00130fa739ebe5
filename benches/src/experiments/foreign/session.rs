//! A run at a target that has begun.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::site::Foreign;
use super::watch::Watch;
use crate::design::{Cell, order};
use crate::experiments::matrix::progress::Progress;
use crate::load::driver::{self, Settings};
use crate::load::schedule::hash;
use crate::measure::freshness::Tries;
use crate::measure::plan::{Options, save, schedule_seed};
use crate::measure::{canary, cell, freshness};
use crate::result::{CellResult, ResultFile, ServiceResult};
use crate::{Failure, target};

/// Tokens live for an hour at most; a replicate begins with young ones.
const SIGNED_IN_FOR: Duration = Duration::from_secs(1500);

pub(super) struct Session {
    pub(super) site: Foreign,
    pub(super) result: ResultFile,
    pub(super) folder: PathBuf,
    pub(super) options: Options,
    pub(super) started: Instant,
}

impl Session {
    pub(super) fn go_on(mut self, stop: &AtomicBool) -> Result<PathBuf, Failure> {
        let preset = self.options.preset;
        let names = self.result.service_names();
        // What observing costs can't be measured where nothing is observed.
        let all: Vec<Cell> =
            preset.cells(&names).into_iter().filter(|cell| !matches!(cell, Cell::Unwatched { .. })).collect();
        let progress = Progress::new(all.len() * preset.replicates(), 0, preset);
        progress.announce(preset);
        for replicate in 0..preset.replicates() {
            if self.site.signed_in.elapsed() > SIGNED_IN_FOR {
                self.site.data = target::sign_in_again(&self.site.target, &self.site.loaded)?;
                self.site.signed_in = Instant::now();
            }
            canary::measure(&mut self.result.machine);
            for (place, cell) in order(&all, self.options.seed, replicate).into_iter().enumerate() {
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
        Ok(self.folder)
    }

    /// What is looked at when the load is over: correctness, freshness, and how deep it could be looked at all.
    fn afterwards(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        let site = &self.site;
        let acknowledged = site.written.acknowledged();
        target::audit(&site.target, &site.data, &acknowledged, &mut self.result.correctness)?;
        if !stop.load(Ordering::Relaxed) {
            let count = self.options.preset.freshness_tries();
            match freshness::measure(site, Tries { billing: None, told: false, count, until: None }) {
                Ok(measured) => self.result.freshness = Some(measured),
                Err(reason) => eprintln!("How fresh reads are isn't known: {reason}"),
            }
        }
        let told = |of: &ServiceResult| of.server_timing_ms.is_some();
        let timing = self.result.cells.iter().flat_map(|cell| &cell.services).any(told);
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
        self.result.matrix = Some(self.result.analyse()?);
        Ok(())
    }

    fn cell(&mut self, cell: &Cell, (replicate, place): (usize, usize)) -> Result<CellResult, Failure> {
        let members = self.result.members(cell);
        let settings = Settings {
            settle: self.options.preset.settle(),
            timeout: self.site.target.timeout(),
            ..Settings::default()
        };
        let duration = settings.settle + self.options.preset.measure();
        let seed = schedule_seed(self.options.seed, replicate, cell);
        let loads = cell::loads(&self.site, &self.result.run.workload, &members, duration, seed)?;
        if matches!(cell, Cell::All) && replicate == 0 {
            self.result.run.workload_hash = hash(loads.iter().map(|load| load.arrivals.as_slice()));
        }
        let started_s = self.started.elapsed().as_secs_f64();
        let watch = Watch::start(&self.site.target)?;
        let records = driver::run(&loads, settings)?;
        let seen = watch.finish()?;
        Ok(CellResult {
            cell: cell.clone(),
            replicate,
            order: place,
            started_s,
            valid: true,
            warnings: cell::driver_late(&records),
            services: records.iter().map(ServiceResult::new).collect(),
            roles: seen.roles,
            ledger: seen.ledger,
            observer_cpu: seen.observer_cpu,
            driver_cpu: seen.driver_cpu,
            // Other load there is unknown.
            foreign_cpu: 0.0,
            control_workload: None,
        })
    }

    fn save(&mut self) -> Result<(), Failure> {
        self.result.run.duration_s = self.started.elapsed().as_secs_f64();
        save(&self.result, &self.folder)
    }
}
