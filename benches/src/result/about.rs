//! What a run was made on and with: machine, server, load, freshness, and the lab's own tests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The machine, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    /// Logical processors.
    pub cpus: usize,
    /// Model name.
    pub model: String,
    /// Kernel release.
    pub kernel: String,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Seconds that a fixed computation took at the start of each replicate.
    pub canary_cpu_s: Vec<f64>,
    /// Seconds that a fixed number of small synced writes took at the start of each replicate.
    pub canary_sync_s: Vec<f64>,
}

/// The database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgresInfo {
    /// `server_version`.
    pub version: String,
    /// Settings that differ from the built-in defaults.
    pub settings: BTreeMap<String, String>,
}

/// One service's load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceInfo {
    /// Its name.
    pub name: String,
    /// Requests per second, in every cell it runs in.
    pub rate_per_s: f64,
    /// CPU seconds of the machine per request, as calibrated.
    pub cpu_s_per_request: f64,
    /// Requests per second above which its p95 doubles when it is alone, where `lab knee --save` found it on this machine.
    #[serde(default)]
    pub knee_per_s: Option<f64>,
    /// Share of each endpoint.
    pub endpoints: BTreeMap<String, f64>,
}

impl ServiceInfo {
    /// A service driven at this rate, of which no more is known.
    #[must_use]
    pub fn at(service: &str, rate_per_s: f64) -> Self {
        Self {
            name: service.to_owned(),
            rate_per_s,
            cpu_s_per_request: 0.0,
            knee_per_s: None,
            endpoints: BTreeMap::new(),
        }
    }
}

/// How soon changes take effect elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Freshness {
    /// From the commit of a freeze to Registry's first 402.
    pub freeze: Option<Delay>,
    /// From the answer to a rename in Profile to Registry showing the new name.
    pub rename: Option<Delay>,
    /// Writes begun after the commit of a freeze and accepted nevertheless. Expected 0.
    pub served_though_frozen: u64,
    /// The same while every service is under the load of the cells; where there are copies that can be late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_load: Option<Box<Freshness>>,
}

/// Quantiles of a delay, milliseconds, the asking included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delay {
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile; older files have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// 99th percentile, by the nearest rank.
    pub p99_ms: f64,
    /// How often it was tried.
    pub tries: usize,
}

/// One test of the lab by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelfTest {
    /// Such as `V6`.
    pub id: String,
    /// What was found, in words.
    pub found: String,
    /// Whether it passed; null when this machine couldn't resolve it.
    pub pass: Option<bool>,
    /// When, RFC 3339.
    #[serde(default)]
    pub at: Option<String>,
}

/// What a result says of the target that it was measured at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetInfo {
    /// What its team calls it.
    pub label: String,
    /// Whether it ran by itself before and went on after: such a run can't be resumed, nor its data put back.
    pub foreign: bool,
    /// The contract it was asked by: see [`contract`].
    pub contract: String,
    /// `B0` to `B3`, those that held.
    pub levels: Vec<String>,
    /// What the probe found.
    pub conformance: Vec<Check>,
    /// Operations of the workload that it doesn't have, as `service: operation`; their share went to the others.
    pub missing: Vec<String>,
}

/// What the architecture of a shared database is called in a result.
pub const SHARED_DATABASE: &str = "shared database";

impl TargetInfo {
    /// Whether its services share one database, as those of older results do.
    #[must_use]
    pub fn shares_a_database(&self) -> bool {
        self.label == SHARED_DATABASE
    }

    /// Somebody's database, driven by scripts with this fingerprint.
    #[must_use]
    pub fn of_sql(database: &str, fingerprint: &str) -> Self {
        Self {
            label: database.into(),
            foreign: true,
            contract: format!("{SCRIPTS}{fingerprint}"),
            levels: ["B0", "B2", "B3"].map(str::to_owned).into(),
            conformance: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Whether it is a database that scripts drove, without any HTTP.
    #[must_use]
    pub fn is_sql(&self) -> bool {
        self.contract.starts_with(SCRIPTS)
    }

    /// Our own system, which is started for a run and can be observed completely.
    #[must_use]
    pub fn ours(label: &str) -> Self {
        Self {
            label: label.into(),
            foreign: false,
            contract: contract(),
            levels: ["B0", "B1", "B2", "B3"].map(str::to_owned).into(),
            conformance: Vec::new(),
            missing: Vec::new(),
        }
    }
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Check {
    /// The service.
    pub service: String,
    /// What is wanted.
    pub wanted: String,
    /// The workload's operation that can't be measured without it, if there is one.
    pub operation: Option<String>,
    /// What came instead; null where it is as wanted.
    pub found: Option<String>,
}

/// The contract's operations, hashed: method, path, parameters that must be given, and the answers that are promised. Two results
/// are compared by it. Descriptions, examples and the order of things are ours to change.
#[must_use]
pub fn contract() -> String {
    let files = [
        include_str!("../../../docs/contract/account.yaml"),
        include_str!("../../../docs/contract/profile.yaml"),
        include_str!("../../../docs/contract/registry.yaml"),
        include_str!("../../../docs/contract/billing.yaml"),
        include_str!("../../../docs/contract/notification.yaml"),
    ];
    fingerprint(&files)
}

/// How a fingerprint of operations begins; older labs hashed the files' text, which is no statement about the contract.
const OPERATIONS: &str = "operations:";

/// How the fingerprint of scripts begins that stand in place of a contract.
const SCRIPTS: &str = "scripts:";

/// Whether two fingerprints name different contracts; an older lab's says nothing about that.
#[must_use]
pub fn contracts_differ(one: &str, other: &str) -> bool {
    let known = |of: &str| of.starts_with(OPERATIONS) || of.starts_with(SCRIPTS);
    known(one) && known(other) && one != other
}

fn fingerprint(files: &[&str]) -> String {
    let mut operations: Vec<String> = files.iter().flat_map(|text| operations(text)).collect();
    operations.sort();
    let mut digest = Sha256::new();
    operations.iter().for_each(|operation| digest.update(operation.as_bytes()));
    let bytes = digest.finalize();
    OPERATIONS.to_owned() + &bytes.iter().take(6).map(|byte| format!("{byte:02x}")).collect::<String>()
}

/// `get /apis/{api} api 200 404` of each operation of an OpenAPI file.
fn operations(text: &str) -> Vec<String> {
    let file: Value = serde_yaml_ng::from_str(text).unwrap_or_default();
    let paths = file["paths"].as_object().into_iter().flatten();
    let of = |(path, methods): (&String, &Value)| -> Vec<String> {
        let shared = methods["parameters"].as_array().cloned().unwrap_or_default();
        let methods = methods.as_object().into_iter().flatten();
        let known = methods.filter(|(name, _)| ["get", "post", "put", "patch", "delete"].contains(&name.as_str()));
        known
            .map(|(name, operation)| {
                let own = operation["parameters"].as_array().cloned().unwrap_or_default();
                let needed = shared.iter().chain(&own).filter(|of| of["required"] == true);
                let mut parameters: Vec<&str> = needed.filter_map(|of| of["name"].as_str()).collect();
                parameters.sort_unstable();
                let mut answers: Vec<&str> = operation["responses"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(status, _)| status.as_str())
                    .collect();
                answers.retain(|status| status.starts_with('2'));
                answers.sort_unstable();
                format!("{name} {path} {} {}\n", parameters.join(" "), answers.join(" "))
            })
            .collect()
    };
    paths.flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
paths:
  /apis/{api}:
    get:
      summary: Reads one.
      parameters: [{name: api, in: path, required: true}, {name: fields, in: query}]
      responses: {'200': {description: It.}, '404': {description: None.}}
";

    #[test]
    fn words_of_ours_leave_the_contract_as_it_is() {
        let changed = |from: &str, to: &str| {
            assert!(FILE.contains(from));
            fingerprint(&[&FILE.replace(from, to)])
        };
        assert_eq!(operations(FILE), ["get /apis/{api} api 200\n"]);
        assert_eq!(changed("Reads one.", "Reads an API."), fingerprint(&[FILE]));
        assert_eq!(changed("It.", "The API, as JSON."), fingerprint(&[FILE]));
        assert_ne!(changed("/apis/", "/interfaces/"), fingerprint(&[FILE]));
        assert_ne!(changed("'200'", "'202'"), fingerprint(&[FILE]));
        assert_ne!(changed("in: query", "in: query, required: true"), fingerprint(&[FILE]));
    }

    #[test]
    fn every_file_of_the_contract_has_operations() {
        let all = contract();
        assert!(all.starts_with(OPERATIONS) && all.len() == OPERATIONS.len() + 12, "{all}");
        let registry = operations(include_str!("../../../docs/contract/registry.yaml"));
        assert!(registry.len() > 10 && registry.iter().any(|of| of.starts_with("post ")), "{registry:?}");
    }

    #[test]
    fn an_older_fingerprint_refuses_nothing() {
        assert!(!contracts_differ("3062474db092", &contract()));
        assert!(!contracts_differ(&contract(), &contract()));
        assert!(contracts_differ("operations:000000000000", &contract()));
    }
}
