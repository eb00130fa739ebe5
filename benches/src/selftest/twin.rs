//! V5: a second Registry that does nothing must change nothing.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::shared::{median_us, outcome, stopped};
use crate::Failure;
use crate::result::SelfTest;
use crate::stats::paired_ratio;
use crate::system::Deployment;
use crate::system::process::{Plan, Process};

const SERVICE: &str = "registry";
const REPLICATES: usize = 12;
const MEASURE: Duration = Duration::from_secs(1);
const RATE_PER_S: f64 = 200.0;
/// How long the twin may take to be ready.
const PATIENCE: Duration = Duration::from_secs(15);

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
        twin.ask_to_end();
        twin.wait();
        let alone = before.map_or_else(|| median(number), Ok)?;
        pairs.push((alone, together));
    }
    let Some(estimate) = paired_ratio(&pairs) else {
        return Ok(outcome("V5 twin", None, "too few replicates".into()));
    };
    let found = format!(
        "Registry beside an idle twin of itself: median ×{:.3} ({:.3}–{:.3}) of Registry alone",
        estimate.ratio, estimate.low, estimate.high
    );
    Ok(outcome("V5 twin", Some(!estimate.excludes_one()), found))
}

/// The same binary with the same settings on another port, ready.
fn start(deployment: &Deployment) -> Result<Process, Failure> {
    let failed =
        |why: &dyn std::fmt::Display| Failure::could_not_run(format!("The twin of {SERVICE} can't be started: {why}."));
    let original = deployment.process_id(SERVICE);
    let id = original.ok_or_else(|| failed(&"it doesn't run itself"))?;
    let settings = std::fs::read(format!("/proc/{id}/environ")).map_err(|error| failed(&error))?;
    let settings = String::from_utf8_lossy(&settings);
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
    let address = listener.map_err(|error| failed(&error))?;
    let mut env: Vec<(String, String)> = settings
        .split('\0')
        .filter_map(|one| one.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    env.push(("LISTEN".into(), address.to_string()));
    let mut twin = Plan {
        name: SERVICE,
        binary: PathBuf::from(format!("/proc/{id}/exe")),
        env,
        log: deployment.home().join("twin.log"),
    }
    .start()?;
    let deadline = Instant::now() + PATIENCE;
    while ureq::get(format!("http://{address}/readyz")).call().is_err() {
        if twin.ended().is_some() || Instant::now() > deadline {
            return Err(failed(&twin.last_lines()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(twin)
}
