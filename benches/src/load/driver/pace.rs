//! The pacing thread: an absolute clock, no drift.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::Load;
use crate::stats::Histogram;

/// The last stretch before an intended moment is spun rather than slept, since a sleeping thread wakes late: by its timer's
/// slack (50 µs unless asked otherwise), and by what the scheduler lets it wait.
const SPIN: Duration = Duration::from_micros(200);
/// Of the driver's threads, where the kernel allows it: −20 to 19, the services have 0. Their work is to wake, hand over or
/// receive, and sleep again; on a machine of their own they would wait for nobody either.
const NICE: i32 = -15;

/// Asks the kernel to let this thread run soon after it wakes: no slack in its timers, and before the threads that it measures.
/// Where that is not allowed nothing changes but the driver's lateness, which every cell records.
pub(super) fn wake_soon() {
    let link = std::fs::read_link("/proc/thread-self").ok();
    let id = link.as_deref().and_then(|link| link.file_name()?.to_str()?.parse::<i32>().ok());
    let Some(id) = id else {
        return;
    };
    let _ = std::fs::write(format!("/proc/{id}/timerslack_ns"), "1");
    // On Linux a thread's id names that thread alone.
    let _ = rustix::process::setpriority_process(rustix::process::Pid::from_raw(id), NICE);
}

/// How late a thread wakes that does nothing else: what the kernel alone gives, in microseconds, `times` times 5 ms apart.
#[must_use]
pub fn kernel_lateness(times: u32) -> Histogram {
    let waking = move || {
        wake_soon();
        let mut late = Histogram::new();
        let start = Instant::now();
        for number in 1..=times {
            let due = start + number * Duration::from_millis(5);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            late.record_us(due.elapsed().as_micros() as u64);
        }
        late
    };
    // A thread of its own: its priority ends with it.
    std::thread::spawn(waking).join().unwrap_or_default()
}

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

/// Hands over every arrival of all loads, merged, at its moment. Returns after the last one, or once it is over.
pub fn pace(loads: &[Load], jobs: UnboundedSender<Job>, over: &AtomicBool) {
    wake_soon();
    let order = merged(loads);
    // Some time for the sending thread to come up; part of no latency, since all clocks start here.
    let start = Instant::now() + Duration::from_millis(20);
    for (at_ns, load, arrival) in order {
        let intended = start + Duration::from_nanos(at_ns);
        wait_until(intended);
        if over.load(Ordering::Relaxed) || jobs.send(Job { load, arrival, intended }).is_err() {
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
