//! What requests are made of: where the services are, which rows there are, and what was written meanwhile.

use std::sync::Arc;

use crate::Failure;
use crate::data::Dataset;
use crate::load::writes::Written;

/// A filled system under load: a deployment of ours, or somebody else's.
pub trait Site {
    /// Base URL of a service.
    ///
    /// # Errors
    /// When the service isn't found.
    fn url(&self, service: &str) -> Result<&str, Failure>;
    /// Which id each ordinal of a schedule has, and what opens it.
    fn data(&self) -> &Arc<Dataset>;
    /// What was changed since the data was put there.
    fn written(&self) -> &Arc<Written>;
    /// Another number each time, for what must be new in each cell.
    fn salt(&self) -> u32;
}
