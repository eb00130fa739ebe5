//! The ledger: waited seconds by waiting role, blockers and cause.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::graph::{Cause, Sample, Waiter};

/// Names a backend's role by its process id.
pub trait Roles {
    /// The role of `pid`, or `pid 4711` where that backend has ended.
    fn role(&self, pid: i32) -> String;
}

impl Roles for BTreeMap<i32, String> {
    fn role(&self, pid: i32) -> String {
        self.get(&pid)
            .cloned()
            .unwrap_or_else(|| if pid == 0 { "prepared transaction".into() } else { format!("pid {pid}") })
    }
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Role that waited.
    pub waiting: String,
    /// Role of the direct blocker.
    pub direct: String,
    /// Role of the root blocker, which doesn't wait itself.
    pub root: String,
    /// Why.
    pub cause: Cause,
    /// Seconds from `waitstart` to the midpoint of the two samples between which the wait ended; blockers and roots share a moment equally.
    pub seconds: f64,
    /// Waits that contributed.
    pub waits: u64,
    /// Standard deviation of `seconds` from the unknown ends: each is uniform over one gap, so `gap/√12` per wait.
    pub sd_seconds: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    waiting: String,
    direct: String,
    root: String,
    cause: Cause,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    us: f64,
    waits: u64,
    variance_us: f64,
}

/// A wait seen in the latest sample, with how its moments are shared out.
#[derive(Clone, Debug)]
struct Open {
    start_us: i64,
    booked_until_us: i64,
    keys: Vec<Key>,
    counted: Vec<Key>,
}

/// Adds samples up. Feed it every sample in order, then [`Ledger::finish`].
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    sums: BTreeMap<Key, Sums>,
    open: BTreeMap<i32, Open>,
    last_us: Option<i64>,
    counting_us: f64,
    samples: u64,
}

impl Ledger {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one sample. Time before the first sample is not counted.
    pub fn observe(&mut self, sample: &Sample, roles: &impl Roles) {
        let previous = self.last_us.unwrap_or(sample.at_us);
        let gap = (sample.at_us - previous).max(0);
        self.samples += 1;
        self.counting_us += gap as f64 * sample.waiters.len() as f64;
        self.close_ended(sample, previous, gap);
        for waiter in sample.waiters.values().filter(|waiter| !waiter.blockers.is_empty()) {
            self.extend(sample, waiter, previous, roles);
        }
        self.last_us = Some(sample.at_us);
    }

    /// The lines, largest first.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self
            .sums
            .iter()
            .map(|(key, sums)| Entry {
                waiting: key.waiting.clone(),
                direct: key.direct.clone(),
                root: key.root.clone(),
                cause: key.cause,
                seconds: sums.us / 1e6,
                waits: sums.waits,
                sd_seconds: sums.variance_us.sqrt() / 1e6,
            })
            .collect();
        entries.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        entries
    }

    /// Seconds that the counting estimator (each waiter seen counts one whole gap) gives beyond the booked ones: waits
    /// shorter than a gap, whose start was never seen. An estimate, never below 0, attributed to no role.
    #[must_use]
    pub fn short_wait_remainder_s(&self) -> f64 {
        let booked: f64 = self.sums.values().map(|sums| sums.us).sum();
        ((self.counting_us - booked) / 1e6).max(0.0)
    }

    /// Samples taken.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Ends the watch: waits still open stay booked up to the last sample.
    pub fn finish(&mut self) {
        self.open.clear();
    }

    /// Adds the last stretch of waits that have ended, also when the same backend waits again.
    fn close_ended(&mut self, sample: &Sample, previous: i64, gap: i64) {
        let ended: Vec<i32> = self
            .open
            .iter()
            .filter(|(pid, open)| !sample.waiters.get(pid).is_some_and(|waiter| open.is(waiter)))
            .map(|(&pid, _)| pid)
            .collect();
        for pid in ended {
            if let Some(open) = self.open.remove(&pid) {
                let end = previous + gap / 2;
                let part = 1.0 / open.keys.len() as f64;
                for key in &open.keys {
                    let sums = self.sums.entry(key.clone()).or_default();
                    sums.us += (end - open.booked_until_us).max(0) as f64 * part;
                    sums.variance_us += (gap as f64).powi(2) / 12.0 * part;
                }
            }
        }
    }

    /// Adds the stretch since the previous sample (or the wait's start) for its present blockers.
    fn extend(&mut self, sample: &Sample, waiter: &Waiter, previous: i64, roles: &impl Roles) {
        let keys = keys(sample, waiter, roles);
        let first_sample = self.last_us.is_none();
        let open = self.open.entry(waiter.pid).or_insert_with(|| {
            let start_us = waiter.wait_start_us.unwrap_or(sample.at_us);
            let booked_until_us = if first_sample { sample.at_us } else { start_us.max(previous) };
            Open { start_us, booked_until_us, keys: Vec::new(), counted: Vec::new() }
        });
        let part = 1.0 / keys.len() as f64;
        let stretch = (sample.at_us - open.booked_until_us).max(0) as f64;
        for key in &keys {
            let sums = self.sums.entry(key.clone()).or_default();
            sums.us += stretch * part;
            if !open.counted.contains(key) {
                sums.waits += 1;
                open.counted.push(key.clone());
            }
        }
        open.booked_until_us = sample.at_us;
        open.keys = keys;
    }
}

impl Open {
    /// Whether `waiter` is this very wait. A start that was null at first is taken for the same one.
    fn is(&self, waiter: &Waiter) -> bool {
        !waiter.blockers.is_empty() && waiter.wait_start_us.is_none_or(|start| start <= self.start_us)
    }
}

/// One key for each (direct blocker, root of it).
fn keys(sample: &Sample, waiter: &Waiter, roles: &impl Roles) -> Vec<Key> {
    let cause = sample.cause(waiter);
    let waiting = roles.role(waiter.pid);
    let roots_of = |blocker: i32| {
        let mut roots = sample.roots(blocker);
        // In a deadlock the way from the blocker leads back: nobody waits for itself.
        roots.remove(&waiter.pid);
        if roots.is_empty() { vec![blocker] } else { roots.into_iter().collect() }
    };
    waiter
        .blockers
        .iter()
        .flat_map(|&blocker| roots_of(blocker).into_iter().map(move |root| (blocker, root)))
        .map(|(blocker, root)| Key {
            waiting: waiting.clone(),
            direct: roles.role(blocker),
            root: roles.role(root),
            cause,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles() -> BTreeMap<i32, String> {
        [(10, "account"), (11, "registry"), (12, "registry")].map(|(pid, role)| (pid, role.to_owned())).into()
    }

    fn sample(at_ms: i64, waits: &[(i32, i64, &[i32])]) -> Sample {
        let waiters = waits.iter().map(|&(pid, start_ms, blockers)| {
            let waiter = Waiter {
                pid,
                lock_type: "transactionid".into(),
                mode: "ShareLock".into(),
                relation: None,
                wait_start_us: Some(start_ms * 1000),
                blockers: blockers.to_vec(),
            };
            (pid, waiter)
        });
        Sample { at_us: at_ms * 1000, waiters: waiters.collect() }
    }

    #[test]
    fn books_from_the_start_to_the_midpoint() {
        let mut ledger = Ledger::new();
        ledger.observe(&sample(0, &[]), &roles());
        ledger.observe(&sample(20, &[(11, 5, &[10])]), &roles());
        ledger.observe(&sample(40, &[(11, 5, &[10])]), &roles());
        ledger.observe(&sample(60, &[]), &roles());
        let entries = ledger.entries();
        assert_eq!(entries.len(), 1);
        // 5 → 40 seen, and half of the gap to 60.
        assert!((entries[0].seconds - 0.045).abs() < 1e-9, "{entries:?}");
        assert_eq!(
            (entries[0].waiting.as_str(), entries[0].root.as_str(), entries[0].waits),
            ("registry", "account", 1)
        );
        assert!((entries[0].sd_seconds - 0.02 / 12_f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn a_second_wait_of_the_same_backend_is_another_wait() {
        let mut ledger = Ledger::new();
        ledger.observe(&sample(0, &[]), &roles());
        ledger.observe(&sample(20, &[(11, 10, &[10])]), &roles());
        ledger.observe(&sample(40, &[(11, 35, &[10])]), &roles());
        ledger.observe(&sample(60, &[]), &roles());
        let entries = ledger.entries();
        // 10 → 30 (midpoint of 20 and 40), then 35 → 50.
        assert!((entries[0].seconds - 0.035).abs() < 1e-9, "{entries:?}");
        assert_eq!(entries[0].waits, 2);
    }

    #[test]
    fn direct_and_root_are_both_kept() {
        let mut ledger = Ledger::new();
        ledger.observe(&sample(0, &[]), &roles());
        ledger.observe(&sample(10, &[(11, 0, &[10]), (12, 0, &[11])]), &roles());
        let second = ledger.entries().into_iter().find(|entry| entry.direct == "registry").expect("12 waits for 11");
        assert_eq!((second.root.as_str(), second.seconds), ("account", 0.01));
    }

    #[test]
    fn in_a_deadlock_each_waits_for_the_other() {
        let mut ledger = Ledger::new();
        ledger.observe(&sample(0, &[]), &roles());
        ledger.observe(&sample(10, &[(10, 0, &[11]), (11, 0, &[10])]), &roles());
        let entries = ledger.entries();
        assert!(entries.len() == 2 && entries.iter().all(|of| of.waiting != of.root), "{entries:?}");
    }

    #[test]
    fn nothing_waiting_nothing_booked() {
        let mut ledger = Ledger::new();
        (0..100).for_each(|i| ledger.observe(&sample(i * 20, &[]), &roles()));
        assert!(ledger.entries().is_empty());
        assert_eq!(ledger.short_wait_remainder_s(), 0.0);
    }

    #[test]
    fn two_blockers_share_a_moment() {
        let mut ledger = Ledger::new();
        ledger.observe(&sample(0, &[]), &roles());
        ledger.observe(&sample(10, &[(11, 0, &[10, 99])]), &roles());
        let seconds: Vec<f64> = ledger.entries().iter().map(|entry| entry.seconds).collect();
        assert_eq!(seconds, [0.005, 0.005]);
        assert!(ledger.entries().iter().any(|entry| entry.direct == "pid 99"));
    }
}
