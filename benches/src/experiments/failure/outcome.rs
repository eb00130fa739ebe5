//! What every service answered while something was broken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::result::text::capital;
use crate::result::{Outcome, Table};

/// What one service answered while something was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    /// Calls that ended meanwhile: answered, refused, or given up after two seconds.
    pub all: u64,
    /// Answers that the contract promises.
    pub good: u64,
    /// From the repair to its last failure; null where it still failed when observing ended.
    pub recovered_ms: Option<u64>,
}

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
    /// Whether nothing acknowledged was lost and everything holds that must.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.writes_lost == 0 && self.violations == 0
    }
}

impl Answers {
    /// Good answers, of all.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.good as f64 / self.all.max(1) as f64
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
        vec![table]
    }
}

impl Answers {
    /// `99.9 % (0.4 s)`.
    fn text(&self) -> String {
        let back =
            self.recovered_ms.map_or_else(|| "still failing".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
        format!("{:.1} % ({back})", self.share() * 100.0)
    }
}
