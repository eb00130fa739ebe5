use super::*;
use crate::design::Preset;
use crate::experiments::problems::{Problem, ProblemArm, Unit};
use crate::report::testing::{demo, reference};
use crate::result::Suspect;

fn problems() -> Problems {
    let arm = |values: [f64; 4]| ProblemArm { name: "arm".into(), values: values.into() };
    let says = "Waiting DDL: an ALTER blocks reads for {problem}; with lock_timeout {remedy}; else {control}.";
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
    let [ordinary, ddl] = [0, 1].map(|place: usize| found.findings[place].to_string());
    assert!(ordinary.starts_with("Ordinary load: ") && ordinary.contains("while the other four run"), "{ordinary}");
    assert!(ordinary.contains(" % (") && ordinary.contains("With 95 % confidence no service's median"), "{ordinary}");
    assert!(
        ddl.starts_with("Waiting DDL: an ALTER blocks reads for 1.20 s (1.19–1.21); with lock_timeout 101 ms"),
        "{ddl}"
    );
    assert_eq!(found.findings[1].text.matches("**1.20 s**").count(), 1, "its key figure is marked: {found:?}");
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
    let said = found.findings[0].to_string();
    assert!(said.contains("no service has significantly more slow requests while the other four run."), "{said}");
    assert!(said.contains("With 95 % confidence no service's median is slowed by more"), "{said}");
}

/// Silence would look like "unaffected".
#[test]
fn every_service_is_named_whatever_was_found_of_it() {
    let mut result = demo();
    let all = result.matrix.as_mut().unwrap().entries.iter_mut();
    let all = all.filter(|entry| entry.metric == Metric::OneIn20 && entry.while_running == "all");
    for entry in all {
        let p = if entry.service == "profile" { 0.5 } else { 0.001 };
        entry.p_adjusted = Some(p);
        entry.estimate = Some(Estimate { ratio: 2.0, low: 0.9, high: 9.0, p, replicates: 4 });
        entry.enough_data = entry.service != "billing";
    }
    let said = headline(&result, None).findings[0].to_string();
    assert!(said.contains(" Billing: not enough data.") && said.contains(" Profile: no significant change."), "{said}");
    for service in result.service_names() {
        assert!(said.contains(&capital(&service)), "{service}: {said}");
    }
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
    assert!(notes.contains("significantly faster 1,"), "{notes}");
}

/// The sentence, the marks and the list of reasons count the same measurements.
#[test]
fn counts_agree() {
    let result = reference();
    let all = result.counted().count();
    let found = headline(&result, None);
    let count = format!("all {all} measurements count");
    assert!(found.marks.iter().any(|mark| mark.text == count && mark.good == Some(true)), "{found:?}");
    assert!(!found.notes.iter().any(|note| note.contains("left out")), "nothing was: {found:?}");
    let page = crate::report::page::page(&result, std::path::Path::new("/nowhere"));
    assert_eq!(page.matches("measurements count").count(), 1, "said once");
    assert!(!page.contains(&format!("of {} measurements", result.cells.len())), "another number of measurements");
}

/// A green mark where measurements were left out would say that nothing was.
#[test]
fn what_is_left_out_is_not_green() {
    let mut result = reference();
    let all = result.counted().count();
    let cells: Vec<_> = result.counted().map(|cell| (cell.cell.clone(), cell.replicate)).collect();
    let mut good = |left_out: usize| {
        let suspect =
            cells.iter().take(left_out).map(|(cell, replicate)| Suspect { cell: cell.clone(), replicate: *replicate });
        result.matrix.as_mut().unwrap().suspect = suspect.collect();
        let marks = headline(&result, None).marks;
        marks.into_iter().find(|mark| mark.text.contains("measurements count")).unwrap().good
    };
    assert_eq!([good(0), good(1), good(all / 10), good(all / 10 + 1)], [Some(true), None, None, Some(false)]);
}

/// What is called noise is what was measured, and not the end of its interval.
#[test]
fn noise_is_told_as_it_was_measured() {
    let mut result = reference();
    let matrix = result.matrix.as_mut().unwrap();
    for null in &mut matrix.nulls {
        null.estimate = Some(Estimate { ratio: 0.75, low: 0.38, high: 1.53, p: 0.37, replicates: 6 });
    }
    let told =
        |result: &ResultFile| headline(result, None).notes.into_iter().find(|note| note.starts_with("Noise")).unwrap();
    let note = told(&result);
    assert!(note.contains("×0.75 (0.38–1.53)") && note.contains("whose whole interval lies within"), "{note}");
}

#[test]
fn above_capacity_no_latency_is_claimed() {
    let mut result = reference();
    result.run.preset = Preset::Stress;
    let found = headline(&result, None);
    assert!(found.findings[0].text.starts_with("driven above what this machine can do"), "{found:?}");
    assert!(found.notes[0].starts_with("No latencies are shown"));
}

/// Of the given share of slow requests and the given p of one median, what is found; the other medians show nothing.
fn with_median(share: Option<(f64, f64)>, median_p: f64) -> Headline {
    let mut result = reference();
    let names = result.service_names();
    let of = |ratio: f64, p: f64| Estimate { ratio, low: ratio * 0.9, high: ratio * 1.1, p, replicates: 4 };
    for entry in &mut result.matrix.as_mut().unwrap().entries {
        entry.p_adjusted = Some(0.5);
        if entry.metric == Metric::OneIn20 {
            entry.enough_data = share.is_some();
            entry.tail_n = 32;
            if let Some((ratio, p)) = share {
                (entry.estimate, entry.p_adjusted) = (Some(of(ratio, p)), Some(p));
            }
        } else if entry.metric == Metric::P50 && (&entry.service, &entry.while_running) == (&names[0], &names[1]) {
            (entry.estimate, entry.p_adjusted) = (Some(of(30.0, median_p)), Some(median_p));
        }
    }
    headline(&result, None)
}

/// A run of seldom requests has no share, and its medians can differ thirtyfold.
#[test]
fn where_no_share_is_known_the_strongest_median_is_told() {
    let names = reference().service_names().into_iter().map(|name| capital(&name)).collect::<Vec<_>>();
    let found = with_median(None, 0.03);
    let told = found.findings[0].to_string();
    let start = format!(
        "Slower: {1} slows {0} most: {0}'s median is ×30.0 (27.0–33.0) of that alone, p 0.030",
        names[0], names[1]
    );
    assert!(told.starts_with(&start), "{found:?}");
    assert!(told.contains("slow ones needed: 100, had: 32"), "{told}");
    assert!(!format!("{found:?}").contains("too short to say"), "{found:?}");
    // Nothing differs: that is said, and not that only everything runs.
    let found = with_median(None, 0.5);
    assert_eq!(found.findings.len(), 1, "{found:?}");
    assert!(found.findings[0].text.contains("no service's median is shown to be slowed"), "{found:?}");
}

#[test]
fn where_a_share_is_known_a_median_has_to_be_twice_as_certain() {
    let slower = |found: &Headline| found.findings.iter().filter(|of| of.label == "Slower").count();
    let found = with_median(Some((1.0, 0.9)), 0.03);
    assert_eq!(slower(&found), 0, "two metrics were looked at: {found:?}");
    let found = with_median(Some((1.0, 0.9)), 0.01);
    assert_eq!(slower(&found), 1, "{found:?}");
    assert!(!found.findings.iter().any(|of| of.text.contains("no single service slows")), "{found:?}");
    // A share that is shown to rise says more.
    let found = with_median(Some((9.0, 0.01)), 0.01);
    assert_eq!(slower(&found), 0, "{found:?}");
}

/// A run that was long enough isn't called too short.
#[test]
fn a_disturbed_run_is_called_disturbed() {
    let mut result = reference();
    let told = |result: &ResultFile| headline(result, None).findings[0].text.clone();
    result.matrix.as_mut().unwrap().entries.iter_mut().for_each(|of| (of.enough_data, of.left_out) = (false, 0));
    assert!(told(&result).contains("too short to say"), "{}", told(&result));
    result.matrix.as_mut().unwrap().entries.iter_mut().for_each(|of| of.left_out = 2);
    assert!(told(&result).starts_with("so many measurements were disturbed"), "{}", told(&result));
}
