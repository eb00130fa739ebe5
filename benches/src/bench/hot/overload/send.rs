//! A part of it: requests at a fixed rate, whatever becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Answered, On, Part};
use crate::Failure;
use crate::bench::hot::system::{Arm, System};
use crate::load::driver::{self, Load, ServiceRecord};
use crate::load::operations;
use crate::load::schedule::Arrival;
use crate::stats::Histogram;
use crate::system::Site;

/// Sends at a fixed rate, whatever becomes of it; also when the last request was to be sent.
pub(super) fn part(system: &System, arm: &Arm, on: On, rate: f64, seconds: u64) -> Result<(Part, Instant), Failure> {
    let settle = Duration::from_secs(1);
    let count = (rate * (seconds + 1) as f64) as u64;
    let arrivals = (0..count)
        .map(|n| Arrival {
            at_ns: (n as f64 / rate * 1e9) as u64,
            endpoint: 0,
            organisation: 0,
            row: n as u32,
            body: n as u32,
        })
        .collect();
    let endpoints = vec![on.operation().to_owned()];
    let call = operations::calls(
        "registry",
        arm.url(),
        &endpoints,
        system.deployment.data(),
        &Arc::default(),
        system.deployment.salt(),
    )?;
    // Refusals without `Retry-After` of all that was sent, the settling second included.
    let without = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&without);
    let answered: driver::Answered = Arc::new(move |answer: &driver::Answer<'_>| {
        if matches!(answer.status, 429 | 503) && !answer.retry_after {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let load = Load {
        service: "registry".to_owned(),
        endpoints,
        arrivals: Arc::new(arrivals),
        call,
        answered: Some(answered),
    };
    let settings = driver::Settings { settle, ..driver::Settings::default() };
    let ends = Instant::now() + settle + Duration::from_secs(seconds);
    let (records, memory_mib) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let pause = Duration::from_secs(seconds) / 10;
            (0..10)
                .map(|_| {
                    std::thread::sleep(pause);
                    arm.now_mib()
                })
                .collect()
        });
        let records = driver::run(&[load], settings);
        (records, watcher.join().unwrap_or_default())
    });
    let records = records?;
    let record = records.first().ok_or_else(|| Failure::could_not_run("Nothing was sent."))?;
    let without = without.load(Ordering::Relaxed);
    Ok((described(record, without, memory_mib), ends))
}

fn described(record: &ServiceRecord, without: u64, memory_mib: Vec<f64>) -> Part {
    let none = Histogram::new();
    let good = record.response.get(&Answered::Ok).unwrap_or(&none);
    let count = |outcome| record.response.get(&outcome).map_or(0, Histogram::count);
    let refused = count(Answered::ServerError) + count(Answered::Limited);
    let shed = count(Answered::Shed);
    let per_s = |count: u64| count as f64 / record.measured_s;
    let ms = |quantile| good.quantile_us(quantile).unwrap_or_default() as f64 / 1000.0;
    Part {
        offered_per_s: per_s(record.offered),
        sent_per_s: per_s(record.offered - shed),
        goodput_per_s: per_s(good.count()),
        refused,
        with_retry_after: refused.saturating_sub(without),
        driver_late_ms: record.lag_summary().p99_us as f64 / 1000.0,
        lost: record.offered - good.count() - refused,
        outcomes: record.response.iter().map(|(outcome, seen)| (*outcome, seen.count())).collect(),
        p50_ms: ms(0.5),
        p99_ms: ms(0.99),
        memory_mib,
    }
}
