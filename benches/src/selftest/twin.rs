//! V5: a second, idle Registry must change nothing.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::shared::{median_us, outcome, stopped};
use crate::Failure;
use crate::result::SelfTest;
use crate::stats::paired_ratio;
use crate::system::Deployment;
use crate::system::process::{Further, Plan};

const SERVICE: &str = "registry";
const REPLICATES: usize = 12;
const MEASURE: Duration = Duration::from_secs(1);
const RATE_PER_S: f64 = 200.0;

/// Registry with an idle twin of itself ÷ without one.
pub fn idle(deployment: &Deployment, stop: &AtomicBool) -> Result<SelfTest, Failure> {
    let median = |number| median_us(deployment, SERVICE, RATE_PER_S, MEASURE, number);
    let mut pairs = Vec::new();
    for replicate in 0..REPLICATES {
        stopped(stop)?;
        // Every other replicate begins with the twin.
        let number = 100_000 + replicate;
        let before = (replicate % 2 == 0).then(|| median(number)).transpose()?;
        let twin = start(deployment)?;
        let together = median(number)?;
        drop(twin);
        let alone = before.map_or_else(|| median(number), Ok)?;
        pairs.push((alone, together));
    }
    let Some(estimate) = paired_ratio(&pairs) else {
        return Ok(outcome("V5 twin", None, "too few replicates".into()));
    };
    let found = format!(
        "Registry while an idle twin of it runs: median ×{:.3} ({:.3}–{:.3}) of Registry alone",
        estimate.ratio, estimate.low, estimate.high
    );
    Ok(outcome("V5 twin", Some(!estimate.excludes_one()), found))
}

/// The same program with the same settings on another port, ready.
fn start(deployment: &Deployment) -> Result<Further, Failure> {
    let plan = deployment.plan(SERVICE)?;
    Further::start(Plan { log: deployment.home().join("twin.log"), ..plan })
}
