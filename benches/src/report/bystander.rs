//! The bystander in each company: what the engine and the machine alone do to somebody who shares nothing else.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{capital, escape, ratio};
use crate::design::Cell;
use crate::result::{Arm, Metric, ResultFile, estimate, pooled};
use crate::stats::{Estimate, Histogram, holm, minimum_detectable_effect};

/// The bystander in one company.
struct Row {
    company: String,
    p50_ms: f64,
    /// Median ÷ that in the quietest company; none for that one, and where this much data can't carry it.
    estimate: Option<Estimate>,
    /// Beyond chance, after Holm over the companies.
    sure: bool,
}

/// All companies, the quietest first.
struct Table {
    rows: Vec<Row>,
    /// The widest that a company differed from itself.
    identical: Option<f64>,
}

/// A row for each company, and what follows; nothing where nobody stood by.
pub fn section(result: &ResultFile) -> String {
    let Some(table) = table(result) else {
        return String::new();
    };
    let mut out = format!(
        "<section id=\"bystander\"><h2>The bystander</h2><p>A login of its own reads and inserts a row five times a second, in a table that \
         nobody else touches: it shares nothing but the engine and the machine.</p><p>{}</p><details><summary>In every company</summary>\
         <div class=\"scroll\"><table><tr><th>beside</th><th>median ms</th><th>÷ the quietest</th></tr>\n",
        escape(&table.sentence())
    );
    for (place, row) in table.rows.iter().enumerate() {
        let says = match row.estimate {
            _ if place == 0 => "the quietest".into(),
            Some(of) => format!(
                "{} ({}–{}){}",
                ratio(of.ratio),
                ratio(of.low),
                ratio(of.high),
                if row.sure { ", beyond chance" } else { "" }
            ),
            None => "not resolved".into(),
        };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{:.2}</td><td class=\"n\">{says}</td></tr>",
            escape(&row.company),
            row.p50_ms
        );
    }
    out + "</table></div><p class=\"legend\">The quietest is picked afterwards, so the others lean above 1 even where nothing \
           differs.</p></details></section>\n"
}

/// What follows, in a sentence or two; none where nobody stood by.
pub fn sentence(result: &ResultFile) -> Option<String> {
    Some(table(result)?.sentence())
}

/// Its median beside this service alone ÷ that in its quietest company; none for that one, and where the data can't carry it.
pub fn beside(result: &ResultFile, service: &str) -> Option<Estimate> {
    let arms = arms(result);
    let median = |cell: &Cell| pooled(&arms[cell]).quantile_us(0.5);
    let quietest = arms
        .keys()
        .filter(|cell| !matches!(cell, Cell::Null { .. }))
        .min_by_key(|cell| median(cell).unwrap_or(u64::MAX))?;
    let alone = Cell::Alone { service: service.to_owned() };
    resolved(&arms[quietest], arms.get(&alone)?).filter(|_| *quietest != alone)
}

fn table(result: &ResultFile) -> Option<Table> {
    let arms = arms(result);
    // A null isn't a company of its own.
    let (nulls, companies): (BTreeMap<_, _>, BTreeMap<_, _>) =
        arms.iter().partition(|(cell, _)| matches!(cell, Cell::Null { .. }));
    let mut medians: Vec<(f64, &Cell)> = companies
        .iter()
        .filter_map(|(cell, arm)| Some((pooled(arm).quantile_us(0.5)? as f64 / 1000.0, *cell)))
        .collect();
    medians.sort_by(|a, b| a.0.total_cmp(&b.0));
    let quietest = companies[medians.first()?.1];
    let mut rows: Vec<Row> = medians
        .iter()
        .enumerate()
        .map(|(place, &(p50_ms, cell))| Row {
            company: name(cell),
            p50_ms,
            estimate: (place > 0).then(|| resolved(quietest, companies[cell])).flatten(),
            sure: false,
        })
        .collect();
    adjust(&mut rows);
    let same: Vec<Estimate> = nulls
        .iter()
        .filter_map(|(cell, arm)| {
            let alone = Cell::Alone { service: cell.members(&[]).first()?.to_string() };
            resolved(companies.get(&alone)?, arm)
        })
        .collect();
    Some(Table { rows, identical: minimum_detectable_effect(&same) })
}

/// Its times by company and replicate. Where nobody watches another thing differs, too, so that isn't a company here.
fn arms(result: &ResultFile) -> BTreeMap<Cell, Arm> {
    let mut arms: BTreeMap<Cell, Arm> = BTreeMap::new();
    for cell in result.counted() {
        let times = cell.bystander.as_deref().map(Histogram::decode);
        if let (Some(Ok(times)), false) = (times, matches!(cell.cell, Cell::Unwatched { .. })) {
            arms.entry(cell.cell.clone()).or_default().insert(cell.replicate, times);
        }
    }
    arms
}

fn resolved(base: &Arm, other: &Arm) -> Option<Estimate> {
    let (replicates, _) = Metric::P50.needs();
    estimate(base, other, Metric::P50).filter(|of| of.replicates >= replicates)
}

fn adjust(rows: &mut [Row]) {
    let mut family: Vec<&mut Row> = rows.iter_mut().filter(|row| row.estimate.is_some()).collect();
    let p: Vec<f64> = family.iter().filter_map(|row| row.estimate.map(|of| of.p)).collect();
    for (row, p) in family.iter_mut().zip(holm(&p)) {
        row.sure = p < 0.05;
    }
}

fn name(cell: &Cell) -> String {
    match cell {
        Cell::All => "everybody".into(),
        Cell::Pair { first, second } => format!("{} and {}", capital(first), capital(second)),
        other => capital(&other.name()),
    }
}

impl Table {
    fn sentence(&self) -> String {
        let with = |row: &&Row| row.estimate.is_some();
        let most = self.rows.iter().filter(with).max_by(|a, b| {
            let of = |row: &Row| row.estimate.map_or(0.0, |estimate| estimate.ratio);
            of(a).total_cmp(&of(b))
        });
        let Some((row, of)) = most.and_then(|row| Some((row, row.estimate?))) else {
            return "Whether the bystander suffered can't be told from this much data.".into();
        };
        let identical = self.identical.map_or_else(String::new, |effect| {
            format!(" Beside the same company twice it differed by up to {}.", ratio(effect))
        });
        let largest = format!(
            "median {} beside {}, 95 % interval {}–{}",
            ratio(of.ratio),
            row.company,
            ratio(of.low),
            ratio(of.high)
        );
        let sure = self.rows.iter().filter(|row| row.sure).count();
        if sure == 0 {
            format!(
                "Sharing nothing but the engine and the machine was not shown to harm anybody: the bystander's largest change, {largest}, may be chance.{identical}"
            )
        } else {
            format!(
                "Sharing nothing but the engine and the machine harms, too: {sure} of {} companies slow the bystander beyond chance; its largest change is \
                 {largest}. So much of the harm needs no common table.{identical}",
                self.rows.len() - 1
            )
        }
    }
}

#[cfg(test)]
mod tests;
