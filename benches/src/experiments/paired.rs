//! Two ways of answering the same requests, measured in turn: how two architectures, or a remedy, are compared.
//!
//! Every replicate sends the same arrivals to each arm, one after the other in an order drawn from the seed, so that
//! drift of the machine falls on both; the ratio is formed inside the replicate (paired t on log ratios).

mod outcome;

use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;

use crate::Failure;
use crate::data::Dataset;
use crate::design::Cell;
use crate::load::driver::{self, ServiceRecord, Settings};
use crate::load::schedule::{ServiceWorkload, Workload, stream};
use crate::load::writes::Written;
use crate::measure::cell::loads;
use crate::measure::plan::schedule_seed;
use crate::result::{Arm as Replicates, Metric, ServiceInfo, estimate, pooled, tail_count};
use crate::stats::paired_ratio;
use crate::system::Site;
pub(crate) use outcome::name;
pub use outcome::{Comparison, Plan, Ratio, Side};

/// One way of answering.
pub struct Arm<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Where its requests go.
    pub site: &'a dyn Site,
    /// Done before each of its turns.
    pub prepare: &'a dyn Fn() -> Result<(), Failure>,
}

/// The same site with one service elsewhere.
pub struct Redirected<'a> {
    /// Everything else.
    pub site: &'a dyn Site,
    /// Which service.
    pub service: &'a str,
    /// Its other base URL.
    pub url: &'a str,
}

impl Site for Redirected<'_> {
    fn url(&self, service: &str) -> Result<&str, Failure> {
        if service == self.service { Ok(self.url) } else { self.site.url(service) }
    }

    fn data(&self) -> &Arc<Dataset> {
        self.site.data()
    }

    fn written(&self) -> &Arc<Written> {
        self.site.written()
    }

    fn salt(&self) -> u32 {
        self.site.salt()
    }
}

/// The read of one API, and nothing else: what one statement answers here, and three calls elsewhere.
pub(crate) fn one_read() -> Workload {
    let endpoint = crate::load::schedule::Endpoint { name: "find-api".into(), share: 1.0 };
    let of = ServiceWorkload { weight: 1.0, rate_per_s: None, endpoints: vec![endpoint] };
    Workload { services: [("registry".to_owned(), of)].into() }
}

/// How long each turn runs before it is measured.
const SETTLE: Duration = Duration::from_millis(500);

/// Sends one read's requests to an arm for `seconds`, the first half second unrecorded.
pub(crate) fn drive(site: &dyn Site, rate_per_s: f64, seconds: u64, seed: u64) -> Result<ServiceRecord, Failure> {
    let info = ServiceInfo::at("registry", rate_per_s);
    let duration = SETTLE + Duration::from_secs(seconds);
    let loads = loads(site, &one_read(), &[info], duration, seed)?;
    let settings = Settings { settle: SETTLE, ..Settings::default() };
    let records = driver::run(&loads, settings)?;
    let mut records = records.into_iter();
    records.next().ok_or_else(|| Failure::could_not_run("The driver returned nothing."))
}

/// Runs both arms in turn.
///
/// # Errors
/// When an arm can't be prepared or answers nothing at all as the contract says.
pub fn compare(plan: Plan, arms: [Arm<'_>; 2]) -> Result<Comparison, Failure> {
    let mut records: [Vec<ServiceRecord>; 2] = [Vec::new(), Vec::new()];
    for replicate in 0..plan.replicates {
        let cell = Cell::All;
        let seed = schedule_seed(plan.seed, replicate, &cell);
        let mut order = [0, 1];
        order.shuffle(&mut stream(plan.seed, &format!("arms {replicate}")));
        for arm in order {
            (arms[arm].prepare)()?;
            eprintln!("{} of {}: {}", replicate + 1, plan.replicates, arms[arm].name);
            let record = drive(arms[arm].site, plan.rate_per_s, plan.seconds, seed)?;
            if good(&record) == 0 {
                return Err(Failure::could_not_run(format!(
                    "{} gave no good answer, so there is nothing to compare.",
                    arms[arm].name
                )));
            }
            records[arm].push(record);
        }
    }
    Ok(evaluate([arms[0].name, arms[1].name], [&records[0], &records[1]]))
}

/// Good answers of a record.
pub(crate) fn good(record: &ServiceRecord) -> u64 {
    let of = record.response.iter();
    of.filter(|(outcome, _)| outcome.is_good()).map(|(_, histogram)| histogram.count()).sum()
}

/// The second ÷ the first.
pub(crate) fn evaluate(names: [&str; 2], records: [&[ServiceRecord]; 2]) -> Comparison {
    let timeout = Settings::default().timeout;
    let arms: [Replicates; 2] = [0, 1].map(|arm| {
        let of = records[arm].iter().enumerate();
        of.map(|(replicate, record)| (replicate, record.all_responses(timeout))).collect()
    });
    let side = |arm: usize| {
        let all = pooled(&arms[arm]);
        let at = |q| all.quantile_us(q).unwrap_or(0) as f64 / 1000.0;
        let offered: u64 = records[arm].iter().map(|record| record.offered).sum();
        let well: u64 = records[arm].iter().map(good).sum();
        let db: Vec<f64> = records[arm].iter().filter_map(db_ms).collect();
        Side {
            name: names[arm].into(),
            requests: all.count(),
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            good: well as f64 / offered.max(1) as f64,
            db_ms: (!db.is_empty()).then(|| db.iter().sum::<f64>() / db.len() as f64),
        }
    };
    let mut ratios: Vec<Ratio> = Metric::ALL
        .into_iter()
        .map(|metric| {
            let estimate = estimate(&arms[0], &arms[1], metric);
            let (replicates, tail) = metric.needs();
            let tail_n = tail_count(&arms[0], metric).min(tail_count(&arms[1], metric));
            let enough = estimate.is_some_and(|estimate| estimate.replicates >= replicates);
            Ratio { metric: name(metric), estimate, enough_data: enough && tail_n >= tail }
        })
        .collect();
    let both = records[0].iter().zip(records[1]);
    let pairs: Vec<(f64, f64)> = both.filter_map(|(one, other)| db_ms(one).zip(db_ms(other))).collect();
    let db = paired_ratio(&pairs);
    ratios.push(Ratio {
        metric: "db".into(),
        estimate: db,
        enough_data: db.is_some_and(|estimate| estimate.replicates >= 4),
    });
    Comparison { sides: [side(0), side(1)], ratios }
}

fn db_ms(record: &ServiceRecord) -> Option<f64> {
    let timing = record.server_timing;
    (timing.answers > 0).then(|| timing.db_ms / timing.answers as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::driver::Outcome;
    use crate::stats::Histogram;

    /// Answers of exactly this long, and this much SQL each.
    fn record(latency_us: u64, db_ms: f64) -> ServiceRecord {
        let mut histogram = Histogram::new();
        (0..3000).for_each(|_| histogram.record_us(latency_us));
        ServiceRecord {
            offered: 3000,
            response: [(Outcome::Ok, histogram)].into(),
            server_timing: driver::ServerTiming {
                answers: 3000,
                db_ms: 3000.0 * db_ms,
                ..driver::ServerTiming::default()
            },
            ..ServiceRecord::default()
        }
    }

    #[test]
    fn a_ratio_is_second_over_first_and_drift_cancels() {
        let plan = Plan { rate_per_s: 1.0, seconds: 1, replicates: 4, seed: 1 };
        // The machine becomes four times slower; the second arm takes three times as long in each replicate all the same.
        let first: Vec<_> = [1000, 2000, 3000, 4000].map(|us| record(us, 0.2)).into();
        let second: Vec<_> =
            [(3000, 0.1), (6000, 0.1), (9000, 0.1), (12_040, 0.1004)].map(|(us, db_ms)| record(us, db_ms)).into();
        let found = evaluate(["one", "other"], [&first, &second]);
        let ratio = |metric: &str| {
            let of = found.ratios.iter().find(|ratio| ratio.metric == metric);
            of.and_then(|ratio| ratio.estimate.filter(|_| ratio.enough_data))
        };
        let p50 = ratio("p50").unwrap();
        assert!((p50.ratio - 3.0).abs() < 0.01 && p50.low > 2.9, "{p50:?}");
        assert!((ratio("db").unwrap().ratio - 0.5).abs() < 0.001);
        assert_eq!(ratio("p99"), None, "four replicates don't carry it");
        assert!(found.table(&plan).to_string().contains("insufficient data"));
    }
}
