//! What is kept in a results folder for the runs to come on the same machine.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Failure, observe};

/// Something found out, when, and where.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Saved<T> {
    at: String,
    machine: String,
    found: T,
}

/// Keeps it in `results` under the name `file`.
///
/// # Errors
/// When it can't be written.
pub fn keep<T: Serialize>(results: &Path, file: &str, found: &T) -> Result<(), Failure> {
    let saved = Saved { at: now(), machine: this_machine(), found };
    let file = results.join(file);
    std::fs::create_dir_all(results)
        .and_then(|()| {
            let text = serde_json::to_string_pretty(&saved).map_err(std::io::Error::other)?;
            std::fs::write(&file, text)
        })
        .map_err(|error| Failure::could_not_run(format!("{} can't be written: {error}.", file.display())))
}

/// What was kept last by this very machine, and when; nothing where there is none or another one kept it.
#[must_use]
pub fn newest<T: DeserializeOwned>(results: &Path, file: &str) -> Option<(T, String)> {
    let text = std::fs::read_to_string(results.join(file)).ok()?;
    let saved: Saved<T> = serde_json::from_str(&text).ok()?;
    (saved.machine == this_machine()).then_some((saved.found, saved.at))
}

/// RFC 3339, to the second.
#[must_use]
pub fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn this_machine() -> String {
    let machine = observe::machine();
    format!("{} × {}, {} bytes, {}", machine.cpus, machine.model, machine.memory_bytes, machine.kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_machine_kept_is_not_ours() {
        let results = tempfile::tempdir().unwrap();
        keep(results.path(), "n.json", &vec![1, 2]).unwrap();
        let (found, _) = newest::<Vec<i32>>(results.path(), "n.json").unwrap();
        assert_eq!(found, [1, 2]);
        let file = results.path().join("n.json");
        let text = std::fs::read_to_string(&file).unwrap();
        let machine = this_machine();
        std::fs::write(&file, text.replace(&machine, "another one")).unwrap();
        assert!(newest::<Vec<i32>>(results.path(), "n.json").is_none());
    }
}
