//! Shapes of `result.json`, schema version 2; files of version 1, which had other names for a few fields, are read too. `benches/result.schema.json` says the same as JSON Schema.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::about::{Freshness, Machine, PostgresInfo, SelfTest, ServiceInfo, TargetInfo};
use super::cell::CellResult;
use super::matrix::{Matrix, analyse};
use crate::design::{Cell, Preset};
use crate::load::schedule::Workload;
use crate::stats::MalformedHistogram;

/// Version of the shapes in this file.
pub const SCHEMA_VERSION: u32 = 2;

/// A whole result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResultFile {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was run.
    pub run: Run,
    /// On what.
    pub machine: Machine,
    /// Against which database.
    pub postgres: Option<PostgresInfo>,
    /// Whose system, by which contract, seen how deep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetInfo>,
    /// Who was under load, and how much.
    pub services: Vec<ServiceInfo>,
    /// Every cell of every replicate, in the order they ran.
    pub cells: Vec<CellResult>,
    /// Derived from `cells` alone: `lab analyse` gives it again, to the digit.
    pub matrix: Option<Matrix>,
    /// Violations of what must always hold, by name, counted in the database after the run. All expected 0.
    pub correctness: BTreeMap<String, i64>,
    /// Outcome of the lab's own tests on this machine.
    pub selftest: Vec<SelfTest>,
    /// When they ran, RFC 3339; null where they were never run here.
    pub selftest_at: Option<String>,
    /// How soon one service's change takes effect in another one, with no other load.
    pub freshness: Option<Freshness>,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Run {
    /// Name of the run's folder.
    pub id: String,
    /// RFC 3339.
    pub started_at: String,
    /// Seconds, so far.
    pub duration_s: f64,
    /// Version of the lab.
    pub tool_version: String,
    /// How much.
    pub preset: Preset,
    /// Seed of schedules, order and data.
    pub seed: u64,
    /// APIs in the data set.
    pub data_apis: u64,
    /// Requests per statement at most; usually 1.
    pub batch_max: u32,
    /// SHA-256 over the schedules' ordinals.
    pub workload_hash: String,
    /// What was typed.
    pub command: String,
    /// Whether every cell was run.
    pub complete: bool,
    /// Whether the services were built for load.
    pub optimised: bool,
    /// Suspect cells that were run again.
    pub reruns: u64,
    /// How often the run was resumed after it had ended early.
    pub resumed: u64,
    /// What was asked for.
    pub workload: Workload,
}

/// A result file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MalformedResult {
    /// Not readable.
    #[error("{path} can't be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not of this shape.
    #[error("{path} is no result of schema version 1 to {SCHEMA_VERSION}: {source}")]
    Shape {
        /// The file.
        path: String,
        /// Where.
        source: serde_json::Error,
    },
    /// A histogram in it is broken.
    #[error(transparent)]
    Histogram(#[from] MalformedHistogram),
}

impl ResultFile {
    /// Names of the services, in their order.
    #[must_use]
    pub fn service_names(&self) -> Vec<String> {
        self.services.iter().map(|of| of.name.clone()).collect()
    }

    /// The services under load in a cell.
    #[must_use]
    pub fn members(&self, cell: &Cell) -> Vec<ServiceInfo> {
        let names = self.service_names();
        let wanted = cell.members(&names);
        self.services.iter().filter(|of| wanted.contains(&of.name.as_str())).cloned().collect()
    }

    /// Whether the matrix in the file is this one to the digit. Both are compared as the file writes them, for reading a
    /// decimal back may move the last bit of a number.
    #[must_use]
    pub fn holds(&self, computed: &Matrix) -> bool {
        let read_back =
            serde_json::to_string(computed).ok().and_then(|text| serde_json::from_str::<Matrix>(&text).ok());
        self.matrix == read_back
    }

    /// What its cells say. Above capacity no ratio and no percentile is claimed, only how fast requests pile up.
    ///
    /// # Errors
    /// [`MalformedHistogram`].
    pub fn analyse(&self) -> Result<Matrix, MalformedHistogram> {
        let mut matrix = analyse(&self.cells, self.machine.cpus)?;
        if !self.run.preset.claims_ratios() {
            for entry in &mut matrix.entries {
                entry.enough_data = false;
                entry.p_adjusted = None;
            }
        }
        Ok(matrix)
    }

    /// The cells that count.
    pub fn counted(&self) -> impl Iterator<Item = &CellResult> {
        self.cells.iter().filter(|cell| cell.valid)
    }

    /// Reads and checks one.
    ///
    /// # Errors
    /// [`MalformedResult`], which names the file and the place.
    pub fn read(path: &Path) -> Result<Self, MalformedResult> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|source| MalformedResult::Read { path: name.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| MalformedResult::Shape { path: name, source })
    }

    /// Writes it whole or not at all: a reader, or a kill, never meets half a file.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        crate::result::attachments::replace(path, &text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::result::Warning;

    fn rename(of: &mut Value, names: &[(&str, &str)]) {
        let fields = of.as_object_mut().unwrap();
        for (new, old) in names {
            if let Some(value) = fields.remove(*new) {
                fields.insert((*old).to_owned(), value);
            }
        }
    }

    #[test]
    fn files_of_version_1_are_read() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quick/result.json");
        let mut new = ResultFile::read(&file).unwrap();
        let mut old = json!(new);
        for cell in old["cells"].as_array_mut().unwrap() {
            let sentences: Vec<&str> = cell["warnings"].as_array().unwrap().iter().map(|_| "late").collect();
            cell["warnings"] = json!(sentences);
            rename(cell, &[("warnings", "doubts"), ("controlWorkload", "bystander")]);
        }
        for part in ["entries", "nulls", "unwatched", "closures"] {
            let names = [("service", "victim"), ("whileRunning", "aggressor"), ("enoughData", "resolved")];
            old["matrix"][part].as_array_mut().unwrap().iter_mut().for_each(|of| rename(of, &names));
        }
        let growth = old["matrix"]["growth"].as_array_mut().unwrap();
        growth.iter_mut().for_each(|of| rename(of, &[("whileRunning", "beside")]));
        for warning in new.cells.iter_mut().flat_map(|cell| &mut cell.warnings) {
            *warning = Warning::Other { text: "late".into() };
        }
        assert!(new.cells.iter().any(|cell| !cell.warnings.is_empty()));
        // Through text, as a file is.
        let read: ResultFile = serde_json::from_str(&old.to_string()).unwrap();
        assert_eq!(json!(read), json!(new));
    }
}
