//! V1, V2, V3: the ledger against injected waits whose length is known within bounds.

use std::time::Duration;

use schema::blame::{Cause, Entry};

use super::injected::{
    HOLDER, MIGRATION, WAITER, Watch, as_role, in_background, inject, overlap, set_up, wait_for_waiters,
};
use super::shared::outcome;
use crate::Failure;
use crate::data::failed;
use crate::result::SelfTest;

/// Waits that an estimate needs.
const WAITS_MIN: usize = 90;
/// Half width of the truth's own bounds above which this machine can't resolve the test.
const BOUNDS_MAX: f64 = 0.15;

/// V1: one role holds a row for 40 ms again and again, another one updates it. Truth is the overlap of [waiter sent,
/// done] with [lock surely held] (lower bound) and with [lock possibly held] (upper bound).
pub fn injected_row_locks(url: &str) -> Result<SelfTest, Failure> {
    set_up(url)?;
    let mut found = String::new();
    // The bounds are the machine's doing; an unlucky moment gets two more chances.
    for _ in 0..3 {
        let (held, waited, entries) = inject(url, 1, Duration::from_millis(40))?;
        let (lower, upper) = overlap(&held, &waited);
        let middle = f64::midpoint(lower, upper);
        let on = |pair: bool| -> f64 {
            let matching =
                |entry: &&Entry| (entry.waiting == WAITER && entry.root == HOLDER && entry.cause == Cause::Row) == pair;
            entries.iter().filter(matching).map(|entry| entry.seconds).sum()
        };
        let (right, elsewhere) = (on(true), on(false));
        found = format!(
            "injected row locks: {right:.2} s recorded, expected {lower:.2}–{upper:.2} s ({:.0} % of its middle, {:.1} % elsewhere, {} waits)",
            right / middle * 100.0,
            // The sum of nothing is -0.
            elsewhere.abs() / middle * 100.0,
            waited.len()
        );
        if (upper - lower) / 2.0 <= BOUNDS_MAX * middle && waited.len() >= WAITS_MIN {
            let pass = right >= 0.95 * middle && right <= upper * 1.05 && elsewhere <= 0.05 * middle;
            return Ok(outcome("V1", Some(pass), found));
        }
    }
    Ok(outcome("V1", None, format!("{found}; the truth's bounds are too wide on this machine now")))
}

/// V2: three waiters queue for one row. The root must be the holder for at least 95 % of the time; the direct blocker is
/// often a fellow waiter.
pub fn hot_row(url: &str) -> Result<SelfTest, Failure> {
    set_up(url)?;
    let (_, _, entries) = inject(url, 3, Duration::from_millis(60))?;
    let of = |wanted: &dyn Fn(&Entry) -> bool| -> f64 {
        entries.iter().filter(|entry| entry.waiting == WAITER && wanted(entry)).map(|entry| entry.seconds).sum()
    };
    // Victims hold the row for an instant after one another; that is theirs, and small.
    let (total, root, direct) = (of(&|_| true), of(&|entry| entry.root == HOLDER), of(&|entry| entry.direct == HOLDER));
    let pass = total > 0.0 && root >= 0.95 * total && direct < root;
    let found = format!(
        "hot row with three waiters: the holder is root of {:.0} % and direct blocker of {:.0} % of {total:.1} s",
        root / total * 100.0,
        direct / total * 100.0
    );
    Ok(outcome("V2", Some(pass), found))
}

/// V3: an idle reader, an ALTER behind it, readers behind the ALTER.
pub fn ddl_queue(url: &str) -> Result<SelfTest, Failure> {
    set_up(url)?;
    let watching = Watch::start(url)?;
    let mut reader = as_role(url, HOLDER)?;
    let failed = |error| failed("queueing behind a DDL statement", &error);
    reader.batch_execute("begin; select from lab_rows").map_err(failed)?;
    let (migration, queued) = (as_role(url, MIGRATION)?, as_role(url, WAITER)?);
    let altering = in_background(migration, "alter table lab_rows add column x int");
    wait_for_waiters(url, 1)?;
    let reading = in_background(queued, "select from lab_rows");
    wait_for_waiters(url, 2)?;
    // Long enough for dozens of samples.
    std::thread::sleep(Duration::from_millis(800));
    reader.batch_execute("commit").map_err(failed)?;
    let _ = (altering.join(), reading.join());
    let entries = watching.finish()?;
    let waiter: Vec<&Entry> = entries.iter().filter(|entry| entry.waiting == WAITER).collect();
    let pass = !waiter.is_empty()
        && waiter
            .iter()
            .all(|entry| entry.root == HOLDER && entry.direct == MIGRATION && entry.cause == Cause::BehindDdl);
    let words: Vec<String> = waiter
        .iter()
        .map(|entry| {
            let cause = if entry.cause == Cause::BehindDdl { "behind DDL" } else { "ANOTHER CAUSE" };
            format!("root {}, direct {}, {cause}, {:.2} s", entry.root, entry.direct, entry.seconds)
        })
        .collect();
    Ok(outcome("V3", Some(pass), format!("a reader behind an ALTER behind a reader: {}", words.join("; "))))
}
