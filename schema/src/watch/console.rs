//! What a page may offer besides: a load and harms, where whoever serves it has them (`lab up`).

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};

/// How often a page is told its state.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// What is behind the page's part `lab`. None of it may block: one thread serves all pages.
pub trait Console: Send + Sync {
    /// Its state as JSON: what `console.js` shows.
    fn state(&self) -> String;
    /// Does what a page asks for, as JSON.
    ///
    /// # Errors
    /// A sentence that says why not.
    fn order(&self, order: &str) -> Result<(), String>;
    /// A page was opened.
    fn opened(&self);
    /// A page is gone.
    fn closed(&self);
}

/// An open page.
struct Open(Arc<dyn Console>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed();
    }
}

/// Its state at once and then again and again, as an event `console`, while the page is open.
pub(super) fn events(console: Arc<dyn Console>) -> impl Stream<Item = actix_web::Result<Bytes>> {
    console.opened();
    stream::unfold((Open(console), true), |(open, first)| async move {
        if !first {
            tokio::time::sleep(TOLD_EVERY).await;
        }
        let event = format!("event: console\ndata: {}\n\n", open.0.state());
        Some((Ok(Bytes::from(event)), (open, false)))
    })
}
