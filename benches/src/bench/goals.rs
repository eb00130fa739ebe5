//! The goals of the hot path, and how far the outcomes in a folder reach them.

use std::path::Path;

use serde_json::Value;

use crate::result::attachments;

/// One goal, what was measured, and whether it is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// In words, with its figure.
    pub goal: String,
    /// The figure with its interval.
    pub measured: String,
    /// Whether the median reaches it.
    pub good: bool,
}

/// Which way is better.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {least}"),
            Self::AtMost(most) => format!("≤ {most}"),
        }
    }
}

/// The arm that shares statements, as the product is set up.
const SHARED: &str = "registry, batches 32";
/// The arm that doesn't.
const ALONE: &str = "registry, no batching";

/// The goals of all benches whose outcomes are in this folder.
#[must_use]
pub fn lines(folder: &Path) -> Vec<Line> {
    let of = |name: &str| attachments::read::<Value, Value>(folder, &format!("{name}.json")).map(|kept| kept.outcome);
    let mut all = Vec::new();
    all.extend(of("read").iter().flat_map(read));
    all.extend(of("rivals").iter().flat_map(rivals));
    for (name, what, least) in [
        ("create", "create across organisations, 16 connections ÷ pgbench's one statement", 0.7),
        ("create-one", "create into one organisation, 16 connections ÷ pgbench's one statement", 0.8),
    ] {
        let ratio = of(name).and_then(|outcome| Some(cell(&outcome, "registry", 16)?.clone()));
        all.extend(ratio.and_then(|cell| of_cell(&cell, "ratioToPgbench", what, Bound::AtLeast(least))));
    }
    all.extend(of("growth").iter().flat_map(growth));
    for (name, least) in [("overload-3", 0.9), ("overload-10", 0.8)] {
        all.extend(of(name).iter().flat_map(|outcome| overload(name, outcome, least)));
    }
    all.extend(of("read").iter().flat_map(memory));
    let month_end = |outcome: Value| {
        line("month-end: invoices ÷ one bare insert … select", spread(&outcome["ratio"])?, Bound::AtMost(2.0))
    };
    all.extend(of("month-end").and_then(month_end));
    all
}

/// A table for a README.
#[must_use]
pub fn table(folder: &Path) -> String {
    let mut text = String::from("| goal | measured | reached |\n|---|---|---|\n");
    for Line { goal, measured, good } in lines(folder) {
        let mark = if good { "yes" } else { "**no**" };
        text += &format!("| {goal} | {measured} | {mark} |\n");
    }
    text
}

fn cell<'a>(outcome: &'a Value, arm: &str, connections: u64) -> Option<&'a Value> {
    outcome["cells"].as_array()?.iter().find(|cell| {
        cell["connections"] == connections && cell["arm"].as_str().is_some_and(|name| name.starts_with(arm))
    })
}

/// Median, low, high.
fn spread(value: &Value) -> Option<[f64; 3]> {
    Some([value["median"].as_f64()?, value["low"].as_f64()?, value["high"].as_f64()?])
}

fn line(goal: &str, [median, low, high]: [f64; 3], is: Bound) -> Option<Line> {
    Some(Line {
        goal: format!("{goal} {}", is.text()),
        measured: format!("{median:.2} [{low:.2}, {high:.2}]"),
        good: is.met(median),
    })
}

fn plain(goal: &str, value: f64, is: Bound) -> Line {
    Line { goal: format!("{goal} {}", is.text()), measured: format!("{value:.2}"), good: is.met(value) }
}

fn of_cell(cell: &Value, ratio: &str, goal: &str, is: Bound) -> Option<Line> {
    line(goal, spread(&cell[format!("{ratio}Interval")])?, is)
}

fn read(outcome: &Value) -> Vec<Line> {
    let (same, best) = ("ratioToPgbench", "ratioToPgbenchBest");
    let goals = [
        (ALONE, 16, same, "read without sharing, 16 connections ÷ pgbench", 0.7),
        (ALONE, 64, same, "read without sharing, 64 ÷ pgbench", 1.2),
        (SHARED, 16, same, "read, 16 ÷ pgbench (floor 0.85)", 1.0),
        (SHARED, 64, same, "read, 64 ÷ pgbench (floor 2.2)", 2.5),
        (SHARED, 64, best, "read, 64 ÷ pgbench's best at any number of clients", 1.2),
        (SHARED, 1, same, "read, 1 ÷ pgbench (floor 0.5)", 0.8),
    ];
    let mut all: Vec<Line> = goals
        .into_iter()
        .filter_map(|(arm, connections, ratio, goal, least)| {
            of_cell(cell(outcome, arm, connections)?, ratio, goal, Bound::AtLeast(least))
        })
        .collect();
    let tail = cell(outcome, SHARED, 16).and_then(|cell| Some(cell["p99Ms"].as_f64()? / cell["p50Ms"].as_f64()?));
    all.extend(tail.map(|tail| plain("read, 16: p99 ÷ p50", tail, Bound::AtMost(6.0))));
    all
}

fn rivals(outcome: &Value) -> Vec<Line> {
    let per_s = |arm| cell(outcome, arm, 64)?["requestsPerSecond"].as_f64();
    let goals = [
        ("axum-tokio-postgres", "read, 64 ÷ axum + pipelined tokio-postgres", 1.3),
        ("axum-sqlx", "read, 64 ÷ axum + sqlx", 2.2),
        ("node-pg", "read, 64 ÷ Node + pg", 4.0),
    ];
    goals
        .into_iter()
        .filter_map(|(arm, goal, least)| {
            let ratio = cell(outcome, arm, 64)?.get("ratioOfFirstInterval");
            match ratio.and_then(spread) {
                Some(ratio) => line(goal, ratio, Bound::AtLeast(least)),
                None => Some(plain(goal, per_s(SHARED)? / per_s(arm)?, Bound::AtLeast(least))),
            }
        })
        .collect()
}

fn growth(outcome: &Value) -> Vec<Line> {
    let mut all = Vec::new();
    let warm = spread(&outcome["readP50MillionByHundredThousand"]);
    all.extend(warm.and_then(|ratio| line("read's p50 at 1,000,000 APIs ÷ at 100,000", ratio, Bound::AtMost(1.2))));
    let rows = outcome["rows"].as_array().into_iter().flatten();
    let deep = rows.filter_map(|row| spread(&row["deepByFirstPage"])).next_back();
    all.extend(deep.and_then(|ratio| line("a list's page 10,000 ÷ page 1, p50", ratio, Bound::AtMost(1.3))));
    all
}

fn overload(name: &str, outcome: &Value, least: f64) -> Vec<Line> {
    let times = name.trim_start_matches("overload-");
    let number = |key: &str| outcome[key].as_f64();
    let mut all = Vec::new();
    let goal = format!("overload at {times} × the knee: goodput ÷ knee");
    all.extend(number("goodputOfKnee").map(|value| plain(&goal, value, Bound::AtLeast(least))));
    let goal = format!("overload at {times} ×: p99 of what is accepted ÷ calm p99");
    all.extend(number("p99OfCalm").map(|value| plain(&goal, value, Bound::AtMost(10.0))));
    let goal = format!("overload at {times} ×: memory, last tenth ÷ first");
    all.extend(number("memoryGrowth").map(|value| plain(&goal, value, Bound::AtMost(1.1))));
    let goal = format!("overload at {times} ×: seconds until all is as before");
    all.extend(number("recoveredAfterS").map(|value| plain(&goal, value, Bound::AtMost(5.0))));
    all
}

fn memory(outcome: &Value) -> Vec<Line> {
    let all = outcome["memory"].as_array().into_iter().flatten();
    let most = |key: &str| all.clone().filter_map(|one| one[key].as_f64()).fold(0.0, f64::max);
    vec![
        plain("Registry at rest, MiB", most("restMib"), Bound::AtMost(30.0)),
        plain("Registry under full load, MiB", most("peakMib"), Bound::AtMost(100.0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_median_below_its_goal_does_not_reach_it() {
        let folder = tempfile::tempdir().unwrap();
        let ratio = |median: f64| json!({"median": median, "low": median - 0.1, "high": median + 0.1});
        let cell = |arm: &str, connections: u64, of: f64| {
            json!({"arm": arm, "connections": connections, "ratioToPgbenchInterval": ratio(of),
                "ratioToPgbenchBestInterval": ratio(of), "p50Ms": 1.0, "p99Ms": 7.0})
        };
        let outcome = json!({
            "cells": [cell(ALONE, 16, 0.7), cell(ALONE, 64, 1.19), cell(SHARED, 16, 1.3)],
            "memory": [{"restMib": 12.0, "peakMib": 101.0}],
        });
        attachments::write(folder.path(), "read.json", &outcome).unwrap();
        let good: Vec<bool> = lines(folder.path()).iter().map(|line| line.good).collect();
        // Without sharing at 16 and 64; with, at 16; its tail; memory at rest and under load.
        assert_eq!(good, [true, false, true, false, true, false]);
        let text = table(folder.path());
        assert!(text.contains("÷ pgbench ≥ 1.2 | 1.19 [1.09, 1.29] | **no** |"), "{text}");
    }
}
