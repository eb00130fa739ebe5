//! V5: what being watched does to the answers, and what it costs.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::shared::{median_us, outcome, stopped};
use crate::Failure;
use crate::observe::Observer;
use crate::result::SelfTest;
use crate::stats::paired_ratio;
use crate::system::Deployment;

const SERVICE: &str = "registry";
const REPLICATES: usize = 12;
const MEASURE: Duration = Duration::from_secs(2);
const RATE_PER_S: f64 = 200.0;
/// What watching may cost, share of one core.
const COST_MAX: f64 = 0.03;

/// Registry watched ÷ not watched, in turns.
pub fn on_and_off(deployment: &Deployment, stop: &AtomicBool) -> Result<SelfTest, Failure> {
    let median = |number| median_us(deployment, SERVICE, RATE_PER_S, MEASURE, number);
    let (mut pairs, mut cost_s, mut watched_s) = (Vec::new(), 0.0, 0.0);
    for replicate in 0..REPLICATES {
        stopped(stop)?;
        let number = 200_000 + replicate;
        let before = (replicate % 2 == 0).then(|| median(number)).transpose()?;
        let processes = deployment.processes();
        let observer = Observer::start(deployment.database_url()?, &processes)?;
        let began = Instant::now();
        let watched = median(number)?;
        watched_s += began.elapsed().as_secs_f64();
        let seen = observer.finish()?;
        cost_s += seen.observer_threads_s + seen.observer_backends_s;
        let unwatched = before.map_or_else(|| median(number), Ok)?;
        pairs.push((unwatched, watched));
    }
    let Some(estimate) = paired_ratio(&pairs) else {
        return Ok(outcome("V5 observers", None, "too few replicates".into()));
    };
    let share = cost_s / watched_s;
    let found = format!(
        "Registry watched: median ×{:.3} ({:.3}–{:.3}) of not watched; watching took {:.1} % of a core",
        estimate.ratio,
        estimate.low,
        estimate.high,
        share * 100.0
    );
    let pass = !estimate.excludes_one() && share <= COST_MAX;
    Ok(outcome("V5 observers", Some(pass), found))
}
