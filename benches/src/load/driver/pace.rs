//! The pacing thread: an absolute clock, no drift.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::Load;

/// The last stretch before an intended moment is spun rather than slept, since a sleeping thread wakes some 60 µs late.
const SPIN: Duration = Duration::from_micros(60);

/// A request to be sent now.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Index into the loads.
    pub load: usize,
    /// Index into that load's arrivals.
    pub arrival: usize,
    /// When it was meant to be sent.
    pub intended: Instant,
}

/// Hands over every arrival of all loads, merged, at its moment. Returns after the last one.
pub fn pace(loads: &[Load], jobs: &UnboundedSender<Job>) {
    let order = merged(loads);
    // Some time for the sending thread to come up; part of no latency, since all clocks start here.
    let start = Instant::now() + Duration::from_millis(20);
    for (at_ns, load, arrival) in order {
        let intended = start + Duration::from_nanos(at_ns);
        wait_until(intended);
        if jobs.send(Job { load, arrival, intended }).is_err() {
            return;
        }
    }
}

/// (time, load, arrival) of all loads in the order of time.
fn merged(loads: &[Load]) -> Vec<(u64, usize, usize)> {
    let mut order: Vec<(u64, usize, usize)> = loads
        .iter()
        .enumerate()
        .flat_map(|(load, of)| of.arrivals.iter().enumerate().map(move |(i, arrival)| (arrival.at_ns, load, i)))
        .collect();
    order.sort_unstable();
    order
}

fn wait_until(moment: Instant) {
    loop {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if left > SPIN { std::thread::sleep(left - SPIN) } else { std::hint::spin_loop() }
    }
}
