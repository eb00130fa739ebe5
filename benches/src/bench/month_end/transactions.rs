//! Watches Billing's sessions: the longest time that one of its transactions has been open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Failure;
use crate::data::{connect, failed};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(5);

/// Looks for it on a thread and a connection of its own.
pub(super) struct LongestTransaction {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<f64, Failure>>,
}

impl LongestTransaction {
    /// Begins to watch.
    pub fn start(url: &str) -> Result<Self, Failure> {
        let mut client = connect(url)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let doing = |error| failed("watching transactions", &error);
            let look = client
                .prepare(
                    "select coalesce(max(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)), 0)::float8 \
                     from pg_catalog.pg_stat_activity a where a.usename like 'billing%' and a.state <> 'idle'",
                )
                .map_err(doing)?;
            let mut longest = 0_f64;
            while !stopped.load(Ordering::Relaxed) {
                let seen: f64 = client.query_one(&look, &[]).map_err(doing)?.get(0);
                longest = longest.max(seen);
                std::thread::sleep(EVERY);
            }
            Ok(longest)
        });
        Ok(Self { stop, thread })
    }

    /// The longest seen.
    pub fn stop(self) -> Result<Duration, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.thread.join();
        let seconds = seen.map_err(|_| Failure::could_not_run("The thread that watched transactions panicked."))??;
        Ok(Duration::from_secs_f64(seconds))
    }
}
