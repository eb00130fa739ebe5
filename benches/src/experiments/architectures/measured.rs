//! What was measured of one architecture, and which of it counts.

use std::collections::BTreeMap;

use super::kept::Block;
use super::trust::{Fate, Trust};
use crate::experiments::{failure, wrong_answers};
use crate::result::CellResult;

/// What was measured of one.
pub(super) struct MeasuredArm<'a> {
    pub name: &'a str,
    pub blocks: &'a [Block],
    pub stops: &'a [failure::Row],
    pub wrong: Option<&'a wrong_answers::Row>,
    /// Of every block, those that were run again among them.
    pub trust: Vec<Trust>,
    pub cells: &'a [CellResult],
    pub correctness: &'a BTreeMap<String, i64>,
}

impl MeasuredArm<'_> {
    /// The blocks that count, each with its cell.
    pub fn counted(&self) -> impl Iterator<Item = (&Block, &CellResult)> {
        let counts = |round: usize| self.trust.iter().any(|of| of.round == round && of.fate == Fate::Counts);
        self.blocks.iter().filter(move |block| counts(block.round)).filter_map(|block| {
            let cell = self.cells.iter().find(|cell| cell.valid && cell.replicate == block.round)?;
            Some((block, cell))
        })
    }

    /// What must always hold and didn't, by the audit's name.
    pub fn violations(&self) -> BTreeMap<String, i64> {
        let mut all: BTreeMap<String, i64> = self.correctness.clone();
        all.retain(|_, count| *count != 0);
        all
    }
}

#[cfg(test)]
impl<'a> MeasuredArm<'a> {
    /// One of which nothing was measured.
    pub fn empty(name: &'a str, correctness: &'a BTreeMap<String, i64>) -> Self {
        Self { name, cells: &[], blocks: &[], stops: &[], wrong: None, trust: Vec::new(), correctness }
    }
}
