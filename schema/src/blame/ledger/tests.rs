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
    assert_eq!((entries[0].waiting.as_str(), entries[0].root.as_str(), entries[0].waits), ("registry", "account", 1));
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
