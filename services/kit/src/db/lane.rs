//! The way off the event loop: a bounded queue and a fixed number of named threads behind it.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::timing::{self, Timing};
use crate::error::{Busy, Error};

/// What becomes of a job when its turn comes.
pub(crate) enum Turn {
    /// It runs, after so long a wait.
    Run(Duration),
    /// It waited too long: its answer would come too late.
    Late,
}

/// What is done in one turn.
pub(crate) type Run = Box<dyn FnOnce(Turn) + Send>;

struct Job {
    queued: Instant,
    run: Run,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
    /// Threads that wait for a job: where none waits, none is woken, which saves a system call.
    idle: usize,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
    max: usize,
    patience: Duration,
    /// Requests that wait in a batch, less the turns that are queued for them.
    elsewhere: AtomicIsize,
}

impl Shared {
    /// No code that can panic runs under this lock, so the queue in a poisoned one is complete.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut queue = self.lock();
            let job = loop {
                match queue.jobs.pop_front() {
                    Some(job) => break job,
                    None if queue.closed => return,
                    None => {
                        queue.idle += 1;
                        queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
                        queue.idle -= 1;
                    }
                }
            };
            drop(queue);
            let waited = job.queued.elapsed();
            (job.run)(if waited > self.patience { Turn::Late } else { Turn::Run(waited) });
        }
    }
}

/// A bounded queue with its threads: one for reads, one for writes.
#[derive(Clone)]
pub struct Lane {
    shared: Arc<Shared>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

/// The two ways to the database.
#[derive(Clone)]
pub(crate) struct Lanes {
    pub read: Lane,
    pub write: Lane,
}

impl Lane {
    /// Starts `threads` threads named `name-1`, … A job that waited longer than `patience` is refused when its turn comes.
    pub(crate) fn start(name: &str, threads: u32, max: usize, patience: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            ready: Condvar::new(),
            max,
            patience,
            elsewhere: AtomicIsize::new(0),
        });
        let threads = (1..=threads)
            .map(|number| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("{name}-{number}")).spawn(move || shared.work())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { shared, threads: Arc::new(Mutex::new(threads)) })
    }

    /// Runs `work` on one of the threads. A full queue is a 503 at once; a panic is a 500 and costs no thread.
    ///
    /// The job is queued by the call, not by the first poll. If the future is dropped before the job's turn it never runs.
    pub fn run<T, F>(&self, work: F) -> impl Future<Output = (Result<T, Error>, Timing)> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Error> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let queued = self.push(Box::new(move |turn| {
            if sender.is_closed() {
                return;
            }
            let outcome = perform(turn, work);
            // Nobody waits any more: the answer is dropped.
            let _ = sender.send(outcome);
        }));
        async move {
            if !queued {
                return (Err(Error::Busy(Busy::Queue)), Timing::default());
            }
            // A job that was thrown away at shutdown.
            answer.await.unwrap_or((Err(Error::Busy(Busy::Queue)), Timing::default()))
        }
    }

    /// Runs `work` at some time; nobody gets its result. False if the queue is full.
    pub(crate) fn detach(&self, work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> bool {
        self.push(Box::new(move |turn| {
            if let (Err(error), _) = perform(turn, work) {
                tracing::debug!(error = %error, "work that nobody waits for failed");
            }
        }))
    }

    /// Queues a job; false if the queue is full or closed.
    pub(crate) fn push(&self, run: Run) -> bool {
        self.push_within(self.shared.max, run)
    }

    /// Queues the rest of a job behind all others, even where the queue is full; false if it is closed.
    pub(crate) fn push_rest(&self, run: Run) -> bool {
        self.push_within(usize::MAX, run)
    }

    fn push_within(&self, max: usize, run: Run) -> bool {
        let mut queue = self.shared.lock();
        if queue.closed || queue.jobs.len() >= max {
            return false;
        }
        queue.jobs.push_back(Job { queued: Instant::now(), run });
        let wake = queue.idle > 0;
        drop(queue);
        if wake {
            self.shared.ready.notify_one();
        }
        true
    }

    /// Requests that wait now.
    pub(crate) fn depth(&self) -> usize {
        let elsewhere = self.shared.elsewhere.load(Ordering::Relaxed);
        self.shared.lock().jobs.len().saturating_add_signed(elsewhere)
    }

    /// So many more requests wait for this lane's threads elsewhere than in its queue.
    pub(crate) fn waits_elsewhere(&self, more: isize) {
        self.shared.elsewhere.fetch_add(more, Ordering::Relaxed);
    }

    /// How many requests may wait.
    pub(crate) fn max(&self) -> usize {
        self.shared.max
    }

    /// How long a request may wait for a thread.
    pub(crate) fn patience(&self) -> Duration {
        self.shared.patience
    }

    /// Takes no more jobs, finishes what is queued, and waits for the threads until `deadline`.
    pub(crate) fn close(&self, deadline: Instant) {
        self.shared.lock().closed = true;
        self.shared.ready.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            if thread.is_finished() {
                // Its panic, if any, was caught and logged in the job.
                let _ = thread.join();
            }
        }
    }
}

/// Does a turn's work on this thread, and counts where its time went. A panic is an error.
pub(crate) fn perform<T>(turn: Turn, work: impl FnOnce() -> Result<T, Error>) -> (Result<T, Error>, Timing) {
    let Turn::Run(queue) = turn else {
        return (Err(Error::Busy(Busy::Queue)), Timing::default());
    };
    timing::start();
    // What the closure owned is gone with it, and a connection it held is dropped by the pool: nothing half done is seen.
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::internal(message(&*panic))));
    (result, Timing { queue, ..timing::end() })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!("panic: {text}")
}

#[cfg(test)]
mod tests;
