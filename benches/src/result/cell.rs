//! What one cell of one replicate measured.

use std::collections::BTreeMap;

use schema::blame::Entry as LedgerEntry;
use serde::{Deserialize, Serialize};

use super::warning::{self, Warning};
use crate::design::Cell;
use crate::load::driver::{Outcome, ServiceRecord};
use crate::stats::{Histogram, MalformedHistogram};

/// Party that is the lab's own load driver.
pub const DRIVER: &str = "driver";

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
    /// Whether it counts: a suspect cell that was run again doesn't, the one in its place does, whatever became of it.
    pub valid: bool,
    /// Why the measurement is suspect; empty where it isn't.
    #[serde(alias = "doubts", deserialize_with = "warning::read")]
    pub warnings: Vec<Warning>,
    /// By service.
    pub services: Vec<ServiceResult>,
    /// By role, reader and writer folded to the service; empty for a black box.
    pub roles: BTreeMap<String, RoleCost>,
    /// Who waited for whom.
    pub ledger: LedgerResult,
    /// CPU of the observers, share of one core; 0 where nobody observed.
    pub observer_cpu: f64,
    /// CPU of the driver, share of one core.
    pub driver_cpu: f64,
    /// CPU that neither Postgres, nor services, driver or observers used, share of one core.
    pub foreign_cpu: f64,
    /// How long the rounds of the control workload took, as `response` of a service; none where it didn't run.
    #[serde(default, alias = "bystander", skip_serializing_if = "Option::is_none")]
    pub control_workload: Option<String>,
}

/// The lock ledger of a cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerResult {
    /// Lines, largest first.
    pub entries: Vec<LedgerEntry>,
    /// Estimated seconds of waits too short to be observed, attributed to nobody.
    pub short_wait_remainder_s: f64,
    /// Average active sessions by role and wait class (`CPU` where none, `WAL` for every wait for the log): mean number over
    /// the cell.
    pub activity: BTreeMap<String, BTreeMap<String, f64>>,
    /// The same second by second.
    pub timeline: Vec<BTreeMap<String, BTreeMap<String, f64>>>,
    /// Waits for shared resources, split over all who used them at the time: a model, not an observation.
    pub apportioned: Vec<Apportioned>,
    /// Samples of the lock loop.
    pub samples: u64,
}

/// A shared resource, which is waited for without anybody holding it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Resource {
    /// A processor; split by seconds on one.
    #[default]
    RunQueue,
    /// Data files and buffers; split by buffers read and dirtied.
    DataIo,
    /// The write-ahead log; split by bytes written to it.
    Wal,
    /// A lightweight lock, whose holder no released Postgres tells; split by seconds on a processor.
    LightweightLock,
}

/// Seconds that one party waited for a resource while another one used it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Apportioned {
    /// A service (its process and its backends), `driver` or `background`.
    pub waiting: String,
    /// Likewise, or `others`, or `unknown` where no user was observed; the waiting one itself where that is its own
    /// doing.
    pub blamed: String,
    /// For what.
    #[serde(default)]
    pub resource: Resource,
    /// How long.
    pub seconds: f64,
}

impl Resource {
    /// As people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RunQueue => "a processor",
            Self::DataIo => "data files",
            Self::Wal => "the write-ahead log",
            Self::LightweightLock => "a lightweight lock",
        }
    }
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
    /// Buffers dirtied.
    #[serde(default)]
    pub blocks_dirtied: i64,
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
    /// Requests of the whole cell, its first moments included: what `roles` and `ledger` cover.
    #[serde(default)]
    pub driven: u64,
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
    /// Requests without an answer at the end of each second of the measured part, the shed and timed out ones included.
    #[serde(default)]
    pub backlog: Vec<u64>,
    /// In flight at the most.
    pub in_flight_max: usize,
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
            driven: record.driven,
            measured_s: record.measured_s,
            response: record.response.iter().map(|(outcome, histogram)| (*outcome, histogram.encode())).collect(),
            lag: record.lag.encode(),
            service_time: record.service_time.encode(),
            server_timing_ms: (timing.answers > 0)
                .then(|| [timing.queue_ms, timing.pool_ms, timing.db_ms, timing.app_ms].map(per_answer)),
            backlog: record.backlog.clone(),
            in_flight_max: record.in_flight_max,
        }
    }

    /// All response times in one histogram; failures stand in it at `censored_us` or where they ended if that was later,
    /// however quickly they came: a failure is never faster than a late good answer.
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
                all.add_at_least(&histogram, censored_us);
            }
        }
        Ok(all)
    }

    /// The same counted from when each request was really sent, so without the driver's own lateness; what was never answered
    /// stands in it at `censored_us`.
    ///
    /// # Errors
    /// [`MalformedHistogram`].
    pub fn in_time(&self, censored_us: u64) -> Result<Histogram, MalformedHistogram> {
        let mut all = Histogram::decode(&self.service_time)?;
        let unanswered = self.responses(censored_us)?.count().saturating_sub(all.count());
        (0..unanswered).for_each(|_| all.record_us(censored_us));
        Ok(all)
    }

    /// Mean response time of the good answers in milliseconds; `None` without one.
    ///
    /// # Errors
    /// [`MalformedHistogram`].
    pub fn good_mean_ms(&self) -> Result<Option<f64>, MalformedHistogram> {
        let mut good = Histogram::new();
        for (_, text) in self.response.iter().filter(|(outcome, _)| outcome.is_good()) {
            good.add(&Histogram::decode(text)?);
        }
        Ok(good.mean_us().map(|us| us / 1000.0))
    }

    /// Good answers, of all offered.
    ///
    /// # Errors
    /// [`MalformedHistogram`].
    pub fn good(&self) -> Result<u64, MalformedHistogram> {
        let mut good = 0;
        for (_, text) in self.response.iter().filter(|(outcome, _)| outcome.is_good()) {
            good += Histogram::decode(text)?.count();
        }
        Ok(good)
    }
}
