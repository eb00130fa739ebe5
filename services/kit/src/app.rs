//! What all parts of one running service share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::auth::Keys;
use crate::batch::Sharing;
use crate::clients::{Clients, Crowd, Limits};
use crate::db::{Db, Lane};
use crate::metrics::{Measured, Metrics};
use crate::{Clock, readable::Probe};

/// The two ways to the database.
#[derive(Clone)]
pub(crate) struct Lanes {
    pub read: Lane,
    pub write: Lane,
}

/// One running service.
pub(crate) struct App {
    pub name: &'static str,
    pub db: Db,
    pub lanes: Lanes,
    pub sharing: Sharing,
    pub clients: Clients,
    pub limits: Limits,
    pub crowd: Crowd,
    pub clock: Clock,
    pub keys: Arc<Keys>,
    pub metrics: Metrics,
    pub probes: Vec<Probe>,
    pub measured: Vec<Measured>,
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
