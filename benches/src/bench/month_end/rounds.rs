//! Several rounds and what they have in common.

use serde::Serialize;

use super::Measured;
use crate::bench::yardstick::Cell;
use crate::observe::machine;
use crate::result::Machine;
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
    pub rounds: Vec<Measured>,
    /// Of their ratios: at most 2 is wanted.
    pub ratio: Median,
    /// With the snapshot.
    pub ratio_with_snapshot: Median,
    /// In the shape of the other benches.
    pub cells: [Cell; 1],
}

impl Outcome {
    pub(super) fn of(rounds: Vec<Measured>) -> Self {
        let spread = |value: &dyn Fn(&Measured) -> f64| Median::of(rounds.iter().map(value));
        let taken = |one: &Measured| one.snapshot_ms + one.invoicing_ms;
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

    /// Whether everything is within what is wanted, in each round.
    pub fn is_good(&self) -> bool {
        self.rounds.iter().all(Measured::is_good)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for round in &self.rounds {
            writeln!(f, "{}", round.describe())?;
        }
        let text = |of: Median| format!("{:.2} [{:.2}, {:.2}]", of.median, of.low, of.high);
        write!(
            f,
            "ratio over {} rounds: {}; with the snapshot {}",
            self.rounds.len(),
            text(self.ratio),
            text(self.ratio_with_snapshot)
        )
    }
}

impl Measured {
    /// For people.
    fn describe(&self) -> String {
        let charges = self
            .charges
            .map_or_else(|| "not measured".to_owned(), |(count, each)| format!("{count}, {each:.0} per second"));
        format!(
            "Month-end: {} organisations, a quarter pay-as-you-go; sandbox answers in {} ms; PostgreSQL {}, {} processors.\n\
             \n\
             snapshot             {:>9.0} ms\n\
             invoices written     {:>9.0} ms   {} rows\n\
             bare insert … select {:>9.0} ms   the same rows, the same indexes and keys\n\
             ratio                {:>9.2}      at most 2 wanted ({:.2} with the snapshot)\n\
             longest statement    {:>9.0} ms   at most 2000 wanted\n\
             longest transaction  {:>9.0} ms   at most 5000 wanted\n\
             memory of Billing    {:>9.0} MiB  less than 200 wanted\n\
             charges              {charges}\n",
            self.settings.organisations,
            self.settings.latency_ms,
            self.server,
            self.processors,
            self.snapshot_ms,
            self.invoicing_ms,
            self.rows,
            self.bare_ms,
            self.ratio,
            self.ratio_with_snapshot,
            self.statement_ms_max,
            self.transaction_ms_max,
            self.memory_mib_max,
        )
    }
}
