//! The work by the clock: tokio-cron-scheduler wakes it every second, the instance that holds the lease does it.
//!
//! What is due is asked of the service's clock: on the 1st at 00:10 UTC that includes a new run, and moving the clock
//! moves everything. The work has a thread of its own, so that a month's charges don't keep requests from theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use chrono::{DateTime, Utc};
use kit::{Clock, Db, Error, Routes};
use uuid::Uuid;

use crate::store::leases;
use crate::work::{Pace, Work};

/// The lease as this instance knows it.
struct Lease {
    db: Db,
    holder: Uuid,
    lease_ms: i64,
    held: AtomicBool,
    /// The service is stopping.
    over: AtomicBool,
}

impl Lease {
    /// Takes or keeps it. Not knowing counts as not having it.
    fn hold(&self) -> Result<bool, Error> {
        let result = self.db.write(|c| leases::hold(c, "work", self.holder, self.lease_ms));
        let held = matches!(result, Ok(true));
        if self.held.swap(held, Ordering::SeqCst) != held {
            tracing::info!(held, "lease of the billing work");
        }
        result
    }
}

/// Ends the thread with the service that it belongs to.
struct Alarm {
    lease: Arc<Lease>,
    wake: SyncSender<()>,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.lease.over.store(true, Ordering::SeqCst);
    }
}

struct Live<'a> {
    lease: &'a Lease,
    clock: &'a Clock,
}

impl Pace for Live<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn go_on(&self) -> bool {
        self.lease.held.load(Ordering::SeqCst) && !self.lease.over.load(Ordering::SeqCst)
    }
}

/// Starts the thread, and adds the job that keeps the lease and wakes it.
pub fn add(routes: Routes, db: Db, work: Work, clock: Clock, lease_ms: i64) -> std::io::Result<Routes> {
    let (held, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let lease = Arc::new(Lease { db, holder: Uuid::now_v7(), lease_ms, held, over });
    let (wake, woken) = sync_channel(1);
    let own = Arc::clone(&lease);
    std::thread::Builder::new().name("billing-work".into()).spawn(move || {
        // Without waiting for the first alarm: whoever takes over shouldn't lose another second.
        if let Err(error) = own.hold() {
            tracing::debug!(%error, "no lease yet");
        }
        run(&own, &work, &clock, &woken);
    })?;
    let alarm = Alarm { lease, wake };
    Ok(routes.job("* * * * * *", "billing-work", move || {
        let held = alarm.lease.hold()?;
        if held {
            // Full: it is at work, or about to be.
            let _ = alarm.wake.try_send(());
        }
        Ok(())
    }))
}

fn run(lease: &Lease, work: &Work, clock: &Clock, woken: &Receiver<()>) {
    let live = Live { lease, clock };
    loop {
        if live.go_on()
            && let Err(error) = work.tick(&live)
        {
            tracing::warn!(%error, "the billing work stopped; the next turn goes on");
        }
        if woken.recv().is_err() || lease.over.load(Ordering::SeqCst) {
            return;
        }
    }
}
