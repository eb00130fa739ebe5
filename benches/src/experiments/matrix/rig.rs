//! A system that can run the same experiment again and again, for the lab's test of itself: nothing is written to disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Failure;
use crate::data::Size;
use crate::design::{Cell, Preset, cells, order};
use crate::measure::plan::{Options, blank, read_workload};
use crate::measure::{calibrate, cell};
use crate::result::{Matrix, ResultFile, analyse};
use crate::system::environment::Environment;

/// The system, and the rates it is driven at.
pub(crate) struct Rig {
    environment: Environment,
    /// Its `cells` are those of the current experiment.
    result: ResultFile,
    options: Options,
}

impl Rig {
    /// Starts the system and finds the rates.
    pub fn start(optimised: bool, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        // Smoke's cells are the shortest; its services are two, so those are chosen here.
        let options = Options {
            preset: Preset::Smoke,
            seed: 1,
            results: PathBuf::new(),
            workload: None,
            utilisation: Preset::Smoke.utilisation(),
            size: Size::SMALL,
            optimised,
            rates_from: None,
        };
        let workload = read_workload(&options)?;
        let mut environment = Environment::start(options.size, options.seed, optimised, stop)?;
        let mut services = environment.services();
        services.retain(|name| workload.services.contains_key(name));
        let long = Options { preset: Preset::Quick, ..options.clone() };
        let infos = calibrate::rates(&mut environment, &workload, &services, &long)?;
        let result = blank(&options, &mut environment, infos, workload, Path::new(""))?;
        Ok(Self { environment, result, options })
    }

    /// The matrix of all pairs with a null cell of Registry, `replicates` times, in the order of the seed or the reverse of it.
    pub fn matrix(&mut self, replicates: usize, reversed: bool, stop: &AtomicBool) -> Result<Matrix, Failure> {
        let names = self.result.service_names();
        let mut all = cells(&names, &["registry".to_owned()], &[]);
        all.retain(|cell| *cell != Cell::All);
        let mut done = Vec::new();
        for replicate in 0..replicates {
            self.environment.reset()?;
            let mut ordered = order(&all, self.options.seed, replicate);
            if reversed {
                ordered.reverse();
            }
            for (place, one) in ordered.iter().enumerate() {
                if stop.load(Ordering::Relaxed) {
                    return Err(Failure::could_not_run("Ended before the tests were done."));
                }
                let workload = self.result.run.workload.clone();
                let (measured, _) = cell::run(
                    &mut self.environment,
                    &mut self.result,
                    &workload,
                    one,
                    (replicate, place),
                    &self.options,
                )?;
                done.push(measured);
            }
        }
        analyse(&done).map_err(|error| Failure::could_not_run(format!("{error}.")))
    }
}
