//! Another team's system, filled, as the lab drives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::Failure;
use crate::data::Dataset;
use crate::load::writes::Written;
use crate::system::Site;
use crate::target::{Loaded, TargetFile};

/// A filled target.
pub(super) struct Foreign {
    pub(super) target: TargetFile,
    pub(super) loaded: Loaded,
    pub(super) data: Arc<Dataset>,
    pub(super) signed_in: Instant,
    pub(super) written: Arc<Written>,
    pub(super) salts: AtomicU32,
}

impl Site for Foreign {
    fn url(&self, service: &str) -> Result<&str, Failure> {
        let url = self.target.services.get(service).map(String::as_str);
        url.ok_or_else(|| Failure::usage(format!("The target names no {service}.")))
    }

    fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    fn written(&self) -> &Arc<Written> {
        &self.written
    }

    fn salt(&self) -> u32 {
        self.salts.fetch_add(1, Ordering::Relaxed)
    }
}
