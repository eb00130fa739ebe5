//! Work by the clock: woken by tokio-cron-scheduler, done on the write lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_cron_scheduler::{Job as CronJob, JobScheduler, JobSchedulerError};

use crate::app::App;
use crate::db::Db;
use crate::threads::{Lane, Progress};
use crate::{Clock, Due, Error, changes, idempotency};

/// What a job does, on a thread of the write lane.
pub(crate) type Work = Arc<dyn Fn() -> Result<(), Error> + Send + Sync>;

/// One job.
#[derive(Clone)]
pub(crate) struct Job {
    pub cron: &'static str,
    pub name: &'static str,
    pub work: Work,
}

/// How long a kept answer is repeated.
const KEPT: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// Rows per transaction of a purge.
const BATCH: i64 = 1000;

/// How often old rows go.
const PURGE_EVERY: chrono::TimeDelta = chrono::TimeDelta::minutes(10);

/// Every service's own: idempotency keys older than a day and changes that were read long ago go, in batches.
pub(crate) fn purge(schema: &'static str, db: Db, clock: Clock) -> Job {
    let due = Due::every(PURGE_EVERY);
    let work = move || {
        due.run(&clock, |_| {
            purge_keys(schema, &db, &clock)?;
            purge_changes(schema, &db, &clock).map(drop)
        })
    };
    Job { cron: "*/5 * * * * *", name: "purge-idempotency-keys-and-changes", work: Arc::new(work) }
}

/// Removes the changes older than 30 days that every reader has; how many there were.
pub(crate) fn purge_changes(schema: &'static str, db: &Db, clock: &Clock) -> Result<usize, Error> {
    let until = clock.now() - changes::KEPT;
    in_batches(|batch| db.write_unbound(|c| changes::purge(c, schema, until, batch)))
}

/// Removes all kept answers older than 24 h; how many there were.
pub(crate) fn purge_keys(schema: &'static str, db: &Db, clock: &Clock) -> Result<usize, Error> {
    let until = clock.now() - KEPT;
    in_batches(|batch| db.write_unbound(|c| idempotency::purge(c, schema, until, batch)))
}

/// Removes what nobody needs any more, `remove` up to so many rows in a transaction, until a batch isn't full: a purge never
/// holds many locks, nor for long. How many there were.
pub fn in_batches(mut remove: impl FnMut(i64) -> Result<usize, Error>) -> Result<usize, Error> {
    let mut all = 0;
    loop {
        let removed = remove(BATCH)?;
        all += removed;
        if i64::try_from(removed).is_ok_and(|removed| removed < BATCH) {
            return Ok(all);
        }
    }
}

/// Starts the schedule of all jobs; it ends with the returned scheduler's `shutdown`.
pub(crate) async fn start(jobs: &[Job], app: &App) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    for job in jobs {
        let cron = job.cron;
        let progress = app.threads.progress(job.name.to_owned(), limit(cron));
        let job = Wake { lane: app.lanes.write.clone(), job: job.clone(), progress, running: Arc::default() };
        let wake = move |_, _: JobScheduler| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(job.clone().run())
        };
        scheduler.add(CronJob::new_async(cron, wake)?).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}

/// With no turn ended for longer, well or not, something is wrong with a job: three turns, and a minute for a long one.
fn limit(cron: &str) -> Duration {
    let mut fields = cron.split_whitespace();
    let seconds = match [fields.next(), fields.next(), fields.next()] {
        [Some("*"), ..] => 1,
        [Some(second), ..] if second.starts_with("*/") => second[2..].parse().unwrap_or(60),
        [_, Some("*"), _] => 60,
        [_, _, Some("*")] => 3600,
        _ => 24 * 3600,
    };
    Duration::from_secs(60 + 3 * seconds)
}

/// What wakes one job up, again and again.
#[derive(Clone)]
struct Wake {
    lane: Lane,
    job: Job,
    progress: Arc<Progress>,
    running: Arc<AtomicBool>,
}

/// Held by the thread that does the work, as long as it is at it: nobody knows better whether it has ended.
struct AtWork(Arc<AtomicBool>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Wake {
    async fn run(self) {
        if self.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let (at_work, work, progress) = (AtWork(self.running), self.job.work, Arc::clone(&self.progress));
        let work = move || {
            let _at_work = at_work;
            work()?;
            progress.done();
            Ok(())
        };
        let (result, timing) = self.lane.run(work).await;
        match result {
            Ok(()) => tracing::debug!(job = self.job.name, db_ms = timing.db.as_secs_f64() * 1000.0, "job done"),
            // The next turn tries again.
            Err(error) => {
                self.progress.failed();
                tracing::error!(job = self.job.name, error = %error, "job failed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_late_after_three_turns_and_a_minute() {
        let limits = ["* * * * * *", "*/5 * * * * *", "0 * * * * *", "30 17 * * * *", "0 10 0 1 * *"].map(limit);
        assert_eq!(limits.map(|limit| limit.as_secs()), [63, 75, 240, 60 + 3 * 3600, 60 + 3 * 86_400]);
    }
}
