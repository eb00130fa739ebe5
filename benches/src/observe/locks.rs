//! The lock loop: a sample of the waiters every 20 ms on average.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::Rng;
use schema::blame::sample::Sampler;
use schema::blame::{Entry, Ledger};

use super::Watch;
use super::cpu::{backend_cpu_s, thread_cpu_s};
use super::states::Names;
use super::waits::Waits;
use crate::Failure;
use crate::data::connect_to_ask;
use crate::result::{LedgerResult, Wait};

/// Mean gap between two samples, where that costs no more than its budget.
const GAP_MS: f64 = 20.0;
/// What sampling may cost, share of one core: where a sample costs more, there are fewer.
const BUDGET: f64 = 0.015;
/// Samples after which the cost of one is looked at.
const LOOK: u64 = 16;

/// The ledger, the waits by statement where those are noted, and what the loop's thread and its backend cost in CPU seconds.
type Outcome = Result<(LedgerResult, Vec<Wait>, (f64, f64)), Failure>;

/// The running loop.
pub struct LockLoop {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome>,
}

impl LockLoop {
    pub fn start(database_url: &str, watch: &Watch) -> Result<Self, Failure> {
        let mut sampler = Sampler::new(connect_to_ask(database_url)?).map_err(could_not)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, how) = (Arc::clone(&stop), watch.clone());
        let thread = std::thread::Builder::new()
            .name("lab-locks".into())
            .spawn(move || follow(&mut sampler, &how, &stopped))
            .map_err(|error| Failure::could_not_run(format!("The lock loop can't start: {error}.")))?;
        Ok(Self { stop, thread })
    }

    /// The ledger by service, and what the loop cost.
    pub fn finish(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Failure::could_not_run("The lock loop ended early."))?
    }
}

fn follow(sampler: &mut Sampler, watch: &Watch, stop: &AtomicBool) -> Outcome {
    let pid = sampler.own_pid().map_err(could_not)?;
    let before = backend_cpu_s(pid);
    let mut ledger = Ledger::new();
    let mut waits = watch.notes_waits.then(|| Waits::new(watch.names.clone()));
    let mut random = rand::rng();
    let mut gap_s = GAP_MS / 1000.0;
    while !stop.load(Ordering::Relaxed) {
        let sample = sampler.sample().map_err(could_not)?;
        ledger.observe(&sample, &*sampler);
        if let Some(waits) = &mut waits {
            waits.observe(&sample, sampler).map_err(could_not)?;
        }
        // Each gap is drawn anew, so that sampling can't beat with a load of fixed rate.
        std::thread::sleep(Duration::from_secs_f64(gap_s * random.random_range(0.5..1.5)));
        if ledger.samples().is_multiple_of(LOOK) {
            let cost_s = thread_cpu_s() + backend_cpu_s(pid) - before;
            gap_s = gap(cost_s / ledger.samples() as f64);
        }
    }
    let cost = (thread_cpu_s(), backend_cpu_s(pid) - before);
    let result = LedgerResult {
        short_wait_remainder_s: ledger.short_wait_remainder_s(),
        samples: ledger.samples(),
        entries: by_service(ledger.entries(), &watch.names),
        ..LedgerResult::default()
    };
    Ok((result, waits.map(Waits::finish).unwrap_or_default(), cost))
}

/// Seconds between two samples that cost so much each.
fn gap(cost_s: f64) -> f64 {
    (cost_s / BUDGET).max(GAP_MS / 1000.0)
}

/// Folds roles to their service; seconds and waits add up, standard deviations in squares.
fn by_service(entries: Vec<Entry>, names: &Names) -> Vec<Entry> {
    let mut folded: BTreeMap<(String, String, String, _), Entry> = BTreeMap::new();
    for entry in entries {
        let [waiting, direct, root] = [&entry.waiting, &entry.direct, &entry.root].map(|role| names.of(role));
        folded
            .entry((waiting.clone(), direct.clone(), root.clone(), entry.cause))
            .and_modify(|sum| {
                sum.seconds += entry.seconds;
                sum.waits += entry.waits;
                sum.sd_seconds = sum.sd_seconds.hypot(entry.sd_seconds);
            })
            .or_insert(Entry { waiting, direct, root, ..entry });
    }
    let mut entries: Vec<Entry> = folded.into_values().collect();
    entries.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    entries
}

fn could_not(error: schema::Error) -> Failure {
    Failure::could_not_run(format!("{error}."))
}

#[cfg(test)]
mod tests {
    use super::gap;

    #[test]
    fn what_costs_more_is_sampled_less() {
        assert_eq!(gap(0.000_2), 0.02);
        assert!((gap(0.000_6) - 0.04).abs() < 1e-9, "1.5 % of a core");
    }
}
