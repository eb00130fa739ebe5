//! One service of the architecture: what its layer, its internal endpoints and its polls share.

use std::collections::HashMap;

use kit::Clock;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::credentials::{Guard, Issuer};
use crate::facts::Facts;
use crate::metrics::Metrics;
use crate::neighbour::Neighbour;
use crate::nouns::Noun;
use crate::sql::Sql;

/// One service.
pub struct Node {
    /// Its name.
    pub name: &'static str,
    /// Its copies of the others' nouns.
    pub facts: Facts,
    /// Its own views, for the others.
    pub reader: Sql,
    /// The others, by name.
    pub neighbours: HashMap<&'static str, Neighbour>,
    /// Who may ask at its internal endpoints.
    pub guard: Guard,
    /// Makes tokens: at Account alone.
    pub issuer: Option<Issuer>,
    /// Whose tokens are believed.
    pub jwt_issuer: String,
    /// Its clock.
    pub clock: Clock,
    /// No handler runs before its facts are there.
    pub in_sequence: bool,
    /// What is counted.
    pub metrics: Metrics,
}

impl Node {
    /// The neighbour that shows a noun.
    #[must_use]
    pub fn owner(&self, noun: &Noun) -> Option<&Neighbour> {
        self.neighbours.get(noun.owner)
    }
}

/// A thread with an event loop of its own, for connections and polls. It ends when this is dropped.
pub struct Background {
    /// Where to spawn.
    pub handle: Handle,
    _ends: oneshot::Sender<()>,
}

impl Background {
    /// Starts it.
    ///
    /// # Errors
    /// No thread, or no event loop, can be had.
    pub fn start(service: &str) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (ends, ended) = oneshot::channel::<()>();
        let handle = runtime.handle().clone();
        let name = format!("{service}-calls");
        std::thread::Builder::new().name(name).spawn(move || {
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { handle, _ends: ends })
    }
}
