//! One architecture: its running system, and what was measured of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Plan;
use super::blocks::responses;
use super::circumstance::{Circumstance, Varied};
use super::kept::{Block, Kept};
use super::measured::MeasuredArm;
use super::plant::{Plant, Where};
use super::trust::Trust;
use crate::Failure;
use crate::design::{Cell, Preset};
use crate::experiments::failure::{self, Break, Lengths, Mix};
use crate::experiments::wrong_answers;
use crate::load::driver::{self, Settings};
use crate::load::schedule::{EDGES, MATRIX};
use crate::measure::freshness::{self, Tries};
use crate::measure::plan::{Options, blank_of_ours, save, schedule_seed};
use crate::measure::{audit, cell};
use crate::observe::process::memory_mib;
use crate::result::{CENSORED_US, Freshness, ResultFile, SelfTest, is_disturbed};
use crate::system::{Architecture, Deployment, Layout, Relayed, Site as _, services};

/// What was started runs this long before it is measured: connections, plans, caches.
const WARM: Duration = Duration::from_secs(3);
/// How long it is driven on after a service was started again, at the most: those that gave up on it ask again after 2 s.
const AFTER_STOP: Duration = Duration::from_secs(5);

/// What the lab's own tests found on this machine, and when.
pub(super) type Tests = (Vec<SelfTest>, Option<String>);

/// A running architecture.
pub(super) struct Arm {
    pub name: String,
    deployment: Deployment,
    options: Options,
    mix: Mix,
    folder: PathBuf,
    result: ResultFile,
    kept: Kept,
}

impl Arm {
    pub fn start(
        name: String,
        architecture: Architecture,
        plan: &Plan,
        (folder, tests): (&Path, &Tests),
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let calls = plan.plants.iter().any(|plant| plant.at == Where::InternalCall);
        // The control of what is planted has the same relays.
        let relayed = match architecture {
            _ if !plan.delays_ms.is_empty() => Relayed::Everything,
            Architecture::ApiCentric if calls => Relayed::Calls,
            _ => Relayed::Nothing,
        };
        let (layout, size) = (Layout { architecture, relayed, ..Layout::default() }, plan.size()?);
        let deployment = Deployment::filled_as(layout, size, plan.seed, plan.optimised, stop)?;
        let mix = Mix::of(MATRIX, plan.rate_per_s)?;
        let options = Options {
            layout,
            preset: Preset::Quick,
            seed: plan.seed,
            results: folder.to_owned(),
            workload: None,
            utilisation: 0.0,
            size,
            optimised: plan.optimised,
            rates_from: None,
        };
        let folder = folder.join(&name);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::could_not_run(format!("{} can't be made: {error}.", folder.display())))?;
        let mut result = blank_of_ours(&options, &deployment, mix.infos(), mix.workload.clone(), &folder)?;
        let mut kept = Kept::default();
        if let Some((before, rest)) = Kept::read(&folder)? {
            let machine = |of: &ResultFile| (of.machine.cpus, of.machine.model.clone());
            if machine(&before) != machine(&result) {
                return Err(Failure::usage("That run was begun on another machine: start another one."));
            }
            (result, kept) = (before, rest);
            result.run.resumed += 1;
        }
        (result.selftest, result.selftest_at) = tests.clone();
        Ok(Self { name, deployment, options, mix, folder, result, kept })
    }

    /// From its next start on.
    pub fn plant(&self, plant: Plant) -> Result<(), Failure> {
        match plant.at {
            Where::InternalCall => {
                let relays = services::names().filter_map(|name| self.deployment.relay(name));
                relays.for_each(|relay| relay.set_delay(plant.delay()));
                Ok(())
            }
            Where::Ingester => services::ingesters().try_for_each(|name| {
                self.deployment.set_environment(name, vec![("APPLY_DELAY_MS".to_owned(), plant.ms.to_string())])
            }),
        }
    }

    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Its services and its log; its databases stay.
    pub fn stop(&self) -> Result<(), Failure> {
        self.deployment.stop_services()
    }

    pub fn measured(&self) -> Result<MeasuredArm<'_>, Failure> {
        let Self { name, result, kept: Kept { blocks, stops, wrong }, .. } = self;
        let (cells, correctness) = (&result.cells, &result.correctness);
        let trust = cells.iter().map(|cell| Trust::of(name, cell, result.machine.cpus)).collect::<Result<_, _>>()?;
        Ok(MeasuredArm { name, cells, blocks, stops, wrong: wrong.as_ref(), trust, correctness })
    }

    /// Whether this round's block is there, from before the run was interrupted.
    pub fn has(&self, round: usize) -> bool {
        self.kept.has(round)
    }

    /// Blocks that were run again.
    pub fn reruns(&self) -> usize {
        self.result.run.reruns as usize
    }

    /// Whether something disturbed its last block.
    pub fn is_suspect(&self) -> bool {
        self.result.cells.last().is_some_and(|cell| !cell.warnings.is_empty())
    }

    /// Another block will stand in the place of its last one.
    pub fn discard(&mut self) {
        self.kept.blocks.pop();
        self.result.run.reruns += 1;
        if let Some(cell) = self.result.cells.last_mut() {
            cell.valid = false;
        }
    }

    /// Starts it with the data put back, warms and measures it, and stops it.
    pub fn block(&mut self, round: usize, place: usize, plan: &Plan) -> Result<(), Failure> {
        self.deployment.reset()?;
        // The same arrivals as in the block itself would find their rows cached.
        self.drive(WARM, plan.seed.wrapping_add(1_000_000 + round as u64))?;
        let measure = Duration::from_secs(plan.seconds);
        let times = cell::Times { seed: plan.seed, settle: Duration::from_secs(1), measure };
        let Self { deployment, result, mix, .. } = self;
        let (done, _) = cell::run(deployment, result, &mix.workload, &Cell::All, (round, place), times)?;
        self.result.cells.push(done);
        let block = Block {
            round,
            freshness: self.freshness(round, plan)?,
            memory_mib: self.deployment.processes().iter().map(|(_, pid)| memory_mib(*pid)).sum(),
            connections: self.deployment.connections()?,
            stored_mib: self.deployment.stored_bytes()? as f64 / f64::from(1 << 20),
            varied: self.vary(round, place, plan)?,
        };
        self.kept.blocks.push(block);
        let acknowledged = self.deployment.written().acknowledged();
        audit::audit(|| self.deployment.audited(), &acknowledged, &mut self.result.correctness)?;
        self.stop()?;
        save(&self.result, &self.folder)?;
        self.kept.write(&self.folder)
    }

    /// The same load under each other circumstance.
    fn vary(&mut self, round: usize, place: usize, plan: &Plan) -> Result<Vec<Varied>, Failure> {
        let mut all = Vec::new();
        for (number, circumstance) in Circumstance::shuffled(plan, round) {
            let mut workload = self.mix.workload.clone();
            match circumstance {
                Circumstance::Delay(ms) => self.deployment.set_round_trip(Duration::from_secs_f64(ms / 1000.0)),
                Circumstance::Mix(shares) => workload = shares.applied(&workload)?,
            }
            let measure = Duration::from_secs(plan.seconds);
            let times = cell::Times { seed: plan.seed, settle: Duration::from_secs(1), measure };
            // Arrivals of its own, and not those that the freshness was followed under.
            let replicate = plan.rounds * (2 + number) + round;
            let Self { deployment, result, .. } = self;
            let (done, _) = cell::run(deployment, result, &workload, &Cell::All, (replicate, place), times)?;
            // Not after a mix: what is planted is a delay of the same relays.
            if let Circumstance::Delay(_) = circumstance {
                deployment.set_round_trip(Duration::ZERO);
            }
            let (responses, cpus) = (responses(&done, None)?, self.result.machine.cpus);
            let ms = |q: f64| responses.quantile_us(q).unwrap_or(CENSORED_US) as f64 / 1000.0;
            let left_out = is_disturbed(&done, cpus)?;
            all.push(Varied { circumstance: circumstance.id(), p50_ms: ms(0.5), p95_ms: ms(0.95), left_out });
        }
        Ok(all)
    }

    fn drive(&self, lasts: Duration, seed: u64) -> Result<(), Failure> {
        let loads = self.mix.loads(&self.deployment, lasts, seed)?;
        driver::run(&loads, Settings::default())?;
        Ok(())
    }

    fn freshness(&self, round: usize, plan: &Plan) -> Result<Freshness, Failure> {
        let told = self.options.layout.architecture == Architecture::SelfContained;
        let tries =
            Tries { billing: Some(self.deployment.database_of("billing")?), told, count: plan.tries, until: None };
        let lasts = freshness::TRY * plan.tries as u32;
        let seed = schedule_seed(self.options.seed, plan.rounds + round, &Cell::All);
        let loads = self.mix.loads(&self.deployment, lasts, seed)?;
        freshness::under_load(&self.deployment, loads, Tries { until: Some(Instant::now() + lasts), ..tries })
    }

    /// Each service stopped in turn, all under a load that goes over every edge; then once more, and what is answered wrongly counted.
    /// All of it, or nothing where it is interrupted.
    pub fn break_services(&mut self, plan: &Plan, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
        if self.kept.wrong.is_some() {
            return Ok(());
        }
        self.deployment.reset()?;
        let mix = Mix::of(EDGES, plan.rate_per_s)?;
        let breaks: Vec<Break> = services::names().map(Break::Service).collect();
        let after = AFTER_STOP.min(Duration::from_secs(plan.stop_seconds));
        let lengths = Lengths { seconds: plan.stop_seconds, after, seed: plan.seed };
        let stops = failure::rows(&self.deployment, &breaks, &mix, lengths, stop)?;
        if stop.load(Ordering::Relaxed) {
            return self.stop();
        }
        self.deployment.reset()?;
        let options = wrong_answers::Options {
            engines: self.options.layout.engines,
            ttls_s: vec![0],
            size: self.options.size,
            seconds: plan.stop_seconds,
            rate_per_s: Some(plan.rate_per_s),
            seed: plan.seed,
            optimised: plan.optimised,
        };
        let wrong = wrong_answers::one(&self.deployment, 0, (&mix, &options), stop)?;
        if !stop.load(Ordering::Relaxed) {
            (self.kept.stops, self.kept.wrong) = (stops, Some(wrong));
            self.kept.write(&self.folder)?;
        }
        self.stop()
    }
}
