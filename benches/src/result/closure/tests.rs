use schema::blame::Entry as LedgerEntry;

use super::*;
use crate::design::Cell;
use crate::load::driver::Outcome;
use crate::result::{Apportioned, LedgerResult, RoleCost};
use crate::stats::Histogram;

const REQUESTS: u64 = 100;

/// `slowed`, answering in `ms` milliseconds each time, with this ledger.
fn cell(cell: Cell, replicate: usize, ms: u64, ledger: LedgerResult, cpu_s: f64) -> CellResult {
    let mut histogram = Histogram::new();
    (0..REQUESTS).for_each(|_| histogram.record_us(ms * 1000));
    let of = ServiceResult {
        name: "slowed".into(),
        offered: REQUESTS,
        driven: REQUESTS,
        measured_s: 1.0,
        response: [(Outcome::Ok, histogram.encode())].into(),
        lag: Histogram::new().encode(),
        service_time: Histogram::new().encode(),
        server_timing_ms: None,
        backlog: vec![],
        in_flight_max: 1,
    };
    let cost = RoleCost { cpu_s, ..RoleCost::default() };
    CellResult {
        cell,
        replicate,
        order: 0,
        started_s: 0.0,
        valid: true,
        warnings: vec![],
        services: vec![of],
        roles: [("slowed".to_owned(), cost)].into(),
        ledger,
        observer_cpu: 0.0,
        driver_cpu: 0.0,
        foreign_cpu: 0.0,
        control_workload: None,
    }
}

fn ledger(row_s: f64, queued_s: f64, own_s: f64) -> LedgerResult {
    let apportioned = |blamed: &str, seconds| Apportioned {
        waiting: "slowed".into(),
        blamed: blamed.into(),
        resource: Resource::RunQueue,
        seconds,
    };
    let entry = LedgerEntry {
        waiting: "slowed".into(),
        direct: "slowed".into(),
        root: "other".into(),
        cause: LockCause::Row,
        seconds: row_s,
        waits: 40,
        sd_seconds: 0.0,
    };
    LedgerResult {
        entries: vec![entry],
        apportioned: vec![apportioned("other", queued_s), apportioned("slowed", own_s)],
        samples: 50,
        ..LedgerResult::default()
    }
}

fn check(together_ms: u64, row_s: f64) -> Closure {
    let alone = Cell::Alone { service: "slowed".into() };
    let pair = Cell::Pair { first: "other".into(), second: "slowed".into() };
    let cells: Vec<CellResult> = (0..4)
        .flat_map(|replicate| {
            // Each replicate has its own speed, so that there is an interval.
            let drift = replicate as u64 % 2;
            [
                cell(alone.clone(), replicate, 5, ledger(0.0, 0.1, 0.1), 0.1),
                cell(pair.clone(), replicate, together_ms + drift, ledger(row_s, 0.3, 0.2), 0.2),
            ]
        })
        .collect();
    let closures = closures(&cells).unwrap();
    assert_eq!(closures.len(), 1, "alone is no combination: {closures:?}");
    closures.into_iter().next().unwrap()
}

/// 10 ms more a request: 6 from rows, 2 from the run queue of others, 1 of its own, 1 more on a processor.
#[test]
fn a_ledger_that_accounts_for_the_time_holds() {
    let found = check(15, 0.6);
    assert!((found.explained.unwrap() - 10.0 / 10.5).abs() < 0.01, "{found:?}");
    assert_eq!(found.holds, Some(true));
    let first = &found.lines[0];
    assert_eq!(
        (first.method, first.what, first.blamed.as_str()),
        (Method::Direct, What::Lock(LockCause::Row), "other")
    );
    assert!((first.extra_ms - 6.0).abs() < 1e-9);
    // One's own part stands apart from the other's.
    let own = |line: &&ClosureLine| line.blamed == "slowed" && line.method == Method::Apportioned;
    let own: Vec<_> = found.lines.iter().filter(own).collect();
    assert!(own.len() == 1 && (own[0].extra_ms - 1.0).abs() < 1e-9, "{own:?}");
}

#[test]
fn one_that_explains_too_little_or_too_much_does_not() {
    let little = check(45, 0.6);
    assert!(little.explained.unwrap() < 0.3 && little.holds == Some(false));
    let much = check(15, 3.0);
    assert!(much.explained.unwrap() > 1.3 && much.holds == Some(false));
}

#[test]
fn where_nothing_got_slower_there_is_nothing_to_explain() {
    let found = check(5, 0.6);
    assert_eq!((found.explained, found.holds), (None, None));
    assert!(found.extra_ms.is_some());
}
