//! What disturbed a block, and whether it counts.

use serde::{Deserialize, Serialize};

use crate::result::{CellResult, is_disturbed};
use crate::stats::{Histogram, MalformedHistogram};

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// It is in every figure.
    Counts,
    /// Something disturbed it, and another one stands in its place.
    RunAgain,
    /// It is in no figure: something else can have changed it by more than the effect that the lab is asked to find.
    LeftOut,
}

/// How far a block can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trust {
    /// Whose.
    pub architecture: String,
    /// Of which round, from 0.
    pub round: usize,
    /// Processor time of programs that have nothing to do with it, share of one core.
    pub foreign_cpu: f64,
    /// How late the driver was at the service for which it was latest, 99th percentile.
    pub late_ms: f64,
    /// What makes it suspect; empty where nothing does.
    pub warnings: Vec<String>,
    /// What became of it.
    pub fate: Fate,
}

impl Trust {
    pub(super) fn of(architecture: &str, cell: &CellResult, cpus: usize) -> Result<Self, MalformedHistogram> {
        let mut late_us = 0;
        for service in &cell.services {
            late_us = late_us.max(Histogram::decode(&service.lag)?.quantile_us(0.99).unwrap_or(0));
        }
        let fate = match cell.valid {
            false => Fate::RunAgain,
            true if is_disturbed(cell, cpus)? => Fate::LeftOut,
            true => Fate::Counts,
        };
        Ok(Self {
            architecture: architecture.to_owned(),
            round: cell.replicate,
            foreign_cpu: cell.foreign_cpu,
            late_ms: late_us as f64 / 1000.0,
            warnings: cell.warnings.iter().map(ToString::to_string).collect(),
            fate,
        })
    }
}

/// How many blocks may still be run again: a fifth of all, as in `lab run`, so that the run ends in time.
pub(super) struct Repeats(usize);

impl Repeats {
    pub fn of(blocks: usize, run_again: usize) -> Self {
        Self((blocks / 5).saturating_sub(run_again))
    }

    /// Whether a block is run once more. The second one counts, whatever became of it.
    pub fn again(&mut self, attempt: usize, suspect: bool) -> bool {
        let again = suspect && attempt == 0 && self.0 > 0;
        self.0 -= usize::from(again);
        again
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::design::Cell;
    use crate::result::{ResultFile, Warning};

    fn block() -> CellResult {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
        let result = ResultFile::read(&file).unwrap();
        let found = result.counted().find(|cell| cell.cell == Cell::All).cloned();
        CellResult { warnings: vec![], ..found.unwrap() }
    }

    #[test]
    fn what_others_can_have_changed_is_left_out() {
        let fate = |warnings: Vec<Warning>| Trust::of("x", &CellResult { warnings, ..block() }, 2).unwrap().fate;
        assert_eq!(fate(vec![]), Fate::Counts);
        assert_eq!(fate(vec![Warning::ForeignCpu { share: 0.06 }]), Fate::Counts, "suspect, but bounded");
        assert_eq!(fate(vec![Warning::ForeignCpu { share: 1.2 }]), Fate::LeftOut);
        assert_eq!(fate(vec![Warning::NotAtRest]), Fate::LeftOut, "of unknown size");
        let first = CellResult { valid: false, warnings: vec![Warning::NotAtRest], ..block() };
        let trust = Trust::of("x", &first, 2).unwrap();
        assert_eq!((trust.fate, trust.warnings.len(), trust.late_ms > 0.0), (Fate::RunAgain, 1, true));
    }

    #[test]
    fn a_fifth_is_run_again_each_once() {
        assert!(!Repeats::of(10, 2).again(0, true), "those of before the interruption");
        let mut repeats = Repeats::of(10, 0);
        let asked = [(0, true), (1, true), (0, false), (0, true), (0, true)];
        assert_eq!(asked.map(|(attempt, suspect)| repeats.again(attempt, suspect)), [true, false, false, true, false]);
    }
}
