//! Pressure dials: one kind of pressure at three levels while all services are at work, and how much each of them feels it.
//!
//! After Bubble-Up (MICRO 2011) and iBench: a service's sensitivity to each kind of pressure, measured once, says beside whom
//! it can live. A bystander, who shares nothing with anybody but the server, is measured along with them.

pub mod predict;
mod presses;
mod section;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::SliceRandom;

pub use presses::Dial;
pub use section::{Curve, Dials, Level};

use crate::Failure;
use crate::data::Size;
use crate::experiments::scenario::{Arm, Played, Stage, drop_schemas, play};
use crate::load::schedule::stream;
use crate::measure::bystander;
use crate::measure::sessions::Actor;
use crate::stats::paired_ratio;
use crate::system::Deployment;

/// What to turn, and how often.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which.
    pub dials: Vec<Dial>,
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

/// A dial at a level; None: no pressure.
type Setting = Option<(Dial, usize)>;

/// Turns them. Once `stop` is true no further replicate begins.
///
/// # Errors
/// When the system can't be started, or the lab's SQL is refused.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<Dials, Failure> {
    let mut deployment = Deployment::filled(Size::SMALL, options.seed, options.optimised, stop)?;
    let mut settings: Vec<Setting> = vec![None];
    for &dial in &options.dials {
        settings.extend((0..dial.levels().len()).map(|level| Some((dial, level))));
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
        bystander::set_up(&stage.database_url)?;
        let seed = options.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
        // Pools, plans and caches are filled first.
        turn(&stage, options, None, seed.wrapping_add(1 << 40), 1.0)?;
        let mut order = settings.clone();
        order.shuffle(&mut stream(options.seed, &format!("dials {number}")));
        let mut played = BTreeMap::new();
        for setting in order {
            played.insert(setting, turn(&stage, options, setting, seed, options.seconds)?);
        }
        drop_schemas(&stage.database_url)?;
        replicates.push(played);
    }
    Ok(Dials { version: 1, replicates: replicates.len(), curves: curves(options, &replicates) })
}

fn turn(stage: &Stage<'_>, options: &Options, setting: Setting, seed: u64, seconds: f64) -> Result<Played, Failure> {
    let mut actors =
        Actor::everybody(options.rate_per_s).map_err(|error| Failure::could_not_run(format!("{error}.")))?;
    actors.push(bystander::actor());
    actors.extend(setting.into_iter().flat_map(|(dial, level)| dial.actors(dial.levels()[level])));
    let arm = Arm::of("dial", actors);
    play(stage, &arm, seconds, seed, &|_| Some(stage.here()))
}

/// One curve for each service, the bystander included, and each dial.
fn curves(options: &Options, replicates: &[BTreeMap<Setting, Played>]) -> Vec<Curve> {
    let Some(base) = replicates.first().and_then(|of| of.get(&None)) else {
        return Vec::new();
    };
    let of = |dial: Dial, victim: &String| Curve {
        victim: victim.clone(),
        dial: dial.name().to_owned(),
        unit: dial.unit().to_owned(),
        levels: dial
            .levels()
            .iter()
            .enumerate()
            .map(|(place, &level)| self::level(replicates, (dial, place), level, victim))
            .collect(),
    };
    let dials = options.dials.iter();
    dials.flat_map(|&dial| base.rounds.keys().map(move |victim| of(dial, victim))).collect()
}

fn level(replicates: &[BTreeMap<Setting, Played>], setting: (Dial, usize), level: f64, victim: &String) -> Level {
    let quantile = |played: &Played, q: f64| Some(played.rounds.get(victim)?.times.quantile_us(q)? as f64);
    let ratio = |q: f64| {
        let pair = |of: &BTreeMap<Setting, Played>| {
            Some((quantile(of.get(&None)?, q)?, quantile(of.get(&Some(setting))?, q)?))
        };
        paired_ratio(&replicates.iter().filter_map(pair).collect::<Vec<_>>())
    };
    let rounds = || replicates.iter().filter_map(|of| of.get(&Some(setting))?.rounds.get(victim));
    let good: u64 = rounds().map(|of| of.good).sum();
    let bad: u64 = rounds().map(crate::measure::sessions::Rounds::failed).sum();
    Level { level, p50: ratio(0.5), p95: ratio(0.95), failed: bad as f64 / (good + bad).max(1) as f64 }
}
