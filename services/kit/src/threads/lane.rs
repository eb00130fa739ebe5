//! A bounded queue and a fixed number of named threads behind it: the way off the event loop, to whatever must be waited for.
//!
//! Whoever waits here is answered in time, whatever the thread does: after the lane's patience by a timer of the event
//! loop's own while the job hasn't begun; and once its thread hangs. Such a thread is written off: another takes its place,
//! and it ends as soon as it moves again. At most as many as the lane has threads are written off at a time.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::activity::{self, Activity};
use super::queue::{Job, LaneOptions, Shared, join};
use super::timing::Timing;
use super::turn::{Fate, Run, answered, perform};
use crate::error::{Busy, Error};

/// A bounded queue with its threads; they end with [`crate::Threads`].
#[derive(Clone)]
pub struct Lane(Arc<Shared>);

/// The two ways to the database.
#[derive(Clone)]
pub(crate) struct Lanes {
    pub read: Lane,
    pub write: Lane,
}

impl Lane {
    pub(crate) fn start(options: LaneOptions) -> std::io::Result<Self> {
        Ok(Self(Shared::start(options)?))
    }

    /// Runs `work` on one of the threads. A full queue is a 503 at once, a queue that doesn't move one after the lane's
    /// patience, a thread that hangs one after its limit; a panic is a 500 and costs no thread.
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
        let lane = self.clone();
        async move {
            let answered = match queued {
                Some(number) => answered(answer, lane.patience(), || lane.fate(number)).await,
                None => Err(Busy::Queue),
            };
            answered.unwrap_or_else(|busy| (Err(Error::Busy(busy)), Timing::default()))
        }
    }

    /// Runs `work` at some time; nobody gets its result. False if the queue is full.
    pub(crate) fn detach(&self, work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> bool {
        let run = move |turn| {
            if let (Err(error), _) = perform(turn, work) {
                tracing::debug!(error = %error, "work that nobody waits for failed");
            }
        };
        self.push(Box::new(run)).is_some()
    }

    /// Queues a job; its number, or none if the queue is full or closed.
    pub(crate) fn push(&self, run: Run) -> Option<u64> {
        self.push_within(self.0.options.max, run)
    }

    /// Queues the rest of a job behind all others, even where the queue is full; none if it is closed.
    pub(crate) fn push_rest(&self, run: Run) -> Option<u64> {
        self.push_within(usize::MAX, run)
    }

    fn push_within(&self, max: usize, run: Run) -> Option<u64> {
        let mut queue = self.0.lock();
        if queue.closed || queue.jobs.len() >= max {
            return None;
        }
        queue.jobs.push_back(Job { queued: Instant::now(), run });
        let number = queue.taken + u64::try_from(queue.jobs.len()).unwrap_or_default();
        let wake = queue.idle > 0;
        drop(queue);
        if wake {
            self.0.ready.notify_one();
        }
        Some(number)
    }

    fn fate(&self, number: u64) -> Fate {
        if number > self.0.taken.load(Ordering::Acquire) {
            return Fate::Waiting;
        }
        let workers = self.0.workers();
        let at = workers.iter().find(|worker| worker.activity.job() == number);
        if at.is_some_and(|worker| self.hangs(&worker.activity)) { Fate::Lost } else { Fate::Running }
    }

    /// Past its limit, or with a statement at a server that answers nobody.
    pub(crate) fn hangs(&self, activity: &Activity) -> bool {
        activity.is_written_off()
            || activity.overdue(activity::now())
            || activity.statement_since().is_some()
                && self.0.options.answering.as_ref().is_some_and(|answering| answering.is_away())
    }

    /// Requests that wait now.
    pub(crate) fn depth(&self) -> usize {
        let elsewhere = self.0.elsewhere.load(Ordering::Relaxed);
        self.0.lock().jobs.len().saturating_add_signed(elsewhere)
    }

    /// So many more requests wait for this lane's threads elsewhere than in its queue.
    pub(crate) fn waits_elsewhere(&self, more: isize) {
        self.0.elsewhere.fetch_add(more, Ordering::Relaxed);
    }

    /// How many requests may wait.
    pub(crate) fn max(&self) -> usize {
        self.0.options.max
    }

    /// How long a request may wait for a thread.
    pub(crate) fn patience(&self) -> Duration {
        self.0.options.patience
    }

    /// Since when its oldest statement runs.
    pub(super) fn statement_since(&self) -> Option<u64> {
        self.0.workers().iter().filter_map(|worker| worker.activity.statement_since()).min()
    }

    /// Its name, the threads that were written off, and the panics that were caught.
    pub(super) fn state(&self) -> (&str, usize, u64) {
        let lost = self.0.workers().iter().filter(|worker| worker.activity.is_written_off()).count();
        (&self.0.options.name, lost, self.0.restarts.load(Ordering::Relaxed))
    }

    #[cfg(feature = "testing")]
    pub(super) fn plant_panic(&self) {
        self.0.planted.store(true, Ordering::SeqCst);
    }

    /// Puts others in the place of threads that hang. How many do, with the database.
    pub(super) fn watch(&self) -> usize {
        let now = activity::now();
        let size = usize::try_from(self.0.options.threads).unwrap_or(usize::MAX);
        let mut workers = self.0.workers();
        workers.retain(|worker| !(worker.activity.is_written_off() && worker.thread.is_finished()));
        let mut places = (2 * size).saturating_sub(workers.len());
        let mut new = Vec::new();
        for worker in workers.iter().filter(|worker| !worker.activity.is_written_off() && worker.activity.overdue(now))
        {
            if places == 0 {
                break;
            }
            match self.0.worker() {
                Ok(another) => {
                    tracing::warn!(thread = worker.thread.thread().name(), "a thread hangs; another takes its place");
                    worker.activity.write_off();
                    new.push(another);
                    places -= 1;
                }
                Err(error) => tracing::error!(%error, "no thread in the place of one that hangs"),
            }
        }
        workers.append(&mut new);
        let lost = workers.iter().filter(|worker| worker.activity.is_written_off()).count();
        if self.0.options.answering.is_some() { lost } else { 0 }
    }

    /// Takes no more jobs, finishes what is queued, and waits for the threads until `deadline`, those that hang left out.
    pub(crate) fn close(&self, deadline: Instant) {
        self.0.lock().closed = true;
        self.0.ready.notify_all();
        let workers = std::mem::take(&mut *self.0.workers());
        for worker in workers.into_iter().filter(|worker| !self.hangs(&worker.activity)) {
            join(worker.thread, deadline);
        }
    }
}

#[cfg(test)]
mod tests;
