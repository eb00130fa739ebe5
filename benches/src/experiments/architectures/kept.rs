//! What is kept of an architecture while the run goes on, beside its `result.json`: an interrupted run goes on from there.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Plan;
use super::circumstance::Varied;
use crate::Failure;
use crate::experiments::{failure, wrong_answers};
use crate::result::{Freshness, ResultFile, attachments};

/// The plan, in the folder of the run.
const PLAN: &str = "plan.json";
/// The rest, in the folder of an architecture.
const BLOCKS: &str = "blocks.json";

/// What a block measured beside its cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Block {
    /// Of which round, from 0.
    pub round: usize,
    /// How soon changes took effect in another service, under the same load.
    pub freshness: Freshness,
    /// What the services and the log hold at its end, MiB.
    pub memory_mib: f64,
    /// Sessions of clients at the database servers at its end.
    pub connections: u64,
    /// What the databases and the log hold on disk at its end, MiB.
    pub stored_mib: f64,
    /// What was measured after that, under other circumstances.
    pub varied: Vec<Varied>,
}

/// What was measured beside the cells.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Kept {
    /// Of each block that ran to its end.
    pub blocks: Vec<Block>,
    /// While each service was stopped in turn; empty: not yet.
    pub stops: Vec<failure::Row>,
    /// What was answered wrongly meanwhile.
    pub wrong: Option<wrong_answers::Row>,
}

impl Kept {
    /// With the cells that belong to it; nothing where nothing was kept. A block counts only with both of them: it may have been killed
    /// between the two.
    pub fn read(folder: &Path) -> Result<Option<(ResultFile, Self)>, Failure> {
        let file = folder.join(BLOCKS);
        let Ok(text) = std::fs::read_to_string(&file) else { return Ok(None) };
        let unread = |why: &dyn std::fmt::Display| Failure::usage(format!("{} can't be read: {why}.", file.display()));
        let mut kept: Self = serde_json::from_str(&text).map_err(|error| unread(&error))?;
        let mut result = ResultFile::read(&folder.join("result.json")).map_err(|error| unread(&error))?;
        kept.blocks.retain(|block| result.counted().any(|cell| cell.replicate == block.round));
        result.cells.retain(|cell| !cell.valid || kept.has(cell.replicate));
        Ok(Some((result, kept)))
    }

    pub fn has(&self, round: usize) -> bool {
        self.blocks.iter().any(|block| block.round == round)
    }

    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        attachments::write(folder, BLOCKS, self)
    }
}

/// Keeps a run's plan.
pub(super) fn write_plan(plan: &Plan, folder: &Path) -> Result<(), Failure> {
    attachments::write(folder, PLAN, plan)
}

/// The plan of a run that ended early.
///
/// # Errors
/// When there is none in this folder, or the run ended well.
pub fn plan_of(folder: &Path) -> Result<Plan, Failure> {
    if folder.join(attachments::ARCHITECTURES).exists() {
        return Err(Failure::usage(format!("The run in {} ran to its end: start another one.", folder.display())));
    }
    let file = folder.join(PLAN);
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::usage(format!("{} can't be read: {error}.", file.display())))?;
    serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}.", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::Cell;

    fn block(round: usize) -> Block {
        let freshness = Freshness::default();
        Block { round, freshness, memory_mib: 1.0, connections: 2, stored_mib: 3.0, varied: vec![] }
    }

    #[test]
    fn a_block_that_was_cut_in_two_is_measured_again() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Kept::read(folder.path()).unwrap().is_none(), "nothing was begun");
        let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
        let mut result = ResultFile::read(&reference).unwrap();
        result.cells.retain(|cell| cell.cell == Cell::All && cell.valid);
        assert!(result.cells.len() >= 3, "of the rounds 0, 1, 2");
        result.cells.retain(|cell| cell.replicate != 1);
        result.write(&folder.path().join("result.json")).unwrap();
        Kept { blocks: vec![block(0), block(1)], ..Kept::default() }.write(folder.path()).unwrap();
        let (result, kept) = Kept::read(folder.path()).unwrap().unwrap();
        assert_eq!([kept.has(0), kept.has(1), kept.has(2)], [true, false, false]);
        assert_eq!(result.cells.iter().map(|cell| cell.replicate).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_run_that_ended_well_has_nothing_to_go_on_with() {
        let folder = tempfile::tempdir().unwrap();
        assert!(plan_of(folder.path()).unwrap_err().to_string().contains("can't be read"));
        std::fs::write(folder.path().join(attachments::ARCHITECTURES), "{}").unwrap();
        assert!(plan_of(folder.path()).unwrap_err().to_string().contains("to its end"));
    }
}
