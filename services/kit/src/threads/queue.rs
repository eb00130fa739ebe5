//! The queue of a lane, and the threads that take from it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::activity::Activity;
use super::answering::Answering;
use super::turn::{Run, Turn, message};

pub(super) struct Job {
    pub queued: Instant,
    pub run: Run,
}

#[derive(Default)]
pub(super) struct Queue {
    pub jobs: VecDeque<Job>,
    pub closed: bool,
    /// Jobs ever taken from it: those that wait have the numbers after that.
    pub taken: u64,
    /// Threads that wait for a job: where none waits, none is woken, which saves a system call.
    pub idle: usize,
}

pub(super) struct Worker {
    pub activity: Arc<Activity>,
    pub thread: JoinHandle<()>,
}

/// What a lane is made with.
pub(crate) struct LaneOptions {
    /// Its threads are `name-1`, …
    pub name: String,
    pub threads: u32,
    /// Jobs that may wait.
    pub max: usize,
    /// How long one may wait.
    pub patience: Duration,
    /// How long one may run, where that is the same for all; statements of the database have limits of their own.
    pub limit: Option<Duration>,
    /// The database that its jobs ask.
    pub answering: Option<Arc<Answering>>,
}

/// A queue with its threads.
pub(super) struct Shared {
    pub options: LaneOptions,
    queue: Mutex<Queue>,
    pub ready: Condvar,
    /// [`Queue::taken`], to be read without the lock.
    pub taken: AtomicU64,
    workers: Mutex<Vec<Worker>>,
    /// Threads ever started, for their names.
    started: AtomicU64,
    /// Panics that would have ended a thread.
    pub restarts: AtomicU64,
    /// A test wants the next job's thread to panic.
    pub planted: AtomicBool,
    /// Requests that wait in a batch, less the turns that are queued for them.
    pub elsewhere: AtomicIsize,
}

impl Shared {
    pub fn start(options: LaneOptions) -> std::io::Result<Arc<Self>> {
        let threads = options.threads;
        let shared = Arc::new(Self {
            options,
            queue: Mutex::default(),
            ready: Condvar::new(),
            taken: AtomicU64::new(0),
            workers: Mutex::default(),
            started: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            planted: AtomicBool::new(false),
            elsewhere: AtomicIsize::new(0),
        });
        for _ in 0..threads {
            let worker = shared.worker()?;
            shared.workers().push(worker);
        }
        Ok(shared)
    }

    /// No code that can panic runs under this lock, so the queue in a poisoned one is complete.
    pub fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Likewise.
    pub fn workers(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more thread.
    pub fn worker(self: &Arc<Self>) -> std::io::Result<Worker> {
        let (shared, activity) = (Arc::clone(self), Arc::<Activity>::default());
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let own = Arc::clone(&activity);
        let work = move || {
            own.adopt();
            while let Err(panic) = catch_unwind(AssertUnwindSafe(|| shared.work(&own))) {
                own.end();
                shared.restarts.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    thread = std::thread::current().name(),
                    error = message(&*panic),
                    "panicked; it goes on"
                );
            }
        };
        let thread = std::thread::Builder::new().name(format!("{}-{number}", self.options.name)).spawn(work)?;
        Ok(Worker { activity, thread })
    }

    fn work(&self, activity: &Activity) {
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
            queue.taken += 1;
            // Before others can see that it is taken.
            activity.begin(queue.taken, self.options.limit);
            self.taken.store(queue.taken, Ordering::Release);
            drop(queue);
            if cfg!(feature = "testing") && self.planted.swap(false, Ordering::SeqCst) {
                std::panic::panic_any("planted by a test".to_owned());
            }
            let waited = job.queued.elapsed();
            (job.run)(if waited > self.options.patience { Turn::Late } else { Turn::Run(waited) });
            activity.end();
            if activity.is_written_off() {
                return;
            }
        }
    }
}

/// Waits for a thread, until `deadline`.
pub(super) fn join(thread: JoinHandle<()>, deadline: Instant) {
    while !thread.is_finished() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    if thread.is_finished() {
        // Its panics, if any, were caught and logged.
        let _ = thread.join();
    }
}
