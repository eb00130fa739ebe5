//! Several ways of answering, driven in turn: as `paired` does it with two.

use rand::seq::SliceRandom;

use super::five::Paused;
use crate::Failure;
use crate::design::Cell;
use crate::experiments::paired::{Comparison, Plan, Ratio, Side, drive, good, name};
use crate::load::driver::{ServiceRecord, Settings};
use crate::load::schedule::stream;
use crate::measure::plan::schedule_seed;
use crate::result::{Arm as Replicates, Metric, estimate, pooled, tail_count};
use crate::stats::paired_ratio;
use crate::system::Site;

/// Seconds that each turn runs before its requests count: processes that were paused have timers behind them.
const CATCH_UP_S: u64 = 1;

/// One way of answering.
pub(super) struct Arm<'a> {
    /// What it is called.
    pub name: &'static str,
    /// Where its requests go.
    pub site: &'a dyn Site,
    /// Processes that don't run meanwhile.
    pub paused: &'a [u32],
}

impl Arm<'_> {
    /// Its requests for so long, once what went on again has caught up with what it does by itself.
    pub fn drive(&self, rate_per_s: f64, seconds: u64, seed: u64) -> Result<ServiceRecord, Failure> {
        let _paused = Paused::all(self.paused);
        drive(self.site, rate_per_s, CATCH_UP_S, seed)?;
        drive(self.site, rate_per_s, seconds, seed)
    }
}

/// The records of each arm, one for each replicate. A replicate sends the same arrivals to each, in an order drawn from the seed.
pub(super) fn in_turn<const N: usize>(plan: Plan, arms: &[Arm<'_>; N]) -> Result<[Vec<ServiceRecord>; N], Failure> {
    let mut records = [const { Vec::new() }; N];
    for replicate in 0..plan.replicates {
        let seed = schedule_seed(plan.seed, replicate, &Cell::All);
        let mut order: [usize; N] = std::array::from_fn(|arm| arm);
        order.shuffle(&mut stream(plan.seed, &format!("arms {replicate}")));
        for arm in order {
            eprintln!("{} of {}: {}", replicate + 1, plan.replicates, arms[arm].name);
            let record = arms[arm].drive(plan.rate_per_s, plan.seconds, seed)?;
            if good(&record) == 0 {
                let name = arms[arm].name;
                return Err(Failure::could_not_run(format!("{name} gave no good answer: nothing can be compared.")));
            }
            records[arm].push(record);
        }
    }
    Ok(records)
}

/// The second ÷ the first.
pub(super) fn compared(first: (&str, &[ServiceRecord]), second: (&str, &[ServiceRecord])) -> Comparison {
    let timeout = Settings::default().timeout;
    let of = |records: &[ServiceRecord]| -> Replicates {
        records.iter().map(|record| record.all_responses(timeout)).enumerate().collect()
    };
    let [one, other] = [of(first.1), of(second.1)];
    let ratio = |metric: Metric| {
        let estimate = estimate(&one, &other, metric);
        let (replicates, tail) = metric.needs();
        let enough = estimate.is_some_and(|estimate| estimate.replicates >= replicates);
        let tail_n = tail_count(&one, metric).min(tail_count(&other, metric));
        Ratio { metric: name(metric), estimate, enough_data: enough && tail_n >= tail }
    };
    let pairs: Vec<(f64, f64)> =
        first.1.iter().zip(second.1).filter_map(|(a, b)| Some((db_ms(a)?, db_ms(b)?))).collect();
    let db = paired_ratio(&pairs);
    let enough_data = db.is_some_and(|estimate| estimate.replicates >= 4);
    let db = Ratio { metric: "db".into(), estimate: db, enough_data };
    let sides = [side(first.0, first.1, &one), side(second.0, second.1, &other)];
    Comparison { sides, ratios: Metric::ALL.into_iter().map(ratio).chain([db]).collect() }
}

fn side(name: &str, records: &[ServiceRecord], replicates: &Replicates) -> Side {
    let all = pooled(replicates);
    let at = |q| all.quantile_us(q).unwrap_or(0) as f64 / 1000.0;
    let offered: u64 = records.iter().map(|record| record.offered).sum();
    let db: Vec<f64> = records.iter().filter_map(db_ms).collect();
    Side {
        name: name.into(),
        requests: all.count(),
        p50_ms: at(0.5),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        good: records.iter().map(good).sum::<u64>() as f64 / offered.max(1) as f64,
        db_ms: (!db.is_empty()).then(|| db.iter().sum::<f64>() / db.len() as f64),
    }
}

fn db_ms(record: &ServiceRecord) -> Option<f64> {
    let timing = record.server_timing;
    (timing.answers > 0).then(|| timing.db_ms / timing.answers as f64)
}
