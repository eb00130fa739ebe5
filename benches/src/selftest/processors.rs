//! V8: whose use of the processors makes others wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::injected::as_role;
use super::shared::outcome;
use crate::Failure;
use crate::data::{connect, failed};
use crate::observe::{StateLoop, Watch};
use crate::result::{Resource, SelfTest};

const HEAVY: &str = "lab_heavy";
const LIGHT: &str = "lab_light";
/// How long both compute.
const DURATION: Duration = Duration::from_secs(6);
/// Part of what is blamed on others that must be on the heavy role.
const RIGHT_MIN: f64 = 0.9;
/// Part of it on others than us above which this machine can't resolve the test now.
const FOREIGN_MAX: f64 = 0.05;

/// One role burns every processor, another one computes a little now and then: its waiting must be blamed on the first.
pub fn heavy_and_light(url: &str) -> Result<SelfTest, Failure> {
    connect(url)?
        .batch_execute(
            "do $$ begin create role lab_heavy; exception when duplicate_object then null; end $$;
             do $$ begin create role lab_light; exception when duplicate_object then null; end $$",
        )
        .map_err(|error| failed("setting up the processors' test", &error))?;
    let stop = Arc::new(AtomicBool::new(false));
    let burning = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1;
    let mut threads = Vec::new();
    for _ in 0..burning {
        threads.push(compute(url, HEAVY, 200_000, Duration::ZERO, &stop)?);
    }
    threads.push(compute(url, LIGHT, 5_000, Duration::from_millis(5), &stop)?);
    let watching = StateLoop::start(url, &[], &Watch::default())?;
    std::thread::sleep(DURATION);
    let states = watching.finish()?;
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| {
        let _ = thread.join();
    });
    let lines = states.apportioned.lines();
    let sum = |on: &dyn Fn(&str) -> bool| -> f64 {
        lines
            .iter()
            .filter(|line| line.resource == Resource::RunQueue)
            .filter(|line| line.waiting == LIGHT && line.blamed != LIGHT && on(&line.blamed))
            .map(|line| line.seconds)
            .sum()
    };
    let (total, right, foreign) = (sum(&|_| true), sum(&|blamed| blamed == HEAVY), sum(&|blamed| blamed == "others"));
    let share = |part: f64| part / total.max(1e-9);
    let found = format!(
        "processor load: {:.2} s in the run queue, {:.0} % of it blamed on the heavy role, {:.0} % on what isn't ours",
        total,
        share(right) * 100.0,
        share(foreign) * 100.0
    );
    let pass = total > 0.0 && share(right) >= RIGHT_MIN;
    // Foreign load is rightly blamed; then the machine wasn't ours to test on.
    let resolved = pass || share(foreign) <= FOREIGN_MAX;
    Ok(outcome("V8", resolved.then_some(pass), found))
}

fn compute(
    url: &str,
    role: &str,
    rows: u32,
    pause: Duration,
    stop: &Arc<AtomicBool>,
) -> Result<std::thread::JoinHandle<()>, Failure> {
    let (mut client, stop) = (as_role(url, role)?, Arc::clone(stop));
    let statement = format!("select count(*) from generate_series(1, {rows})");
    Ok(std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) && client.batch_execute(&statement).is_ok() {
            std::thread::sleep(pause);
        }
    }))
}
