use super::*;
use crate::design::Preset;
use crate::experiments::problems::{Problem, ProblemArm, Unit};
use crate::report::testing::{demo, reference};

fn problems() -> Problems {
    let arm = |values: [f64; 4]| ProblemArm { name: "arm".into(), values: values.into() };
    let says = "An ALTER blocks reads for {problem}; with lock_timeout {remedy}; else {control}.";
    let arms = [arm([3.0, 3.5, 2.5, 3.0]), arm([1200.0, 1190.0, 1210.0, 1200.0]), arm([101.0, 100.0, 102.0, 101.0])];
    let nothing = [arm([1.0, 1.1, 0.9, 1.0]), arm([1.1, 0.9, 1.0, 1.0]), arm([1.0, 0.9, 1.1, 1.0])];
    Problems::new(vec![
        Problem::new("ddl", "DDL", says, Unit::Milliseconds, arms),
        Problem::new("none", "nothing", "It takes {problem}.", Unit::Milliseconds, nothing),
    ])
}

#[test]
fn findings_come_first_with_their_intervals() {
    let found = headline(&demo(), Some(&problems()));
    assert!(found.findings[0].starts_with("Ordinary load, all five together: requests above "), "{found:?}");
    assert!(
        found.findings[0].contains(" % (") && found.findings[0].contains("with 95 % confidence no service's median")
    );
    assert!(found.findings[1].starts_with("An ALTER blocks reads for 1.20 s (1.19–1.21); with lock_timeout 101 ms"));
    assert_eq!(found.findings.len(), 2, "what wasn't shown to harm is no finding: {found:?}");
    assert!(found.notes.iter().any(|note| note.ends_with("The harm is not significant here.")));
    assert!(found.notes.iter().any(|note| note.contains("--preset quick (13 minutes)")), "{found:?}");
}

#[test]
fn what_did_not_resolve_is_bounded_and_not_called_none() {
    let mut result = demo();
    for entry in &mut result.matrix.as_mut().unwrap().entries {
        entry.p_adjusted = Some(0.5);
    }
    let found = headline(&result, None);
    assert!(
        found.findings[0].contains("rise significantly; with 95 % confidence no service's median is slowed by more")
    );
}

#[test]
fn improvements_are_counted_as_such() {
    let mut result = reference();
    let matrix = result.matrix.as_mut().unwrap();
    let pairs = matrix.entries.iter_mut().filter(|of| of.metric == Metric::OneIn20 && of.while_running != "all");
    let better = pairs.take(1).last().unwrap();
    better.estimate = Some(Estimate { ratio: 0.28, low: 0.14, high: 0.39, p: 0.0001, replicates: 4 });
    better.p_adjusted = Some(0.002);
    let notes = headline(&result, None).notes.join(" ");
    assert!(notes.contains("1 significantly faster"), "{notes}");
}

/// The sentence, the marks and the list of reasons count the same measurements.
#[test]
fn counts_agree() {
    let result = reference();
    let all = result.counted().count();
    let notes = headline(&result, None).notes.join(" ");
    assert!(notes.contains(&format!("{all} of {all} measurements count. What disturbed 0 of them")), "{notes}");
    let page = crate::report::page::page(&result, std::path::Path::new("/nowhere"));
    assert!(page.contains(&format!("{all} of {all} measurements count")), "the mark");
    assert!(!page.contains(&format!("of {} measurements", result.cells.len())), "another number of measurements");
}

#[test]
fn above_capacity_no_latency_is_claimed() {
    let mut result = reference();
    result.run.preset = Preset::Stress;
    let found = headline(&result, None);
    assert!(found.findings[0].starts_with("Driven above what this machine can do"), "{found:?}");
    assert!(found.notes[0].starts_with("No latencies are shown"));
}
