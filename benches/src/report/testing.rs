//! Results for the tests of the report.

use std::path::Path;

use crate::design::{Cell, Preset};
use crate::result::ResultFile;

/// A real one, with its matrix as it is computed now.
pub fn reference() -> ResultFile {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
    let mut result = ResultFile::read(&file).unwrap();
    result.matrix = Some(result.analyse().unwrap());
    result
}

/// The same without pairs, as the demo measures.
pub fn demo() -> ResultFile {
    let mut result = reference();
    result.run.preset = Preset::Demo;
    result.cells.retain(|cell| !matches!(cell.cell, Cell::Pair { .. } | Cell::Unwatched { .. }));
    result.matrix = Some(result.analyse().unwrap());
    result
}

/// The same as somebody else's system that shows nothing but its answers.
pub fn black_box() -> ResultFile {
    let mut result = reference();
    result.postgres = None;
    let target = result.target.as_mut().unwrap();
    (target.foreign, target.label) = (true, "Team Heron".into());
    target.levels = vec!["B0".into()];
    for cell in &mut result.cells {
        cell.roles.clear();
        cell.ledger = Default::default();
        cell.control_workload = None;
        (cell.observer_cpu, cell.foreign_cpu) = (0.0, 0.0);
        cell.services.iter_mut().for_each(|of| of.server_timing_ms = None);
    }
    result.cells.retain(|cell| !matches!(cell.cell, Cell::Unwatched { .. }));
    result.matrix = Some(result.analyse().unwrap());
    result
}
