//! The control workload in each combination: what the engine and the machine alone do to something that shares nothing else.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::html::{details, plain_table, section};
use crate::design::Cell;
use crate::result::text::{capital, interval, interval_or_none, ratio};
use crate::result::{Arm, Metric, ResultFile, Table, estimate, pooled};
use crate::stats::{Estimate, Histogram, holm, minimum_detectable_effect};

/// The control workload in one combination.
struct Row {
    combination: String,
    p50_ms: f64,
    /// Median ÷ that in the fastest combination; none for that one, and where there is not enough data.
    estimate: Option<Estimate>,
    /// After Holm over the combinations.
    significant: bool,
}

/// All combinations, the fastest first.
struct Combinations {
    rows: Vec<Row>,
    /// The most that a combination differed from itself.
    identical: Option<f64>,
}

/// A row for each combination, and what follows; nothing where it didn't run.
pub fn control_workload(result: &ResultFile) -> Markup {
    let Some(of) = combinations(result) else {
        return Markup::default();
    };
    let body = html! {
        p {
            "A login of its own reads and inserts a row five times a second, in a table that nobody else uses: it shares nothing but the \
             engine and the machine."
        }
        p { (of.sentence()) }
        @let inner = html! {
            (plain_table(&of.table()))
            p.legend { "The fastest is picked afterwards, so the others tend to be above 1 even where nothing differs." }
        };
        (details("In every combination", &inner))
    };
    section("control-workload", "The control workload", &body)
}

/// What follows, in a sentence or two; none where it didn't run.
pub fn sentence(result: &ResultFile) -> Option<String> {
    Some(combinations(result)?.sentence())
}

/// Its median while this service alone runs ÷ that in its fastest combination; none for that one, and without enough data.
pub fn slowdown(result: &ResultFile, service: &str) -> Option<Estimate> {
    let arms = arms(result);
    let median = |cell: &Cell| pooled(&arms[cell]).quantile_us(0.5);
    let fastest = arms
        .keys()
        .filter(|cell| !matches!(cell, Cell::Null { .. }))
        .min_by_key(|cell| median(cell).unwrap_or(u64::MAX))?;
    let alone = Cell::Alone { service: service.to_owned() };
    enough_data(&arms[fastest], arms.get(&alone)?).filter(|_| *fastest != alone)
}

fn combinations(result: &ResultFile) -> Option<Combinations> {
    let arms = arms(result);
    // A null cell isn't a combination of its own.
    let (nulls, combinations): (BTreeMap<_, _>, BTreeMap<_, _>) =
        arms.iter().partition(|(cell, _)| matches!(cell, Cell::Null { .. }));
    let mut medians: Vec<(f64, &Cell)> = combinations
        .iter()
        .filter_map(|(cell, arm)| Some((pooled(arm).quantile_us(0.5)? as f64 / 1000.0, *cell)))
        .collect();
    medians.sort_by(|a, b| a.0.total_cmp(&b.0));
    let fastest = combinations[medians.first()?.1];
    let mut rows: Vec<Row> = medians
        .iter()
        .enumerate()
        .map(|(place, &(p50_ms, cell))| Row {
            combination: name(cell),
            p50_ms,
            estimate: (place > 0).then(|| enough_data(fastest, combinations[cell])).flatten(),
            significant: false,
        })
        .collect();
    adjust(&mut rows);
    let same: Vec<Estimate> = nulls
        .iter()
        .filter_map(|(cell, arm)| {
            let alone = Cell::Alone { service: cell.members(&[]).first()?.to_string() };
            enough_data(combinations.get(&alone)?, arm)
        })
        .collect();
    Some(Combinations { rows, identical: minimum_detectable_effect(&same) })
}

/// Its times by combination and replicate. An unobserved cell differs in another way, too, so that isn't a combination here.
fn arms(result: &ResultFile) -> BTreeMap<Cell, Arm> {
    let mut arms: BTreeMap<Cell, Arm> = BTreeMap::new();
    for cell in result.counted() {
        let times = cell.control_workload.as_deref().map(Histogram::decode);
        if let (Some(Ok(times)), false) = (times, matches!(cell.cell, Cell::Unwatched { .. })) {
            arms.entry(cell.cell.clone()).or_default().insert(cell.replicate, times);
        }
    }
    arms
}

fn enough_data(base: &Arm, other: &Arm) -> Option<Estimate> {
    let (replicates, _) = Metric::P50.needs();
    estimate(base, other, Metric::P50).filter(|of| of.replicates >= replicates)
}

fn adjust(rows: &mut [Row]) {
    let mut family: Vec<&mut Row> = rows.iter_mut().filter(|row| row.estimate.is_some()).collect();
    let p: Vec<f64> = family.iter().filter_map(|row| row.estimate.map(|of| of.p)).collect();
    for (row, p) in family.iter_mut().zip(holm(&p)) {
        row.significant = p < 0.05;
    }
}

fn name(cell: &Cell) -> String {
    match cell {
        Cell::All => "all services".into(),
        Cell::Pair { first, second } => format!("{} and {}", capital(first), capital(second)),
        other => capital(&other.name()),
    }
}

impl Combinations {
    fn table(&self) -> Table {
        let row = |(place, row): (usize, &Row)| {
            let ratio = match place {
                0 => "the fastest".to_owned(),
                _ => interval_or_none(row.estimate) + if row.significant { ", significant" } else { "" },
            };
            [row.combination.clone(), format!("{:.2}", row.p50_ms), ratio]
        };
        Table::new(&["while running"], &["median ms", "÷ the fastest"], &[]).rows(self.rows.iter().enumerate().map(row))
    }

    fn sentence(&self) -> String {
        let ratio_of = |row: &Row| row.estimate.map_or(0.0, |estimate| estimate.ratio);
        let with = self.rows.iter().filter(|row| row.estimate.is_some());
        let most = with.max_by(|a, b| ratio_of(a).total_cmp(&ratio_of(b)));
        let Some((row, of)) = most.and_then(|row| Some((row, row.estimate?))) else {
            return "Insufficient data to say whether the control workload was slowed.".into();
        };
        let identical = self.identical.map_or_else(String::new, |effect| {
            format!(" With the same combination repeated it differed by up to {}.", ratio(effect))
        });
        let largest = format!("{} while {} ran (median, 95 % interval)", interval(of), row.combination);
        match self.rows.iter().filter(|row| row.significant).count() {
            0 => format!(
                "The control workload shares nothing but the engine and the machine, and was not significantly slowed; its largest \
                 change is {largest}.{identical}"
            ),
            significant => format!(
                "Sharing nothing but the engine and the machine slows, too: {significant} of {} combinations slow the control workload \
                 significantly; its largest change is {largest}. This part of the interference needs no common table.{identical}",
                self.rows.len() - 1
            ),
        }
    }
}

#[cfg(test)]
mod tests;
