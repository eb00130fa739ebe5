//! V5: how often identical systems are called different.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rand::Rng as _;

use super::shared::{median_us, outcome, stopped};
use crate::Failure;
use crate::load::schedule::stream;
use crate::result::SelfTest;
use crate::stats::{Estimate, holm, paired_ratio, share_at_most};
use crate::system::Deployment;

/// As many as the lab's smallest claim needs.
const REPLICATES: usize = 4;
/// Short, but every request is a real one.
const MEASURE: Duration = Duration::from_millis(300);
/// Some sixty requests in each cell.
const RATE_PER_S: f64 = 200.0;
/// Fewer comparisons say too little of a share of 5 %.
const ENOUGH: u32 = 200;
/// What the share may be, and its upper 95 % bound.
const SHARE_MAX: f64 = 0.05;
const BOUND_MAX: f64 = 0.10;
/// Comparisons that are adjusted for one another, as the twenty pairs of a matrix are.
const FAMILY: usize = 20;

/// `nulls` comparisons of a service with itself, each of fresh cells: same requests, random order, nothing changed. A false
/// alarm is an interval of the ratio of medians that excludes 1.
pub fn false_alarms(deployment: &Deployment, nulls: u32, stop: &AtomicBool) -> Result<SelfTest, Failure> {
    let services = deployment.services();
    let bar = ProgressBar::new(u64::from(nulls));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} comparisons · {eta} left") {
        bar.set_style(style);
    }
    let mut random = stream(1, "order of null cells");
    let mut estimates: Vec<Estimate> = Vec::new();
    for (number, service) in (0..nulls as usize).zip(services.iter().cycle()) {
        stopped(stop)?;
        let mut pairs = Vec::new();
        for replicate in 0..REPLICATES {
            let seed = number * REPLICATES + replicate;
            let one = || median_us(deployment, service, RATE_PER_S, MEASURE, seed);
            let (first, second) = (one()?, one()?);
            // Which of the two is called "alone" is chance, so that neither drift nor what the first one left behind
            // leans to a side.
            let pair = (first, second);
            pairs.push(if random.random() { pair } else { (second, first) });
        }
        estimates.extend(paired_ratio(&pairs));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(judge(&estimates))
}

fn judge(estimates: &[Estimate]) -> SelfTest {
    let trials = estimates.len() as u64;
    let alarms = estimates.iter().filter(|one| one.excludes_one()).count() as u64;
    let adjusted = estimates.chunks(FAMILY).flat_map(|family| {
        let p: Vec<f64> = family.iter().map(|one| one.p).collect();
        holm(&p)
    });
    let adjusted = adjusted.filter(|p| *p < 0.05).count();
    let share = alarms as f64 / trials.max(1) as f64;
    let bound = share_at_most(alarms, trials);
    let found = format!(
        "A against A, {trials} comparisons of {REPLICATES} × 2 cells: {alarms} false alarms ({:.1} %, with 95 % confidence at most {:.1} %), \
         {adjusted} after adjustment in families of {FAMILY}",
        share * 100.0,
        bound * 100.0
    );
    let enough = trials >= u64::from(ENOUGH);
    let pass = share <= SHARE_MAX && bound <= BOUND_MAX;
    outcome("V5", enough.then_some(pass), found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimates(alarms: usize, all: usize) -> Vec<Estimate> {
        let one = |alarm| Estimate {
            ratio: 1.1,
            low: if alarm { 1.01 } else { 0.9 },
            high: 1.2,
            p: if alarm { 0.03 } else { 0.5 },
            replicates: 4,
        };
        (0..all).map(|number| one(number < alarms)).collect()
    }

    #[test]
    fn ten_of_two_hundred_pass_and_eleven_do_not() {
        assert_eq!(judge(&estimates(10, 200)).pass, Some(true));
        assert_eq!(judge(&estimates(11, 200)).pass, Some(false));
        let few = judge(&estimates(0, 50));
        assert_eq!(few.pass, None, "too few to say: {few:?}");
        assert!(few.found.contains("0 false alarms"));
    }
}
