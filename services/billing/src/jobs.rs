//! The work by the clock: tokio-cron-scheduler wakes it every second, the instance that holds the lease does it.
//!
//! What is due is asked of the service's clock: on the 1st at 00:10 UTC that includes a new run, and moving the clock
//! moves everything. The work has a thread of its own, so that a month's charges don't keep requests from theirs. The lease is
//! kept by what the thread gets done: a stuck one loses it to another instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use chrono::{DateTime, Utc};
use kit::{Clock, Db, Error, Progress, Routes, Threads};
use uuid::Uuid;

use crate::store::leases;
use crate::work::{Pace, Work};

/// The thread's name.
const NAME: &str = "billing-work";
/// How often the thread looks whether the service is stopping.
const LOOK: Duration = Duration::from_millis(50);

/// The lease as this instance knows it.
struct Lease {
    db: Db,
    holder: Uuid,
    lease_ms: i64,
    held: AtomicBool,
}

impl Lease {
    /// Takes or keeps it. Not knowing counts as not having it.
    fn hold(&self) -> Result<bool, Error> {
        let result = self.db.write(|c| leases::hold(c, "work", self.holder, self.lease_ms));
        self.set(matches!(result, Ok(true)));
        result
    }

    fn set(&self, held: bool) {
        if self.held.swap(held, Ordering::SeqCst) != held {
            tracing::info!(held, "lease of the billing work");
        }
    }
}

struct Live<'a> {
    lease: &'a Lease,
    clock: &'a Clock,
    progress: &'a Progress,
}

impl Pace for Live<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn go_on(&self) -> bool {
        self.progress.done();
        self.lease.held.load(Ordering::SeqCst) && !self.progress.stopping()
    }
}

/// Starts the thread, and adds the job that keeps the lease and wakes it. `stuck`: with nothing done for longer, the lease is
/// left to another instance; more than one charge takes.
pub fn add(
    routes: Routes,
    threads: &Threads,
    db: Db,
    work: Work,
    clock: Clock,
    lease_ms: i64,
    stuck: Duration,
) -> std::io::Result<Routes> {
    let lease = Arc::new(Lease { db, holder: Uuid::now_v7(), lease_ms, held: AtomicBool::new(false) });
    let (wake, woken): (SyncSender<()>, _) = sync_channel(1);
    let own = Arc::clone(&lease);
    let progress = threads.spawn(NAME, stuck, move |progress| {
        // Without waiting for the first alarm: whoever takes over shouldn't lose another second.
        if let Err(error) = own.hold() {
            tracing::debug!(%error, "no lease yet");
        }
        run(&Live { lease: &own, clock: &clock, progress }, &work, &woken);
    })?;
    Ok(routes.job("* * * * * *", "billing-lease", move || {
        if progress.age() > stuck {
            lease.set(false);
            return Err(Error::internal(format!("{NAME} is stuck: its lease is left to another instance")));
        }
        if lease.hold()? {
            // Full: it is at work, or about to be.
            let _ = wake.try_send(());
        }
        Ok(())
    }))
}

fn run(live: &Live<'_>, work: &Work, woken: &Receiver<()>) {
    while !live.progress.stopping() {
        if live.go_on()
            && let Err(error) = work.tick(live)
        {
            tracing::warn!(%error, "the billing work stopped; the next turn goes on");
        }
        live.progress.waits();
        while !live.progress.stopping() {
            match woken.recv_timeout(LOOK) {
                Ok(()) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}
