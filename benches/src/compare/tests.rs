use std::path::Path;

use rand::Rng as _;

use super::lines::{interference, judge, speed};
use super::*;
use crate::design::Preset;
use crate::load::schedule::stream;
use crate::result::{Arm, Metric, SHARED_DATABASE, TargetInfo, Verdict};
use crate::stats::Histogram;

/// A real one.
fn reference() -> ResultFile {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
    let mut result = ResultFile::read(&file).unwrap();
    result.target = Some(TargetInfo::ours(SHARED_DATABASE));
    result
}

/// The committed file as it is, against what this lab would measure now.
#[test]
fn the_committed_reference_can_be_compared_with_a_new_run() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
    let committed = ResultFile::read(&file).unwrap();
    assert_eq!(refusals(&committed, &reference()), Vec::<String>::new());
    let mut other = reference();
    other.target.as_mut().unwrap().contract = "operations:000000000000".into();
    assert!(refusals(&other, &reference())[0].contains("contracts"));
}

#[test]
fn what_may_not_differ_is_refused_by_name() {
    let base = reference();
    assert_eq!(refusals(&base, &base), Vec::<String>::new());
    type Change = fn(&mut ResultFile);
    let changes: [(&str, Change); 8] = [
        ("contracts", |of| of.target = None),
        ("presets", |of| of.run.preset = Preset::Full),
        ("data", |of| of.run.data_apis = 7),
        ("seed", |of| of.run.seed += 1),
        ("rates of registry", |of| {
            let registry = of.services.iter_mut().find(|of| of.name == "registry");
            registry.unwrap().rate_per_s *= 1.01;
        }),
        ("other things", |of| of.services[0].endpoints.clear()),
        ("services", |of| of.services.truncate(2)),
        ("schedules", |of| of.run.workload_hash.push('x')),
    ];
    for (named, change) in changes {
        let mut other = base.clone();
        change(&mut other);
        let reasons = refusals(&base, &other);
        assert!(reasons.iter().any(|reason| reason.contains(named)), "{named}: {reasons:?}");
        let error = compare(&[base.clone(), other]).unwrap_err().to_string();
        assert!(error.contains(named) && error.contains("can't be compared"), "{error}");
    }
}

#[test]
fn one_result_compared_with_itself_shows_nothing() {
    let base = reference();
    let mut broken = base.clone();
    broken.correctness.insert("plan limits exceeded".into(), 3);
    let both = [base, broken];
    let found = compare(&both).unwrap();
    assert!(found.others[0].lines.len() > 50);
    for line in &found.others[0].lines {
        assert!(!matches!(line.verdict, Verdict::Better | Verdict::Worse), "{line:?}");
        if let Some(of) = line.estimate {
            assert_eq!(of.ratio, 1.0, "{line:?}");
        }
    }
    assert!(!found.subjects[0].disqualified && found.subjects[1].disqualified);
}

/// Replicates with exponential response times of this mean.
fn arm(mean_us: f64, replicates: usize, seed: u64) -> Arm {
    (0..replicates)
        .map(|replicate| {
            let mut random = stream(seed, &replicate.to_string());
            let mut histogram = Histogram::new();
            (0..2000).for_each(|_| {
                histogram.record_us((-mean_us * (1.0 - random.random::<f64>()).ln()) as u64);
            });
            (replicate, histogram)
        })
        .collect()
}

#[test]
fn a_verdict_needs_a_significant_difference_larger_than_the_machines_noise() {
    let verdict = |mean_us: f64, metric: Metric, detectable: f64| {
        let of = (What::Alone, "registry");
        let mut lines = [speed(of.0, of.1, metric, &arm(1000.0, 4, 1), &arm(mean_us, 4, 2))];
        judge(&mut lines, &|_| detectable);
        lines[0].verdict
    };
    assert_eq!(verdict(2000.0, Metric::P50, 1.1), Verdict::Worse);
    assert_eq!(verdict(500.0, Metric::P50, 1.1), Verdict::Better);
    assert_eq!(verdict(1000.0, Metric::P50, 1.2), Verdict::WithinNoise);
    assert_eq!(verdict(1000.0, Metric::P50, 1.0), Verdict::Inconclusive);
    assert_eq!(verdict(2000.0, Metric::P99, 1.1), Verdict::InsufficientData, "p99 needs 20 replicates");
}

/// Twice as slow alone and together: no more interference than before, though every answer takes longer.
#[test]
fn interference_is_each_runs_own_ratio() {
    let base = [arm(1000.0, 6, 1), arm(3000.0, 6, 2)];
    let other = [arm(2000.0, 6, 3), arm(6000.0, 6, 4)];
    let found = interference(("registry", "billing"), Metric::P50, [&base[0], &base[1]], [&other[0], &other[1]]);
    let of = found.estimate.unwrap();
    assert!(of.low < 1.0 && of.high > 1.0 && (of.ratio - 1.0).abs() < 0.15, "{found:?}");
    let value = found.values[0].unwrap();
    assert!((2.7..3.3).contains(&value), "{value}");
}
