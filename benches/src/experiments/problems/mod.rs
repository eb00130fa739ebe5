//! The strongest known harms of a shared database in two minutes: each is caused again and again together with its control and its
//! remedy, in random order, so that every figure has an interval. The arms are those of the scenarios.

mod outcome;
mod plan;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::SliceRandom;
use serde_json::json;

pub use outcome::{Problem, ProblemArm, Problems, Unit};
use plan::{ALL, Figure, Plan};

use crate::Failure;
use crate::experiments::scenario::{Arm, Played, Scenario, Stage, choose, drop_schemas, play, sql, value};
use crate::load::schedule::stream;
use crate::measure::plan::begin;
use crate::measure::sessions::Step;
use crate::result::{Measured, Metric};
use crate::stats::Histogram;
use crate::system::Deployment;

/// Pauses of an arm that are scaled with its length; shorter ones are part of what it does.
const LONG_MS: u128 = 1000;

/// Causes all of them on a running system. Once `stop` is true no further one begins.
///
/// # Errors
/// When the SQL of a scenario is refused.
pub fn run(deployment: &Deployment, seed: u64, stop: &AtomicBool) -> Result<Measured<Problems>, Failure> {
    let head = begin(deployment, json!({ "seed": seed }))?;
    let stage = Stage::new(deployment.database_url()?, Some(deployment), deployment.processes())?;
    let mut problems = Vec::new();
    for plan in ALL.iter().take_while(|_| !stop.load(Ordering::Relaxed)) {
        eprintln!("Known problem: {} …", plan.title);
        let scenario = choose(&[plan.scenario.to_owned()])?.remove(0);
        sql(&stage.database_url, &stage, &scenario.setup, "setting up")?;
        let played = cause(&stage, plan, &scenario, seed);
        drop_schemas(&stage.database_url)?;
        problems.push(outcome(plan, &played?));
    }
    Ok(head.with(Problems::new(problems)))
}

/// What every replicate of each arm showed, arms in the order of the plan.
fn cause(stage: &Stage<'_>, plan: &Plan, scenario: &Scenario, seed: u64) -> Result<[Vec<Played>; 3], Failure> {
    let mut played = [vec![], vec![], vec![]];
    let arms = plan.arms.map(|name| scenario.arm(name).map(|arm| shortened(arm, plan)));
    for replicate in 0..plan.replicates {
        let mut order = [0, 1, 2];
        order.shuffle(&mut stream(seed, &format!("{} {replicate}", plan.id)));
        for place in order {
            let arm = arms[place].as_ref();
            let arm = arm.ok_or_else(|| Failure::could_not_run(format!("{} lacks an arm.", scenario.id)))?;
            let here = stage.here();
            // Another replicate, other requests; the three arms of one get the same.
            let one = play(stage, arm, plan.seconds, seed + replicate as u64, &|_| Some(here.clone()))?;
            played[place].push(one);
        }
    }
    Ok(played)
}

/// The same arm in less time: what is long in it is shortened alike.
fn shortened(arm: &Arm, plan: &Plan) -> Arm {
    let mut arm = arm.clone();
    for actor in &mut arm.actors {
        actor.start_ms = (actor.start_ms as f64 * plan.shortened) as u64;
        for step in &mut actor.script {
            if let Step::Sleep(pause) = step
                && pause.as_millis() >= LONG_MS
            {
                *pause = pause.mul_f64(plan.shortened);
            }
        }
        if actor.service.is_some() {
            actor.rate = plan.rate_per_s.or(actor.rate);
        }
    }
    arm
}

fn outcome(plan: &Plan, played: &[Vec<Played>; 3]) -> Problem {
    let values: [Vec<f64>; 3] = match &plan.figure {
        Figure::Measured(measure) => {
            let measure = measure();
            [0, 1, 2].map(|arm| played[arm].iter().map(|one| value(&measure, one)).collect())
        }
        Figure::AboveOwnP95(actor) => above_own_p95(&[0, 1, 2].map(|arm| {
            let times = played[arm].iter().map(|one: &Played| one.rounds.get(*actor).map(|of| of.times.clone()));
            times.map(Option::unwrap_or_default).collect()
        })),
    };
    let arm = |place: usize| ProblemArm { name: plan.arms[place].to_owned(), values: values[place].clone() };
    Problem::new(plan.id, plan.title, plan.says, plan.unit, [arm(0), arm(1), arm(2)])
}

/// Shares of requests slower than the p95 of all of the control's.
fn above_own_p95(times: &[Vec<Histogram>; 3]) -> [Vec<f64>; 3] {
    let mut alone = Histogram::new();
    times[0].iter().for_each(|one| alone.add(one));
    let threshold = alone.quantile_us(0.95).unwrap_or(0);
    let share = |one: &Histogram| Metric::OneIn20.value(one, threshold).unwrap_or(f64::NAN);
    [0, 1, 2].map(|arm: usize| times[arm].iter().map(share).collect())
}

/// The scenario that each known problem comes from, by the problem's id.
#[must_use]
pub fn scenarios() -> BTreeMap<&'static str, &'static str> {
    ALL.iter().map(|plan| (plan.id, plan.scenario)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each plan names arms that are there, of the kinds that their places say; and what it shortens stays within its time.
    #[test]
    fn every_plan_fits_its_scenario() {
        for plan in &ALL {
            let scenario = choose(&[plan.scenario.to_owned()]).unwrap().remove(0);
            for name in plan.arms {
                let arm = shortened(scenario.arm(name).unwrap_or_else(|| panic!("{name}")), plan);
                for actor in &arm.actors {
                    let pauses = actor.script.iter().map(|step| match step {
                        Step::Sleep(pause) => pause.as_secs_f64(),
                        Step::Statement(_) => 0.0,
                    });
                    let end = actor.start_ms as f64 / 1000.0 + pauses.sum::<f64>();
                    assert!(end <= plan.seconds, "{}: {} ends after {end} s", plan.id, actor.name);
                }
            }
            assert!(plan.replicates >= 4, "{}: a claim needs four", plan.id);
        }
    }

    #[test]
    fn a_share_is_counted_against_the_control() {
        let arm = |us: u64| -> Vec<Histogram> {
            let of = |_| {
                let mut histogram = Histogram::new();
                (1..=1000).for_each(|n| histogram.record_us(us * n));
                histogram
            };
            (0..4).map(of).collect()
        };
        let [control, problem, remedy] = above_own_p95(&[arm(10), arm(20), arm(10)]);
        assert!((control[0] - 0.05).abs() < 0.002 && control == remedy, "{control:?}");
        assert!((problem[0] - 0.525).abs() < 0.002, "{problem:?}");
    }
}
