//! Threads for what a request waits for outside: never the event loop's, never the database's.

use std::sync::Arc;

use kit::{Error, Lane};

/// A lane whose jobs all ask one `T`.
pub struct Threads<T> {
    lane: Lane,
    whom: Arc<T>,
}

impl<T: Send + Sync + 'static> Threads<T> {
    /// On these threads.
    pub fn new(lane: Lane, whom: Arc<T>) -> Self {
        Self { lane, whom }
    }

    /// Asks; 503 where too many wait already, or it takes too long. Not asked if nobody waits for the answer any more.
    pub async fn ask<A: Send + 'static>(&self, ask: impl FnOnce(&T) -> A + Send + 'static) -> Result<A, Error> {
        let whom = Arc::clone(&self.whom);
        self.lane.run(move || Ok(ask(&whom))).await.0
    }
}
