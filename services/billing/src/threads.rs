//! Threads for what a request waits for outside: never the event loop's, never the database's.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use kit::Error;
use kit::error::Busy;
use tokio::sync::oneshot;

type Job<T> = Box<dyn FnOnce(&T) + Send>;

/// A bounded queue with its threads, which all ask one `T`; they end with it.
pub struct Threads<T> {
    queue: SyncSender<Job<T>>,
}

impl<T: Send + Sync + 'static> Threads<T> {
    /// Starts `count` threads, `name-1` and so on, that ask `whom`; at most `waiting` questions wait.
    pub fn start(name: &str, whom: &Arc<T>, count: usize, waiting: usize) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel::<Job<T>>(waiting);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 1..=count {
            let (whom, jobs) = (Arc::clone(whom), Arc::clone(&jobs));
            std::thread::Builder::new().name(format!("{name}-{number}")).spawn(move || {
                // Nothing runs under the lock but the wait itself.
                let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok(job) = next() {
                    job(&whom);
                }
            })?;
        }
        Ok(Self { queue })
    }

    /// Asks; 503 at once where too many wait already. Asked even if nobody waits for the answer any more.
    pub async fn ask<A: Send + 'static>(&self, ask: impl FnOnce(&T) -> A + Send + 'static) -> Result<A, Error> {
        let (sender, answer) = oneshot::channel();
        let job: Job<T> = Box::new(move |whom| drop(sender.send(ask(whom))));
        self.queue.try_send(job).map_err(|_| Error::Busy(Busy::Queue))?;
        answer.await.map_err(|_| Error::internal("a thread panicked while it asked for a request"))
    }
}
