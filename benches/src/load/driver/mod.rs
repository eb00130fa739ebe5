//! The open-loop driver: sends each request at its intended moment, whatever became of the ones before.
//!
//! One OS thread paces (async timers have millisecond granularity), one thread with an event loop of its own sends and
//! receives. Three clocks for each request: intended, sent, done. The headline latency is `done - intended`: measured
//! from `sent`, a stalled server would hide the requests that should have been sent meanwhile (coordinated omission).

mod client;
mod outcome;
mod pace;
mod record;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub use client::{Call, Method};
pub use outcome::Outcome;
pub use pace::kernel_lateness;
pub use record::{EndpointRecord, Lag, ServerTiming, ServiceRecord};

use uuid::Uuid;

use crate::load::schedule::Arrival;

/// One service's load in a cell.
#[derive(Clone)]
pub struct Load {
    /// The service's name.
    pub service: String,
    /// Names of its endpoints; [`Arrival::endpoint`] is an index into them.
    pub endpoints: Vec<String>,
    /// When what is sent, ordered by time.
    pub arrivals: Arc<Vec<Arrival>>,
    /// Turns ordinals into a call. Called on the sending thread, so it must be quick.
    pub call: Arc<dyn Fn(&Arrival) -> Call + Send + Sync>,
    /// Told of the end of every call that was made. Called on the sending thread too.
    pub answered: Option<Answered>,
}

/// Hears of the end of every call.
pub type Answered = Arc<dyn Fn(&Answer<'_>) + Send + Sync>;

/// How a call ended, as far as the caller must remember it.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// [`Call::of`].
    pub of: Option<Uuid>,
    /// The status; 0 without an answer.
    pub status: u16,
    /// `ETag`.
    pub etag: Option<&'a str>,
    /// `Location`.
    pub location: Option<&'a str>,
    /// Whether `Retry-After` says when to come again.
    pub retry_after: bool,
    /// Whether `X-Degraded` says that a neighbour was away.
    pub degraded: bool,
    /// Index into the load's endpoints.
    pub endpoint: u16,
    /// From when it was due to its end.
    pub took: Duration,
}

/// How a cell is driven.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Requests intended before this moment warm up and are not recorded.
    pub settle: Duration,
    /// Beyond so many in flight for one service, requests are *shed*: counted as failures, their latency censored at
    /// the time-out, never silently dropped.
    pub in_flight_max: usize,
    /// Gives up on a request after this; its latency is censored here.
    pub timeout: Duration,
    /// Lets no more than so many be under way, and stamps *sent* only then: how a closed loop measures. Only for showing
    /// what that hides.
    pub connections_max: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(500),
            in_flight_max: 2048,
            timeout: Duration::from_secs(10),
            connections_max: None,
        }
    }
}

/// Why a cell could not be driven.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A thread or the event loop could not be made.
    #[error("the driver could not start: {0}")]
    Start(#[from] std::io::Error),
    /// The sending thread ended early.
    #[error("the driver's sending thread ended early")]
    Ended,
}

impl From<DriverError> for crate::Failure {
    fn from(error: DriverError) -> Self {
        Self::could_not_run(format!("{error}."))
    }
}

/// Sends all loads under one clock and waits until every request is answered, timed out or shed.
///
/// # Errors
/// [`DriverError`] when the threads can't be made. A failing *service* is no error: it is what the record shows.
pub fn run(loads: &[Load], settings: Settings) -> Result<Vec<ServiceRecord>, DriverError> {
    run_until(loads, settings, &AtomicBool::new(false))
}

/// The same on a thread of its own, while something else is done.
#[must_use]
pub fn start(loads: Vec<Load>, settings: Settings) -> Driving {
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    Driving { over, thread: Some(std::thread::spawn(move || run_until(&loads, settings, &until))) }
}

/// Loads that are being driven. Dropped before [`Driving::finish`] it sends no more, and waits for what is under way.
#[derive(Debug)]
pub struct Driving {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Vec<ServiceRecord>, DriverError>>>,
}

impl Driving {
    /// Waits until all is sent and answered.
    ///
    /// # Errors
    /// [`DriverError`].
    pub fn finish(mut self) -> Result<Vec<ServiceRecord>, DriverError> {
        self.thread.take().map_or(Err(DriverError::Ended), |thread| thread.join().unwrap_or(Err(DriverError::Ended)))
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Nobody asks any more what it found.
            let _ = thread.join();
        }
    }
}

/// Sends no more once `over` is true.
fn run_until(loads: &[Load], settings: Settings, over: &AtomicBool) -> Result<Vec<ServiceRecord>, DriverError> {
    let (jobs, inbox) = tokio::sync::mpsc::unbounded_channel();
    let owned: Vec<Load> = loads.to_vec();
    let sender =
        std::thread::Builder::new().name("lab-send".into()).spawn(move || client::send_all(owned, inbox, settings))?;
    // A thread of its own for this too: its priority must not be handed down to what its caller starts later.
    std::thread::scope(|scope| {
        let pacing = std::thread::Builder::new().name("lab-pace".into());
        pacing.spawn_scoped(scope, || pace::pace(loads, jobs, over)).map(drop)
    })?;
    sender.join().map_err(|_| DriverError::Ended)?.map_err(DriverError::Start)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Requests for a minute, to a port where nobody listens.
    #[test]
    fn what_is_dropped_sends_no_more() {
        let at = |n: u64| Arrival { at_ns: n * 100_000_000, endpoint: 0, organisation: 0, row: 0, body: 0 };
        let load = Load {
            service: "registry".into(),
            endpoints: vec!["find-api".into()],
            arrivals: Arc::new((0..600).map(at).collect()),
            call: Arc::new(|_| Call::get(hyper::Uri::from_static("http://127.0.0.1:9/"), None)),
            answered: None,
        };
        let began = Instant::now();
        drop(start(vec![load], Settings::default()));
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    }
}
