//! /metrics: what the service counts of itself, in Prometheus's text form.

mod measured;

use prometheus::{
    CounterVec, Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::db::Db;
use crate::threads::{Lanes, Threads};

pub use measured::{Measured, Values};

/// One registry per running service: several may run in one process (tests).
pub(crate) struct Metrics {
    service: &'static str,
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    connections: IntGaugeVec,
    queued: IntGaugeVec,
    ages: GaugeVec,
    restarts: IntCounterVec,
    hanging: IntGaugeVec,
}

impl Metrics {
    pub fn new(service: &'static str) -> Result<Self, prometheus::Error> {
        let registry = registry(service)?;
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("http_requests_total", "Requests answered."),
                &["route", "method", "status"],
            )?,
            durations: HistogramVec::new(
                HistogramOpts::new("http_request_duration_seconds", "Time from the request's head to its answer.")
                    .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
                &["route", "method"],
            )?,
            connections: IntGaugeVec::new(
                Opts::new("pool_connections", "Connections of the pool."),
                &["pool", "state"],
            )?,
            queued: IntGaugeVec::new(Opts::new("queue_jobs", "Requests that wait for a database thread."), &["lane"])?,
            ages: GaugeVec::new(
                Opts::new("background_age_seconds", "Time since a background thread or a job last got something done."),
                &["thread"],
            )?,
            restarts: IntCounterVec::new(
                Opts::new("thread_panics_total", "Panics that were caught in a thread, which then went on."),
                &["thread"],
            )?,
            hanging: IntGaugeVec::new(
                Opts::new("lane_threads_hanging", "Threads that hang, and have another in their place."),
                &["lane"],
            )?,
            registry,
            service,
        };
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        metrics.registry.register(Box::new(metrics.durations.clone()))?;
        metrics.registry.register(Box::new(metrics.connections.clone()))?;
        metrics.registry.register(Box::new(metrics.queued.clone()))?;
        metrics.registry.register(Box::new(metrics.ages.clone()))?;
        metrics.registry.register(Box::new(metrics.restarts.clone()))?;
        metrics.registry.register(Box::new(metrics.hanging.clone()))?;
        Ok(metrics)
    }

    /// One request answered. `route` is a pattern and never a path, or every id would be a series.
    pub fn answered(&self, route: &str, method: &str, status: u16, seconds: f64) {
        self.requests.with_label_values(&[route, method, &status.to_string()]).inc();
        self.durations.with_label_values(&[route, method]).observe(seconds);
    }

    fn look_at(&self, threads: &Threads) {
        for (name, age, panics) in threads.background() {
            self.ages.with_label_values(&[&name]).set(age.as_secs_f64());
            counted(&self.restarts, &name, panics);
        }
        for (name, hanging, panics) in threads.lanes() {
            self.hanging.with_label_values(&[&name]).set(count(hanging));
            counted(&self.restarts, &name, panics);
        }
    }

    /// The text, with the gauges as they are now.
    pub async fn text(
        &self,
        db: &Db,
        lanes: &Lanes,
        threads: &Threads,
        measured: &[Measured],
        others: &[Registry],
    ) -> Result<String, prometheus::Error> {
        self.look_at(threads);
        // The pools add it up themselves: a counter made for this look can't be added to twice.
        let waited = CounterVec::new(
            Opts::new("pool_wait_seconds_total", "Time waited for connections, since the start."),
            &["pool"],
        )?;
        for side in db.sides() {
            let (all, free) = side.state();
            self.connections.with_label_values(&[side.role, "used"]).set(i64::from(all - free.min(all)));
            self.connections.with_label_values(&[side.role, "free"]).set(i64::from(free));
            waited.with_label_values(&[side.role]).inc_by(side.waited().as_secs_f64());
        }
        for (name, lane) in [("read", &lanes.read), ("write", &lanes.write)] {
            self.queued.with_label_values(&[name]).set(i64::try_from(lane.depth()).unwrap_or(i64::MAX));
        }
        let mut text = Vec::new();
        for registry in std::iter::once(&self.registry).chain(others) {
            TextEncoder::new().encode(&registry.gather(), &mut text)?;
        }
        let fresh = registry(self.service)?;
        fresh.register(Box::new(waited))?;
        Ok(String::from_utf8_lossy(&text).into_owned() + &measured::text(fresh, db, &lanes.read, measured).await?)
    }
}

/// Brings a counter that is kept elsewhere to what it is there.
fn counted(counters: &IntCounterVec, name: &str, now: impl TryInto<u64>) {
    let counter = counters.with_label_values(&[name]);
    counter.inc_by(now.try_into().unwrap_or_default().saturating_sub(counter.get()));
}

fn count(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn registry(service: &str) -> Result<Registry, prometheus::Error> {
    Registry::new_custom(None, Some([("service".to_owned(), service.to_owned())].into()))
}
