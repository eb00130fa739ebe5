//! `lab pressure`: one kind of pressure at three levels while all services are under load, and how much each of them feels it.
//!
//! After Bubble-Up (MICRO 2011) and iBench: a service's sensitivity to each kind of pressure, measured once, predicts with
//! which others it can share a server. The control workload, which shares nothing but the server, is measured along with them.

mod kinds;
mod outcome;
pub mod predict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::SliceRandom;
use serde_json::json;

pub use kinds::Pressure;
pub use outcome::{Curve, Level, Pressures};

use crate::Failure;
use crate::data::Size;
use crate::experiments::scenario::{Arm, Played, Stage, drop_schemas, play};
use crate::load::schedule::stream;
use crate::measure::control_workload;
use crate::measure::plan::begin;
use crate::measure::sessions::Actor;
use crate::result::Measured;
use crate::stats::paired_ratio;
use crate::system::Deployment;

/// Which pressures, and how often.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which.
    pub pressures: Vec<Pressure>,
    /// Independent observations of each level.
    pub replicates: usize,
    /// Seconds of each level in a replicate.
    pub seconds: f64,
    /// Requests per second of all services together.
    pub rate_per_s: f64,
    /// Of data, requests and order.
    pub seed: u64,
    /// Services as they are built for load.
    pub optimised: bool,
}

/// A pressure at a level; none: no pressure.
type Setting = Option<(Pressure, usize)>;

/// Applies them. Once `stop` is true no further replicate begins.
///
/// # Errors
/// When the system can't be started, or the lab's SQL is refused.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<Measured<Pressures>, Failure> {
    let mut deployment = Deployment::filled(Size::SMALL, options.seed, options.optimised, stop)?;
    let plan = json!({
        "replicates": options.replicates, "seconds": options.seconds, "ratePerS": options.rate_per_s, "seed": options.seed
    });
    let head = begin(&deployment, plan)?;
    let mut settings: Vec<Setting> = vec![None];
    for &pressure in &options.pressures {
        settings.extend((0..pressure.levels().len()).map(|level| Some((pressure, level))));
    }
    let mut replicates: Vec<BTreeMap<Setting, Played>> = Vec::new();
    for number in 0..options.replicates {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        eprintln!("Replicate {} of {}", number + 1, options.replicates);
        if number > 0 {
            deployment.reset()?;
        }
        let stage = Stage::new(deployment.database_url()?, Some(&deployment), deployment.processes())?;
        control_workload::set_up(&stage.database_url)?;
        let seed = options.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
        // Pools, plans and caches are filled first.
        apply(&stage, options, None, seed.wrapping_add(1 << 40), 1.0)?;
        let mut order = settings.clone();
        order.shuffle(&mut stream(options.seed, &format!("dials {number}")));
        let mut played = BTreeMap::new();
        for setting in order {
            played.insert(setting, apply(&stage, options, setting, seed, options.seconds)?);
        }
        drop_schemas(&stage.database_url)?;
        replicates.push(played);
    }
    Ok(head.with(Pressures { replicates: replicates.len(), curves: curves(options, &replicates) }))
}

fn apply(stage: &Stage<'_>, options: &Options, setting: Setting, seed: u64, seconds: f64) -> Result<Played, Failure> {
    let mut actors =
        Actor::everybody(options.rate_per_s).map_err(|error| Failure::could_not_run(format!("{error}.")))?;
    actors.push(control_workload::actor());
    actors.extend(setting.into_iter().flat_map(|(pressure, level)| pressure.actors(pressure.levels()[level])));
    let arm = Arm::of("pressure", actors);
    play(stage, &arm, seconds, seed, &|_| Some(stage.here()))
}

/// One curve for each service, the control workload included, and each pressure.
fn curves(options: &Options, replicates: &[BTreeMap<Setting, Played>]) -> Vec<Curve> {
    let Some(base) = replicates.first().and_then(|of| of.get(&None)) else {
        return Vec::new();
    };
    let of = |pressure: Pressure, service: &String| Curve {
        service: service.clone(),
        pressure: pressure.name().to_owned(),
        unit: pressure.unit().to_owned(),
        levels: pressure
            .levels()
            .iter()
            .enumerate()
            .map(|(place, &level)| self::level(replicates, (pressure, place), level, service))
            .collect(),
    };
    let all = options.pressures.iter();
    all.flat_map(|&pressure| base.rounds.keys().map(move |service| of(pressure, service))).collect()
}

fn level(replicates: &[BTreeMap<Setting, Played>], setting: (Pressure, usize), level: f64, service: &String) -> Level {
    let quantile = |played: &Played, q: f64| Some(played.rounds.get(service)?.times.quantile_us(q)? as f64);
    let ratio = |q: f64| {
        let pair = |of: &BTreeMap<Setting, Played>| {
            Some((quantile(of.get(&None)?, q)?, quantile(of.get(&Some(setting))?, q)?))
        };
        paired_ratio(&replicates.iter().filter_map(pair).collect::<Vec<_>>())
    };
    let rounds = || replicates.iter().filter_map(|of| of.get(&Some(setting))?.rounds.get(service));
    let good: u64 = rounds().map(|of| of.good).sum();
    let bad: u64 = rounds().map(crate::measure::sessions::Rounds::failed).sum();
    Level { level, p50: ratio(0.5), p95: ratio(0.95), failed: bad as f64 / (good + bad).max(1) as f64 }
}
