//! What a run was made on and with: machine, server, load, freshness, and the lab's own tests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
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
}

/// Quantiles of a delay, milliseconds, the asking included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delay {
    /// Median.
    pub p50_ms: f64,
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

impl TargetInfo {
    /// Our own system, which is started for a run and can be observed completely.
    #[must_use]
    pub fn ours() -> Self {
        Self {
            label: "shared database".into(),
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

/// The contract's files, hashed: two results are compared by it.
#[must_use]
pub fn contract() -> String {
    let files = [
        include_str!("../../../docs/contract/account.yaml"),
        include_str!("../../../docs/contract/profile.yaml"),
        include_str!("../../../docs/contract/registry.yaml"),
        include_str!("../../../docs/contract/billing.yaml"),
        include_str!("../../../docs/contract/notification.yaml"),
    ];
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.as_bytes());
    }
    let bytes = digest.finalize();
    bytes.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
