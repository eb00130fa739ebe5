//! Several rounds and what they have in common.

use serde::Serialize;

use super::Measured;
use crate::bench::hot::Spread;
use crate::bench::yardstick::Cell;
use crate::observe::machine;
use crate::result::Machine;

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
    pub ratio: Spread,
    /// With the snapshot.
    pub ratio_with_snapshot: Spread,
    /// In the shape of the other benches.
    pub cells: [Cell; 1],
}

impl Outcome {
    pub(super) fn of(rounds: Vec<Measured>) -> Self {
        let spread = |value: &dyn Fn(&Measured) -> f64| {
            Spread::of(&rounds.iter().map(value).collect::<Vec<_>>())
        };
        let taken = |one: &Measured| one.snapshot_ms + one.invoicing_ms;
        let cell = Cell {
            arm: "billing, a month's invoices",
            connections: 1,
            requests_per_second: spread(&|one| {
                f64::from(one.settings.organisations) * 1000.0 / taken(one)
            })
            .median,
            ratio_to_pgbench: None,
            ratio_to_pgbench_best: None,
            ratio_to_yardstick: spread(&|one| one.bare_ms / taken(one)),
            p50_ms: spread(&taken).median,
            p99_ms: rounds.iter().map(taken).fold(0.0, f64::max),
        };
        Self {
            at: crate::saved::now(),
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
        let text = |of: Spread| format!("{:.2} [{:.2}, {:.2}]", of.median, of.low, of.high);
        write!(
            f,
            "ratio over {} rounds: {}; with the snapshot {}",
            self.rounds.len(),
            text(self.ratio),
            text(self.ratio_with_snapshot)
        )
    }
}
