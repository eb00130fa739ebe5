//! Processor time from `/proc`: on this machine only, and free of charge.

use std::fs;
use std::time::Instant;

use crate::result;

/// (on a processor, ready and waiting for one) in seconds.
pub type CpuTimes = (f64, f64);

/// A single-threaded process's times since it began; `None` where it is gone or this isn't its machine.
pub fn schedstat(pid: i32) -> Option<CpuTimes> {
    parse(&fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?)
}

/// Times of all threads that a process has now: `/proc/<pid>/schedstat` is its first thread's alone.
pub fn threads(pid: u32) -> CpuTimes {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks
        .flatten()
        .filter_map(|task| parse(&fs::read_to_string(task.path().join("schedstat")).ok()?))
        .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// Busy processor seconds of the whole machine.
pub fn busy_s() -> f64 {
    machine_cpu_s().0
}

fn parse(text: &str) -> Option<CpuTimes> {
    let mut fields = text.split_ascii_whitespace();
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / 1e9);
    Some((seconds()?, seconds()?))
}

/// Processor seconds of a backend; 0 where it can't be read.
pub fn backend_cpu_s(pid: i32) -> f64 {
    schedstat(pid).map_or(0.0, |(cpu, _)| cpu)
}

/// Processor seconds of the calling thread.
pub fn thread_cpu_s() -> f64 {
    fs::read_to_string("/proc/thread-self/schedstat").ok().and_then(|text| parse(&text)).map_or(0.0, |(cpu, _)| cpu)
}

/// Processor seconds of a process with all its threads, from `/proc/<pid>/stat` (fields 14 and 15, clock ticks of 10 ms).
fn process_cpu_s(pid: u32) -> f64 {
    ticks_s(pid, 11)
}

/// Processor seconds of this process's children that have ended and were waited for (fields 16 and 17).
pub fn ended_children_s() -> f64 {
    ticks_s(std::process::id(), 13)
}

/// Two neighbouring fields of `/proc/<pid>/stat`, counted from behind the name, in seconds.
fn ticks_s(pid: u32, first: usize) -> f64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return 0.0;
    };
    // The name in parentheses may hold anything, so fields are counted from behind it.
    let Some((_, rest)) = text.rsplit_once(')') else {
        return 0.0;
    };
    let ticks =
        |n: usize| rest.split_ascii_whitespace().nth(n).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(first) + ticks(first + 1)) / 100.0
}

/// Busy and stolen processor seconds of the whole machine.
fn machine_cpu_s() -> (f64, f64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .skip(1)
        .filter_map(|field| field.parse::<f64>().ok())
        .map(|ticks| ticks / 100.0)
        .collect();
    let at = |n: usize| fields.get(n).copied().unwrap_or(0.0);
    // user, nice, system, irq, softirq; idle (3) and iowait (4) are not work, steal (7) is somebody else's.
    (at(0) + at(1) + at(2) + at(5) + at(6), at(7))
}

/// What the whole machine and its known parts used since [`CpuClock::start`].
pub struct CpuClock {
    started: Instant,
    busy_s: f64,
    stolen_s: f64,
    services: Vec<(u32, f64)>,
    own_s: f64,
}

/// Shares of one core over the clock's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine {
    /// Seconds measured.
    pub seconds: f64,
    /// Everything.
    pub busy: f64,
    /// Taken by the hypervisor.
    pub stolen: f64,
    /// The services' processes.
    pub services: f64,
    /// This process: driver and observers.
    pub own: f64,
}

impl CpuClock {
    /// From now on; `services` are their names and process ids.
    #[must_use]
    pub fn start(services: &[(String, u32)]) -> Self {
        let (busy_s, stolen_s) = machine_cpu_s();
        Self {
            started: Instant::now(),
            busy_s,
            stolen_s,
            services: services.iter().map(|&(_, pid)| (pid, process_cpu_s(pid))).collect(),
            own_s: process_cpu_s(std::process::id()),
        }
    }

    /// Until now.
    #[must_use]
    pub fn read(&self) -> Machine {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-9);
        let (busy_s, stolen_s) = machine_cpu_s();
        let services_s: f64 = self.services.iter().map(|&(pid, before)| process_cpu_s(pid) - before).sum();
        Machine {
            seconds,
            busy: (busy_s - self.busy_s) / seconds,
            stolen: (stolen_s - self.stolen_s) / seconds,
            services: services_s / seconds,
            own: (process_cpu_s(std::process::id()) - self.own_s) / seconds,
        }
    }
}

/// What this machine is.
#[must_use]
pub fn machine() -> result::Machine {
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let found = text.lines().find(|line| line.starts_with(key)).and_then(|line| line.split_once(':'));
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let kilobytes: u64 = line("/proc/meminfo", "MemTotal").trim_end_matches(" kB").trim().parse().unwrap_or_default();
    result::Machine {
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        model: line("/proc/cpuinfo", "model name"),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        memory_bytes: kilobytes * 1024,
        canary_cpu_s: vec![],
        canary_sync_s: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_schedstat() {
        assert_eq!(parse("2500000000 500000000 17\n"), Some((2.5, 0.5)));
        assert_eq!(parse("garbled"), None);
    }

    #[test]
    fn a_busy_thread_is_seen() {
        let before = thread_cpu_s();
        let start = Instant::now();
        let mut sum = 0_u64;
        while start.elapsed().as_millis() < 30 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(thread_cpu_s() > before, "{sum}");
    }
}
