//! Shapes of `result.json`, schema version 1. `benches/result.schema.json` says the same as JSON Schema.

use std::collections::BTreeMap;
use std::path::Path;

use schema::blame::Entry as LedgerEntry;
use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use crate::driver::{Outcome, ServiceRecord};
use crate::experiment::{Cell, Preset};
use crate::schedule::Workload;
use crate::stats::{Histogram, MalformedHistogram};

/// Version of the shapes in this file.
pub const SCHEMA_VERSION: u32 = 1;

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
    /// Who was under load, and how much.
    pub services: Vec<ServiceInfo>,
    /// Every cell of every replicate, in the order they ran.
    pub cells: Vec<CellResult>,
    /// Derived from `cells` alone: `lab analyse` gives it again, to the digit.
    pub matrix: Option<Matrix>,
    /// Violations of what must always hold, by name, counted in the database after the run. All expected 0.
    pub correctness: BTreeMap<String, i64>,
    /// What the lab's own tests said on this machine.
    pub selftest: Vec<SelfTest>,
    /// When they said so, RFC 3339; null where they were never run here.
    pub selftest_at: Option<String>,
    /// How soon one service's change takes effect in another one, nobody else at work.
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
    /// Requests per statement at the most: 1 unless said.
    pub batch_max: u32,
    /// SHA-256 over the schedules' ordinals.
    pub workload_hash: String,
    /// What was typed.
    pub command: String,
    /// Whether every cell was run.
    pub complete: bool,
    /// Whether the services were built for load.
    pub optimised: bool,
    /// Doubted blocks that were run again.
    pub reruns: u64,
    /// How often the run was resumed after it had ended early.
    pub resumed: u64,
    /// What was asked for.
    pub workload: Workload,
}

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
    /// Share of each endpoint.
    pub endpoints: BTreeMap<String, f64>,
}

/// One cell of one replicate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CellResult {
    /// Which arrangement.
    pub cell: Cell,
    /// From 0.
    pub replicate: usize,
    /// Place in the replicate, from 0.
    pub order: usize,
    /// Seconds since the run's start.
    pub started_s: f64,
    /// Whether it counts: a doubted block that was run again doesn't, the one in its place does, whatever became of it.
    pub valid: bool,
    /// Gates that it didn't pass.
    pub doubts: Vec<String>,
    /// By service.
    pub services: Vec<ServiceResult>,
    /// By role, reader and writer folded to the service; empty for a black box.
    pub roles: BTreeMap<String, RoleCost>,
    /// Who waited for whom.
    pub ledger: LedgerResult,
    /// CPU of the observers, share of one core.
    pub observer_cpu: f64,
    /// CPU of the driver, share of one core.
    pub driver_cpu: f64,
    /// CPU that neither Postgres, nor services, driver or observers used, share of one core.
    pub foreign_cpu: f64,
}

/// The lock ledger of a cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerResult {
    /// Lines, largest first.
    pub entries: Vec<LedgerEntry>,
    /// Estimated seconds of waits too short to be seen, of nobody in particular.
    pub short_wait_remainder_s: f64,
    /// Average active sessions by role and wait class (`cpu` where none): mean number over the cell.
    pub activity: BTreeMap<String, BTreeMap<String, f64>>,
    /// The same second by second.
    pub timeline: Vec<BTreeMap<String, BTreeMap<String, f64>>>,
    /// Waiting for a processor, split over everybody who used one at the time: a model, not an observation.
    pub apportioned: Vec<Apportioned>,
    /// Samples of the lock loop.
    pub samples: u64,
}

/// Seconds that one party waited in the run queue while another one used the processors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Apportioned {
    /// A service (its process and its backends), `driver` or `background`.
    pub waiting: String,
    /// Likewise, or `others`; the waiting one itself where that is its own doing.
    pub blamed: String,
    /// How long.
    pub seconds: f64,
}

/// What a role cost the machine in a cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleCost {
    /// Seconds its backends were on a processor.
    pub cpu_s: f64,
    /// Seconds its backends were ready and waited for a processor.
    pub run_queue_s: f64,
    /// Seconds the service's own process was on a processor.
    pub process_cpu_s: f64,
    /// Seconds its threads were ready and waited for one.
    pub process_run_queue_s: f64,
    /// Statements.
    pub calls: i64,
    /// Milliseconds in them.
    pub exec_ms: f64,
    /// Buffers found in shared memory.
    pub blocks_hit: i64,
    /// Buffers read from the system.
    pub blocks_read: i64,
    /// Bytes of write-ahead log.
    pub wal_bytes: f64,
}

/// One service in one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceResult {
    /// Its name.
    pub name: String,
    /// Requests intended in the measured part.
    pub offered: u64,
    /// Seconds of the measured part.
    pub measured_s: f64,
    /// Response time by outcome: HDR V2, deflated, base64; microseconds.
    pub response: BTreeMap<Outcome, String>,
    /// Sent − intended, likewise.
    pub lag: String,
    /// Done − sent, likewise.
    pub service_time: String,
    /// Mean milliseconds per answer the service reported for queue, pool, db, app.
    pub server_timing_ms: Option<[f64; 4]>,
    /// In flight at the most.
    pub in_flight_max: usize,
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
    #[error("{path} is no result of schema version {SCHEMA_VERSION}: {source}")]
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
    /// Whether the matrix in the file is this one to the digit. Both are compared as the file writes them, for reading a
    /// decimal back may move the last bit of a number.
    #[must_use]
    pub fn holds(&self, computed: &Matrix) -> bool {
        let read_back = serde_json::to_string(computed)
            .ok()
            .and_then(|text| serde_json::from_str::<Matrix>(&text).ok());
        self.matrix == read_back
    }

    /// The blocks that count.
    pub fn counted(&self) -> impl Iterator<Item = &CellResult> {
        self.cells.iter().filter(|cell| cell.valid)
    }

    /// Reads and checks one.
    ///
    /// # Errors
    /// [`MalformedResult`], which names the file and the place.
    pub fn read(path: &Path) -> Result<Self, MalformedResult> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| MalformedResult::Read {
            path: name.clone(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|source| MalformedResult::Shape { path: name, source })
    }

    /// Writes it whole or not at all: a reader, or a kill, never meets half a file.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let beside = path.with_extension("json.new");
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        std::fs::write(&beside, text)?;
        std::fs::rename(&beside, path)
    }
}

impl ServiceResult {
    /// Stores what the driver recorded.
    #[must_use]
    pub fn new(record: &ServiceRecord) -> Self {
        let timing = record.server_timing;
        let per_answer = |sum: f64| sum / timing.answers as f64;
        Self {
            name: record.service.clone(),
            offered: record.offered,
            measured_s: record.measured_s,
            response: record
                .response
                .iter()
                .map(|(outcome, histogram)| (*outcome, histogram.encode()))
                .collect(),
            lag: record.lag.encode(),
            service_time: record.service_time.encode(),
            server_timing_ms: (timing.answers > 0).then(|| {
                [timing.queue_ms, timing.pool_ms, timing.db_ms, timing.app_ms].map(per_answer)
            }),
            in_flight_max: record.in_flight_max,
        }
    }

    /// All response times in one histogram; failures stand in it at `censored_us`, however quickly they came.
    ///
    /// # Errors
    /// [`MalformedHistogram`].
    pub fn responses(&self, censored_us: u64) -> Result<Histogram, MalformedHistogram> {
        let mut all = Histogram::new();
        for (outcome, text) in &self.response {
            let histogram = Histogram::decode(text)?;
            if outcome.is_good() {
                all.add(&histogram);
            } else {
                (0..histogram.count()).for_each(|_| all.record_us(censored_us));
            }
        }
        Ok(all)
    }

    /// Good answers, of all offered.
    ///
    /// # Errors
    /// [`MalformedHistogram`].
    pub fn good(&self) -> Result<u64, MalformedHistogram> {
        let mut good = 0;
        for (_, text) in self
            .response
            .iter()
            .filter(|(outcome, _)| outcome.is_good())
        {
            good += Histogram::decode(text)?.count();
        }
        Ok(good)
    }
}
