//! Several rounds and what they have in common.

use serde::Serialize;

use super::Round;
use crate::bench::yardstick::Cell;
use crate::observe::machine;
use crate::result::{Machine, Table};
use crate::stats::Median;

/// All rounds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// RFC 3339.
    pub at: String,
    /// What the ratios are to.
    pub yardstick: &'static str,
    /// On what.
    pub machine: Machine,
    /// Each on a system of its own.
    pub rounds: Vec<Round>,
    /// Of their ratios: the goal is at most 2.
    pub ratio: Median,
    /// With the snapshot.
    pub ratio_with_snapshot: Median,
    /// In the shape of the other benches.
    pub cells: [Cell; 1],
}

impl Outcome {
    pub(super) fn of(rounds: Vec<Round>) -> Self {
        let spread = |value: &dyn Fn(&Round) -> f64| Median::of(rounds.iter().map(value));
        let taken = |one: &Round| one.snapshot_ms + one.invoicing_ms;
        let cell = Cell {
            arm: "billing, a month's invoices",
            connections: 1,
            requests_per_second: spread(&|one| f64::from(one.settings.organisations) * 1000.0 / taken(one)).median,
            ratio_to_pgbench: None,
            ratio_to_pgbench_best: None,
            ratio_to_yardstick: spread(&|one| one.bare_ms / taken(one)),
            p50_ms: spread(&taken).median,
            p99_ms: rounds.iter().map(taken).fold(0.0, f64::max),
        };
        Self {
            at: crate::measure::kept::now(),
            yardstick: "one insert … select of the same rows",
            machine: machine(),
            ratio: spread(&|one| one.ratio),
            ratio_with_snapshot: spread(&|one| one.ratio_with_snapshot),
            cells: [cell],
            rounds,
        }
    }

    /// Whether each round reaches every goal.
    pub fn is_good(&self) -> bool {
        self.rounds.iter().all(Round::is_good)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for round in &self.rounds {
            writeln!(f, "{}", round.table())?;
        }
        let Self { rounds, ratio, ratio_with_snapshot, .. } = self;
        write!(f, "ratio over {} rounds: {ratio}; with the snapshot {ratio_with_snapshot}", rounds.len())
    }
}

impl Round {
    /// For people.
    fn table(&self) -> Table {
        let figure = |name: &str, value: f64, digits: usize, unit: &str, more: &str| {
            [name.to_owned(), format!("{value:.digits$}"), unit.to_owned(), more.to_owned()]
        };
        let ratio = format!("goal: at most 2 ({:.2} with the snapshot)", self.ratio_with_snapshot);
        let mut table = Table::new(&[""], &["measured"], &["", ""])
            .titled(format!(
                "Month-end: {} organisations, a quarter pay-as-you-go; sandbox answers in {} ms; PostgreSQL {}, {} processors.\n",
                self.settings.organisations, self.settings.latency_ms, self.server, self.processors
            ))
            .rows([
                figure("snapshot", self.snapshot_ms, 0, "ms", ""),
                figure("invoices written", self.invoicing_ms, 0, "ms", &format!("{} rows", self.rows)),
                figure("bare insert … select", self.bare_ms, 0, "ms", "the same rows, the same indexes and keys"),
                figure("ratio", self.ratio, 2, "", &ratio),
                figure("longest statement", self.statement_ms_max, 0, "ms", "goal: at most 2000"),
                figure("longest transaction", self.transaction_ms_max, 0, "ms", "goal: at most 5000"),
                figure("memory of Billing", self.memory_mib_max, 0, "MiB", "goal: less than 200"),
            ]);
        if let Some((count, per_s)) = self.charges {
            table = table.rows([figure("charges", per_s, 0, "per second", &format!("{count} charges"))]);
        }
        table
    }
}
