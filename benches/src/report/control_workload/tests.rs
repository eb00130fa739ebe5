use std::path::Path;

use super::*;

/// A real run, whose control workload's rounds took as long as `us` says of each cell, a little more in each replicate.
fn with(us: impl Fn(&Cell) -> Option<u64>) -> ResultFile {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
    let mut result = ResultFile::read(&file).unwrap();
    for (number, cell) in result.cells.iter_mut().enumerate() {
        cell.control_workload = us(&cell.cell).map(|us| {
            let mut times = Histogram::new();
            // Not the same noise in every cell.
            let noise = (number as u64 * 7919) % 11;
            (0..20).for_each(|_| times.record_us(us + us * (cell.replicate as u64 + noise) / 100));
            times.encode()
        });
    }
    result
}

#[test]
fn what_shares_only_the_engine_is_told_apart_from_noise() {
    let slowed = with(|cell| Some(if *cell == Cell::All { 3000 } else { 1000 }));
    let says = sentence(&slowed).unwrap();
    assert!(says.contains("1 of 15 combinations slow"), "{says}");
    assert!(says.contains("while all services ran"), "{says}");
    let page = control_workload(&slowed).into_string();
    assert_eq!(page.matches("significant").count(), 2, "{page}");
    assert_eq!(page.matches("<th scope=\"row\">").count(), 16);
    assert!(!page.contains("again") && !page.contains("unwatched"));

    let calm = sentence(&with(|_| Some(1000))).unwrap();
    assert!(calm.contains("was not significantly slowed"), "{calm}");
    assert!(calm.contains("the same combination repeated"), "{calm}");
}

#[test]
fn where_it_did_not_run_nothing_is_said() {
    let nobody = with(|_| None);
    assert_eq!((sentence(&nobody), control_workload(&nobody).into_string()), (None, String::new()));
    // One replicate of it carries no ratio.
    let mut few = with(|_| Some(1000));
    few.cells.retain(|cell| cell.replicate == 0);
    let says = sentence(&few).unwrap();
    assert!(says.contains("Insufficient data"), "{says}");
    assert!(control_workload(&few).into_string().contains("insufficient data"));
}
