//! What a run was made on and with: machine, server, load, freshness, and the lab's own tests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
