//! What all parts of one running service share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::auth::Keys;
use crate::clients::{Clients, Connections, Limits};
use crate::db::Db;
use crate::metrics::{Measured, Metrics};
use crate::threads::{Lanes, Threads};
use crate::{Clock, readable::Probe};

/// How reads are shared in one service: [`crate::Batch`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sharing {
    /// Keys in one statement (`BATCH_MAX`); 1: none are shared.
    pub max: usize,
    /// Statements of one kind at a time. Few: while one runs, the next gathers.
    pub together: usize,
    /// Sends even a lone key as a statement of two: tests, which ask one at a time, so see the shared statement alone.
    pub always: bool,
}

/// One running service.
pub(crate) struct App {
    pub name: &'static str,
    pub db: Db,
    pub lanes: Lanes,
    pub threads: Threads,
    /// Whether it has a table `idempotency_keys`.
    pub keeps_answers: bool,
    pub sharing: Sharing,
    pub clients: Clients,
    pub limits: Limits,
    pub connections: Connections,
    pub clock: Clock,
    pub keys: Arc<Keys>,
    pub metrics: Metrics,
    pub probes: Vec<Probe>,
    pub measured: Vec<Measured>,
    pub registries: Vec<prometheus::Registry>,
    pub checks: Vec<Check>,
    pub openapi: String,
    pub docs: String,
    pub draining: AtomicBool,
    pub in_flight: AtomicUsize,
}

/// A readiness condition of the service's own: `Err` says what is wrong and what helps.
pub(crate) type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

impl App {
    /// Is the service stopping?
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}
