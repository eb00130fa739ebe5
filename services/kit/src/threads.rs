//! All threads of a service beside its event loops, under one supervisor: lanes (bounded queues with threads), threads that
//! work in the background, and the jobs by the clock.
//!
//! A panic is caught, logged, and the work begins again; a thread that hangs is replaced; and for each of them is known when
//! it last got something done: `/metrics` and `/readyz` tell.

mod activity;
mod answering;
mod lane;
mod progress;
mod queue;
mod timing;
mod turn;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

pub(crate) use activity::{Activity, statement_begins, statement_ended};
pub(crate) use answering::Answering;
pub use lane::Lane;
pub(crate) use lane::Lanes;
pub use progress::Progress;
pub(crate) use queue::LaneOptions;
pub use timing::{SessionId, Timing};
pub(crate) use timing::{add_db, add_pool};
pub(crate) use turn::{Fate, Run, Turn, answered, perform};

/// How often the watch looks.
const WATCH: Duration = Duration::from_millis(100);
/// The pause after a panic; after each further one with nothing done between them twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest one.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often somebody who waits looks whether the service is stopping.
const TICK: Duration = Duration::from_millis(10);

/// The supervisor.
#[derive(Clone)]
pub struct Threads(Arc<Inner>);

struct Inner {
    service: &'static str,
    stopping: Arc<AtomicBool>,
    answering: Arc<Answering>,
    lanes: Mutex<Vec<Lane>>,
    running: Mutex<Vec<JoinHandle<()>>>,
    /// Of background threads and of jobs.
    progress: Mutex<Vec<Arc<Progress>>>,
}

/// Nothing that can panic runs under these locks.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Threads {
    /// Of a service whose database is at `answering`.
    pub(crate) fn of(service: &'static str, answering: Arc<Answering>) -> std::io::Result<Self> {
        let inner = Arc::new(Inner {
            service,
            stopping: Arc::default(),
            answering,
            lanes: Mutex::default(),
            running: Mutex::default(),
            progress: Mutex::default(),
        });
        let own = Arc::downgrade(&inner);
        Builder::new().name(format!("{service}-watch")).spawn(move || watch(&own))?;
        Ok(Self(inner))
    }

    /// A supervisor without a service: for tests of one part.
    ///
    /// # Errors
    /// No thread can be started.
    #[cfg(feature = "testing")]
    pub fn alone() -> std::io::Result<Self> {
        Self::of("alone", Answering::at(String::new()))
    }

    /// A bounded queue with so many threads, for what is waited for outside of the database: at most `max` jobs wait, none
    /// for longer than `patience`, and one that takes longer than `limit` is given up.
    ///
    /// # Errors
    /// Threads can't be started.
    pub fn lane(
        &self,
        name: &str,
        threads: u32,
        max: usize,
        patience: Duration,
        limit: Duration,
    ) -> std::io::Result<Lane> {
        let name = name.to_owned();
        self.add(LaneOptions { name, threads, max, patience, limit: Some(limit), answering: None })
    }

    /// One of the two lanes to the database.
    pub(crate) fn database_lane(
        &self,
        kind: &str,
        threads: u32,
        max: usize,
        patience: Duration,
    ) -> std::io::Result<Lane> {
        let (name, answering) = (format!("{}-{kind}", self.0.service), Some(Arc::clone(&self.0.answering)));
        self.add(LaneOptions { name, threads, max, patience, limit: None, answering })
    }

    fn add(&self, options: LaneOptions) -> std::io::Result<Lane> {
        let lane = Lane::start(options)?;
        lock(&self.0.lanes).push(lane.clone());
        Ok(lane)
    }

    /// A thread that works in the background until the service stops: `work` returns then, and calls [`Progress::done`] for
    /// all it gets done. With nothing even tried for longer than `limit` the service isn't ready. After a panic `work` is
    /// called again, at once, and ever later where it gets nothing done in between.
    ///
    /// # Errors
    /// It can't be started.
    pub fn spawn(
        &self,
        name: impl Into<String>,
        limit: Duration,
        mut work: impl FnMut(&Progress) + Send + 'static,
    ) -> std::io::Result<Arc<Progress>> {
        let progress = self.progress(name.into(), limit);
        let own = Arc::clone(&progress);
        let thread = Builder::new().name(progress.name().to_owned()).spawn(move || supervise(&own, &mut work))?;
        lock(&self.0.running).push(thread);
        Ok(progress)
    }

    /// What a job gets done.
    pub(crate) fn progress(&self, name: String, limit: Duration) -> Arc<Progress> {
        let progress = Arc::new(Progress::new(name, limit, Arc::clone(&self.0.stopping)));
        lock(&self.0.progress).push(Arc::clone(&progress));
        progress
    }

    /// What doesn't get on, in words.
    pub(crate) fn stalled(&self) -> Vec<String> {
        lock(&self.0.progress).iter().filter_map(|one| one.stalled()).collect()
    }

    /// Each background thread and job: its name, since when it has got nothing done, and how often it panicked.
    pub(crate) fn background(&self) -> Vec<(String, Duration, u64)> {
        lock(&self.0.progress).iter().map(|one| (one.name().to_owned(), one.age(), one.restarts())).collect()
    }

    /// Each lane: its name, the threads that hang, and how often one panicked.
    pub(crate) fn lanes(&self) -> Vec<(String, usize, u64)> {
        let state = |lane: &Lane| {
            let (name, lost, restarts) = lane.state();
            (name.to_owned(), lost, restarts)
        };
        lock(&self.0.lanes).iter().map(state).collect()
    }

    /// Has the database answered anybody within this time?
    pub(crate) fn answered_within(&self, time: Duration) -> bool {
        self.0.answering.within(time)
    }

    /// Makes the thread, the job or one thread of the lane of this name panic the next time that it does something; false:
    /// there is none.
    #[cfg(feature = "testing")]
    pub(crate) fn plant_panic(&self, name: &str) -> bool {
        let lanes = lock(&self.0.lanes);
        let lanes: Vec<_> = lanes.iter().filter(|lane| lane.state().0 == name).collect();
        let background = lock(&self.0.progress);
        let background: Vec<_> = background.iter().filter(|one| one.name() == name).collect();
        lanes.iter().for_each(|lane| lane.plant_panic());
        background.iter().for_each(|one| one.plant(progress::PANIC));
        !lanes.is_empty() || !background.is_empty()
    }

    /// Makes the thread of this name hang the next time that it does something, or go on again.
    #[cfg(feature = "testing")]
    pub(crate) fn plant_stall(&self, name: &str, hangs: bool) {
        let what = if hangs { progress::STALL } else { progress::NOTHING };
        lock(&self.0.progress).iter().filter(|one| one.name() == name).for_each(|one| one.plant(what));
    }

    /// Ends all of them, and waits for it until `deadline`; those that hang are left.
    pub(crate) fn close(&self, deadline: Instant) {
        self.0.stopping.store(true, Ordering::SeqCst);
        for lane in lock(&self.0.lanes).iter() {
            lane.close(deadline);
        }
        for thread in std::mem::take(&mut *lock(&self.0.running)) {
            queue::join(thread, deadline);
        }
    }
}

impl Drop for Inner {
    /// Nobody can ask them any more; nobody waits for them either.
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        lock(&self.lanes).iter().for_each(|lane| lane.close(Instant::now()));
    }
}

fn supervise(progress: &Progress, work: &mut impl FnMut(&Progress)) {
    let mut pause = PAUSE;
    while !progress.stopping() {
        let before = progress.done_at();
        // What it owns is dropped on the way out of it, and it begins anew: nothing half done is seen.
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(progress))) else {
            return;
        };
        progress.panicked();
        tracing::error!(thread = progress.name(), error = turn::message(&*panic), "panicked; it begins again");
        pause = if progress.done_at() > before { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
        let until = Instant::now() + pause;
        while !progress.stopping() && Instant::now() < until {
            sleep(TICK);
        }
    }
}

/// Looks after lanes that hang, for as long as there are any.
fn watch(threads: &Weak<Inner>) {
    while let Some(threads) = threads.upgrade().filter(|threads| !threads.stopping.load(Ordering::SeqCst)) {
        let look = || {
            let lanes = lock(&threads.lanes).clone();
            threads.answering.set_lost(lanes.iter().map(Lane::watch).sum());
            threads.answering.look(lanes.iter().filter_map(Lane::statement_since).min());
        };
        if catch_unwind(AssertUnwindSafe(look)).is_err() {
            tracing::error!("the watch panicked; it goes on");
        }
        drop(threads);
        sleep(WATCH);
    }
}
