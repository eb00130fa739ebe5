//! `workload.toml`: the services, each a login with scripts, a rate and connections.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::Failure;
use crate::load::schedule::{Endpoint, ServiceWorkload, Workload};
use crate::result::ServiceInfo;

/// Names that mean something else in a result.
const TAKEN: [&str; 8] = ["all", "alone", "alone again", "unwatched", "driver", "background", "others", "unknown"];

/// The file. Unknown fields are refused, so that a misspelt one can't silently change what is measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SqlWorkload {
    /// By name.
    pub services: BTreeMap<String, SqlService>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SqlService {
    /// The login that it connects as; without it, the service's name.
    #[serde(default)]
    pub login: String,
    /// Transactions per second.
    pub rate_per_s: f64,
    /// Connections: what is due while they are busy waits, and that counts.
    #[serde(default = "eight")]
    pub connections: u32,
    /// How statements are sent.
    #[serde(default)]
    pub query_mode: QueryMode,
    /// How often a transaction is tried that fails by a deadlock or for its isolation level (pgbench's `--max-tries`).
    #[serde(default = "one")]
    pub tries: u32,
    /// What its 99th percentile shall not exceed, in milliseconds.
    #[serde(default)]
    pub p99_limit_ms: Option<f64>,
    /// What it runs.
    pub scripts: Vec<Script>,
}

/// A script of pgbench.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Script {
    /// The file, from where `workload.toml` is.
    pub file: PathBuf,
    /// How often, relative to the service's other scripts.
    #[serde(default = "one")]
    pub weight: u32,
}

/// pgbench's `-M`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueryMode {
    /// Values in the text.
    Simple,
    /// Parameters, planned each time.
    Extended,
    /// Prepared once.
    #[default]
    Prepared,
}

impl QueryMode {
    /// As pgbench calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }
}

fn one() -> u32 {
    1
}

fn eight() -> u32 {
    8
}

impl SqlWorkload {
    /// Reads the file; its scripts' paths become ones from here.
    ///
    /// # Errors
    /// A usage error with what is wrong and where.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::usage(format!("{}: {why}.", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| wrong(format!("can't be read: {error}")))?;
        let mut read: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string().replace('\n', " ")))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        for (name, service) in &mut read.services {
            if service.login.is_empty() {
                service.login.clone_from(name);
            }
            for script in &mut service.scripts {
                script.file = folder.join(&script.file);
            }
        }
        read.check().map_err(wrong)?;
        Ok(read)
    }

    /// Refuses a single service, where not so many others are added: a known harm is one.
    ///
    /// # Errors
    /// A usage error.
    pub fn has_others(&self, added: usize) -> Result<(), Failure> {
        if self.services.len() + added < 2 {
            return Err(Failure::usage(
                "Expected two services or more in the workload file: one alone is slowed by nobody. With --with a known harm is the other one.",
            ));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.services.is_empty() {
            return Err("it has no service".to_owned());
        }
        let mut logins = BTreeSet::new();
        for (name, of) in &self.services {
            let wrong = |why: &str| Err(format!("service {name}: {why}"));
            let bad = |c: char| c.is_control() || "<>+.".contains(c);
            if name.is_empty() || name.contains(bad) || TAKEN.contains(&name.as_str()) {
                return wrong("another name, please: this one has another meaning in a result");
            }
            if !logins.insert(&of.login) {
                return wrong("its login is also another service's: who waits for whom is known by the login alone");
            }
            if !(of.rate_per_s.is_finite() && of.rate_per_s > 0.0 && of.rate_per_s <= 1e6) {
                return wrong("rate-per-s must be above 0, at most 1000000");
            }
            if !(1..=1000).contains(&of.connections) || of.tries == 0 || of.scripts.iter().any(|one| one.weight == 0) {
                return wrong("connections must be 1 to 1000, tries and weights at least 1");
            }
            if of.p99_limit_ms.is_some_and(|limit| !(limit.is_finite() && limit > 0.0)) {
                return wrong("p99-limit-ms must be above 0");
            }
            if of.scripts.is_empty() {
                return wrong("it has no script");
            }
            for script in &of.scripts {
                std::fs::read_to_string(&script.file)
                    .map_err(|error| format!("service {name}: {} can't be read: {error}", script.file.display()))?;
            }
        }
        Ok(())
    }

    /// The logins, each with its service.
    #[must_use]
    pub fn logins(&self) -> BTreeMap<String, String> {
        self.services.iter().map(|(name, of)| (of.login.clone(), name.clone())).collect()
    }

    /// As a result tells it: scripts are endpoints.
    #[must_use]
    pub fn as_result(&self) -> (Workload, Vec<ServiceInfo>) {
        let services = self.services.iter().map(|(name, of)| (name.clone(), of.as_result())).collect();
        let infos = self.services.iter().map(|(name, of)| ServiceInfo {
            endpoints: of.as_result().endpoints.into_iter().map(|one| (one.name, one.share)).collect(),
            ..ServiceInfo::at(name, of.rate_per_s)
        });
        (Workload { services }, infos.collect())
    }

    /// What two runs must share to be compared: the scripts' texts and weights, connections and modes.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        for (name, of) in &self.services {
            digest.update(format!("{name} {} {} {}\n", of.connections, of.query_mode.name(), of.tries));
            for script in &of.scripts {
                digest.update(format!("{} ", script.weight));
                digest.update(std::fs::read(&script.file).unwrap_or_default());
            }
        }
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl SqlService {
    /// Its scripts' names, in the order in which pgbench numbers them.
    #[must_use]
    pub fn script_names(&self) -> Vec<String> {
        let name = |one: &Script| one.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.scripts.iter().map(name).collect()
    }

    fn as_result(&self) -> ServiceWorkload {
        let shares = self.scripts.iter().map(|one| f64::from(one.weight));
        let endpoints = self.script_names().into_iter().zip(shares).map(|(name, share)| Endpoint { name, share });
        ServiceWorkload { weight: 1.0, rate_per_s: Some(self.rate_per_s), endpoints: endpoints.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SqlWorkload, String> {
        let folder = tempfile::tempdir().unwrap();
        for script in ["a.sql", "b.sql"] {
            std::fs::write(folder.path().join(script), "select 1;").unwrap();
        }
        let file = folder.path().join("workload.toml");
        std::fs::write(&file, text).unwrap();
        SqlWorkload::read(&file).map_err(|error| error.to_string())
    }

    const A: &str = "[services.a]\nrate-per-s = 5\nscripts = [{ file = \"a.sql\", weight = 2 }]\n";

    #[test]
    fn a_short_file_has_all_it_needs() {
        let b =
            "[services.b]\nlogin = \"app\"\nrate-per-s = 1\nquery-mode = \"simple\"\nscripts = [{ file = \"b.sql\" }]";
        let found = read(&format!("{A}{b}")).unwrap();
        let (a, b) = (&found.services["a"], &found.services["b"]);
        assert_eq!((a.login.as_str(), a.connections, a.query_mode), ("a", 8, QueryMode::Prepared));
        assert_eq!((b.login.as_str(), b.scripts[0].weight, b.script_names()), ("app", 1, vec!["b".to_owned()]));
        assert_eq!(found.as_result().0.services["a"].rate_per_s, Some(5.0));
    }

    #[test]
    fn one_alone_is_slowed_by_nobody() {
        let one = read(A).unwrap();
        assert!(one.has_others(0).is_err() && one.has_others(1).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let b = |more: &str| format!("{A}[services.b]\n{more}\nscripts = [{{ file = \"b.sql\" }}]");
        for (text, why) in [
            ("[services]".to_owned(), "no service"),
            (b("rate-per-s = 0"), "rate-per-s"),
            (b("rate-per-s = 1\nlogin = \"a\""), "also another service's"),
            (b("rate-per-s = 1\nrate = 2"), "unknown field"),
            (b("rate-per-s = 1\nconnections = 0"), "connections"),
            (b("rate-per-s = 1").replace("b.sql", "c.sql"), "c.sql can't be read"),
            (b("rate-per-s = 1").replace("services.b", "services.all"), "another name"),
        ] {
            let said = read(&text).unwrap_err();
            assert!(said.contains(why) && said.contains("workload.toml") && said.ends_with('.'), "{why}: {said}");
        }
    }
}
