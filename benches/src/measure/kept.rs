//! What is kept in a results folder for the runs to come on the same machine.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::result::SelfTest;
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

/// Name of the file in a results folder with the last outcome of the tests on this machine.
const SELFTEST: &str = "selftest.json";

/// Keeps the outcome for the runs to come in this results folder, with the last outcomes of other tests.
///
/// # Errors
/// When it can't be written.
pub fn keep_tests(results: &Path, tests: &[SelfTest]) -> Result<(), Failure> {
    let (before, _) = newest_tests(results).unwrap_or_default();
    let again = |old: &SelfTest| tests.iter().any(|new| new.id == old.id);
    let mut all: Vec<SelfTest> = before.into_iter().filter(|old| !again(old)).collect();
    all.extend(tests.iter().cloned());
    all.sort_by_key(|test| {
        let id = test.id.split(' ').next().unwrap_or_default().to_owned();
        let number = id.trim_start_matches('V').parse::<u32>().unwrap_or(u32::MAX);
        (number, test.id.clone())
    });
    keep(results, SELFTEST, &all)
}

/// The last outcome of the tests on this very machine, and when; nothing where they never ran or ran elsewhere.
#[must_use]
pub fn newest_tests(results: &Path) -> Option<(Vec<SelfTest>, Option<String>)> {
    let (tests, at) = newest(results, SELFTEST)?;
    Some((tests, Some(at)))
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
