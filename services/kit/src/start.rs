//! What a service that starts is made of, and why one doesn't start.

use std::net::TcpListener;
use std::sync::Arc;

use crate::Routes;
use crate::app::App;

/// Why a service doesn't start; one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong: exit code 2. Names the variable.
    #[error("{0}")]
    Usage(String),
    /// The settings are right, but it can't run: exit code 3.
    #[error("{0}")]
    Failed(String),
}

impl StartError {
    /// `what`, because of `error`: the service can't run.
    pub(crate) fn failed(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }
}

/// A service that only has to be served.
pub(crate) struct Ready {
    pub app: Arc<App>,
    pub routes: Routes,
    pub listener: TcpListener,
    pub workers: usize,
}
