//! Threads on which the provider is asked for requests: never the event loop's, never the database's.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use kit::Error;
use kit::error::Busy;
use tokio::sync::oneshot;

use super::Provider;

type Job = Box<dyn FnOnce(&Provider) + Send>;

/// A bounded queue with its threads; they end with it.
pub struct Threads {
    queue: SyncSender<Job>,
}

impl Threads {
    /// Starts `count` threads that ask `provider`; at most `waiting` questions wait.
    pub fn start(provider: &Arc<Provider>, count: usize, waiting: usize) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 1..=count {
            let (provider, jobs) = (Arc::clone(provider), Arc::clone(&jobs));
            std::thread::Builder::new().name(format!("provider-{number}")).spawn(move || {
                while let Some(job) = next(&jobs) {
                    job(&provider);
                }
            })?;
        }
        Ok(Self { queue })
    }

    /// Asks; 503 at once where too many wait already. Asked even if nobody waits for the answer any more.
    pub async fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&Provider) -> T + Send + 'static) -> Result<T, Error> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |provider| drop(tell.send(ask(provider))));
        self.queue.try_send(job).map_err(|_| Error::Busy(Busy::Queue))?;
        told.await.map_err(|_| Error::internal("a question to the payment provider was lost"))
    }
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    // Nothing runs under the lock but the wait itself.
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
