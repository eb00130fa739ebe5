//! What requests are made of: where the services are, which rows there are, and what was written meanwhile.

use std::sync::Arc;
use std::time::Duration;

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

/// How long a request that is no load is waited for: longer than any service takes, and not for ever where one is paused.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// For requests that are no load.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(ANSWER_WITHIN)).build().new_agent()
}
