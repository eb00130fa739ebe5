//! What every service answered while something was broken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::{Cell, Share};
use super::noticed::{FAST_AIM_MS, NORMAL_AIM_MS, Noticed};
use super::slow::{AIM, ALL, Slowdown};
use super::watch::Answers;
use crate::measure::staleness::{self, Staleness};
use crate::result::text::{capital, interval_or_none};
use crate::result::{Outcome, Table};

/// One row of the matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// What was broken.
    pub broken: String,
    /// In words.
    pub title: String,
    /// Seconds from the failure to the order to repair it.
    pub seconds: f64,
    /// By service.
    pub services: BTreeMap<String, Answers>,
    /// Part of that time in which four services or more were down at once.
    pub four_down: f64,
    /// Acknowledged creations and changes that are missing afterwards. Expected 0.
    pub writes_lost: i64,
    /// Everything else that must always hold and didn't. Expected 0.
    pub violations: i64,
    /// Which of these it was, by the audit's name; so far, for the data isn't put back in between.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted: BTreeMap<String, i64>,
    /// Each endpoint, where services call each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Cell>,
    /// How soon each service noticed that the part was away, and back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noticed: Vec<Noticed>,
    /// What a slow part cost the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slowdowns: Vec<Slowdown>,
    /// How old what one service shows of another was, where copies are fed from a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staleness: Option<Staleness>,
}

/// The whole matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailureMatrix {
    /// Requests per second, by service.
    pub rates_per_s: BTreeMap<String, f64>,
    /// In the order they were broken.
    pub rows: Vec<Row>,
}

impl Row {
    /// Whether nothing acknowledged was lost, everything holds that must, each endpoint did as its rule says, and a slow part didn't
    /// cost the others more than it may.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let as_ruled = self.cells.iter().all(|cell| cell.difference.is_none());
        let cheap = !self.slowdowns.iter().any(|of| of.service == ALL && of.exceeds());
        self.writes_lost == 0 && self.violations == 0 && as_ruled && cheap
    }
}

impl<P> Outcome<P> for FailureMatrix {
    fn tables(&self, _: &P) -> Vec<Table> {
        let names: Vec<String> = self.rates_per_s.keys().map(|name| capital(name)).collect();
        let mut numbers: Vec<&str> = names.iter().map(String::as_str).collect();
        numbers.extend(["four or more down", "acknowledged writes lost"]);
        let mut table = Table::new(&["broken"], &numbers, &[])
            .titled("Good answers of each service while a part was broken (and seconds until the last failure after it was repaired)");
        for row in &self.rows {
            let answers =
                self.rates_per_s.keys().map(|name| row.services.get(name).map_or_else(String::new, Answers::text));
            let title = format!("{}, {:.0} s", capital(&row.title), row.seconds);
            let sums = [format!("{:.0} % of the time", row.four_down * 100.0), row.writes_lost.to_string()];
            table.row([title].into_iter().chain(answers).chain(sums));
        }
        let kinds = ["", "-database", "-slow"].map(|end| self.endpoints(end));
        let more = kinds.into_iter().chain([self.differences(), self.noticed(), self.others(), self.staleness()]);
        [table].into_iter().chain(more.filter(|table| !table.rows.is_empty())).collect()
    }
}

impl FailureMatrix {
    /// Every endpoint while each part of a kind was broken: its name is a service's, and this end.
    fn endpoints(&self, end: &str) -> Table {
        let names = |row: &&Row| row.broken.strip_suffix(end).is_some_and(|name| self.rates_per_s.contains_key(name));
        let rows: Vec<&Row> = self.rows.iter().filter(names).filter(|row| !row.cells.is_empty()).collect();
        let titles: Vec<String> = rows.iter().map(|row| capital(&row.title)).collect();
        let columns: Vec<&str> = titles.iter().map(String::as_str).collect();
        let mut table = Table::new(&["endpoint"], &[], &columns).titled(
            "Good answers before · while a part was broken · after, in %, and the rule (≠: not as the rule says; nothing: it needs nothing of that part)",
        );
        for (place, cell) in rows.first().map(|row| row.cells.iter().enumerate()).into_iter().flatten() {
            let name = format!("{} {}", capital(&cell.service), cell.endpoint);
            table.row(
                [name]
                    .into_iter()
                    .chain(rows.iter().map(|row| row.cells.get(place).map_or_else(String::new, Cell::text))),
            );
        }
        table
    }

    /// Every cell that isn't as the rule says, and what the audits found.
    fn differences(&self) -> Table {
        let mut table = Table::new(&["broken", "what", "difference"], &[], &[]).titled("Not as the rule says");
        for row in &self.rows {
            for cell in &row.cells {
                if let Some(difference) = &cell.difference {
                    let edge = cell.edge.map_or_else(String::new, |number| format!(" (edge {number})"));
                    let what = format!("{} {}{edge}", capital(&cell.service), cell.endpoint);
                    table.row([capital(&row.title), what, difference.clone()]);
                }
            }
            for (name, count) in row.counted.iter().filter(|_| !row.cells.is_empty()) {
                table.row([capital(&row.title), name.clone(), format!("{count}, expected 0")]);
            }
        }
        table
    }

    /// How soon it was noticed that a part was away, and back.
    fn noticed(&self) -> Table {
        let mut table = Table::new(&["broken", "service"], &["first fast answer without it", "normal again"], &[])
            .titled("How soon each service noticed that a part was away, and that it was back");
        let seconds = |ms: Option<u64>, aim: u64| {
            let late = if ms.is_none_or(|ms| ms > aim) { " ≠" } else { "" };
            ms.map_or_else(|| "never".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1000.0)) + late
        };
        for row in &self.rows {
            for of in &row.noticed {
                let [fast, normal] = [seconds(of.fast_ms, FAST_AIM_MS), seconds(of.normal_ms, NORMAL_AIM_MS)];
                table.row([capital(&row.title), capital(&of.service), fast, normal]);
            }
        }
        table.note(format!(
            "Fast: within 100 ms, refused or with X-Degraded; the aim is {} s from when the part no longer answered. Normal: no such answer any more; \
             the aim is {} s from when it was ready again. ≠: missed.",
            FAST_AIM_MS / 1000,
            NORMAL_AIM_MS / 1000
        ))
    }

    /// How old the copies got.
    fn staleness(&self) -> Table {
        let seconds = |ms: u64| format!("{:.1}", ms as f64 / 1000.0);
        let mut table = Table::new(&["broken", "each 2 s"], &["at most before", "at most", "drained after"], &[])
            .titled("How old what Registry shows of Profile was, in seconds; drained: from the repair until it was under 0.25 s for good");
        for row in &self.rows {
            let Some(of) = &row.staleness else { continue };
            let drained = of.drained_ms.map_or_else(|| "not yet".to_owned(), seconds);
            let curve: Vec<String> = of.curve.chunks(8).map(|part| seconds(staleness::most(part))).collect();
            let numbers = [seconds(of.before_ms), seconds(of.most_ms), drained];
            table.row([capital(&row.title), curve.join(" ")].into_iter().chain(numbers));
        }
        table
    }

    /// What a slow part cost the others.
    fn others(&self) -> Table {
        let numbers = ["number", "p95 ÷ p95 before"];
        let mut table = Table::new(&["slow", "service", "of its requests"], &numbers, &[&format!("×{AIM} at most")])
            .titled("What a slow part costs the others");
        for row in &self.rows {
            for of in &row.slowdowns {
                let which = if of.needs_it { "those that need it" } else { "those that don't" };
                let enough = if of.enough_data { "" } else { ", insufficient data" };
                let ratio = interval_or_none(of.estimate) + if of.estimate.is_some() { enough } else { "" };
                table.row([
                    capital(&row.title),
                    capital(&of.service),
                    which.to_owned(),
                    of.requests.to_string(),
                    ratio,
                    of.verdict().unwrap_or_default().to_owned(),
                ]);
            }
        }
        table
    }
}

impl Cell {
    /// `100 · 0 · 100 closed`.
    fn text(&self) -> String {
        let shares = [self.before, self.during, self.after].map(Share::percent).join(" · ");
        let differs = if self.difference.is_some() { " ≠" } else { "" };
        format!("{shares} {}{differs}", self.expected.name())
    }
}
