//! Outcomes that are kept in the folder of a `result.json`: the failure matrix, the composed read, scenarios.
//! The report of that folder shows those that are there.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::measured::Measured;
use crate::Failure;

/// The failure matrix.
pub const FAILURE: &str = "failure.json";
/// The same where the services call each other.
pub const FAILURE_API_CENTRIC: &str = "failure-api-centric.json";
/// What is answered wrongly there, by how long an answer may be used again.
pub const WRONG_ANSWERS: &str = "wrong-answers.json";
/// The same where copies are fed from a log.
pub const FAILURE_SELF_CONTAINED: &str = "failure-self-contained.json";
/// What scenarios showed.
pub const SCENARIOS: &str = "scenarios.json";
/// Pressure.
pub const PRESSURE: &str = "pressure.json";
/// Schema changes under load.
pub const SCHEMA_CHANGE: &str = "schema-change.json";
/// Known problems, each with its control and its remedy.
pub const PROBLEMS: &str = "problems.json";
/// Isolation ladders.
pub const LADDER: &str = "ladder.json";
/// The read that is composed of three calls, by hand and by the API-centric architecture, and the one statement.
pub const COMPOSED: &str = "composed.json";
/// Three architectures, measured in one run.
pub const ARCHITECTURES: &str = "comparison.json";
/// Views compared with local tables.
pub const NORMALISATION: &str = "normalisation.json";
/// Who waited for which statement, in a run of `lab sql`.
pub const SQL: &str = "sql.json";

/// A folder that can be written into, or made: found out before anything is measured, not after. Nothing is left there.
///
/// # Errors
/// A sentence that says why it can't be one.
pub fn folder(text: &str) -> Result<PathBuf, String> {
    let folder = PathBuf::from(text);
    let full = std::path::absolute(&folder).map_err(|error| error.to_string())?;
    let there = full.ancestors().find(|part| part.exists());
    tempfile::tempfile_in(there.unwrap_or(&full)).map_err(|error| format!("nothing can be kept there: {error}"))?;
    Ok(folder)
}

/// Writes one, whole or not at all, and makes the folder where it is missing.
///
/// # Errors
/// When it can't be written; then what was there before still is.
pub fn write(folder: &Path, name: &str, outcome: &impl Serialize) -> Result<(), Failure> {
    let file = folder.join(name);
    std::fs::create_dir_all(folder)
        .and_then(|()| serde_json::to_string_pretty(outcome).map_err(std::io::Error::other))
        .and_then(|text| replace(&file, &(text + "\n")))
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}

/// Puts a text in the place of a file in one step: a reader gets either the old or the new one.
///
/// # Errors
/// Of the file system; then the old one is still there.
pub fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

/// Reads one, also by the name that older labs gave it; none where there is none, or none of this shape.
#[must_use]
pub fn read<T: DeserializeOwned, P: DeserializeOwned>(folder: &Path, name: &str) -> Option<Measured<T, P>> {
    let formerly = if name == PRESSURE { "dials.json" } else { name };
    [name, formerly].iter().find_map(|name| Measured::read(&std::fs::read_to_string(folder.join(name)).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_folder_is_tried_and_nothing_left() {
        let home = tempfile::tempdir().unwrap();
        let below = home.path().join("a/b");
        assert_eq!(folder(below.to_str().unwrap()), Ok(below));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        for wrong in [file.to_str().unwrap(), "/proc/x"] {
            assert!(folder(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_can_not_be_written_leaves_what_was_there() {
        let home = tempfile::tempdir().unwrap();
        let head = Measured::begin(Default::default(), None, json!({"seed": 1}));
        let measured = |outcome: u8| head.clone().with(outcome);
        write(home.path(), "a.json", &measured(1)).unwrap();
        std::fs::create_dir(home.path().join("a.json.new")).unwrap();
        assert!(write(home.path(), "a.json", &measured(2)).is_err());
        assert_eq!(read(home.path(), "a.json"), Some(measured(1)));
    }
}
