//! What a cell's requests add up to, for each service.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Outcome;
use crate::stats::Histogram;

/// How late the driver itself was: sent − intended, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Median.
    pub p50_us: u64,
    /// 99th percentile; a block is suspect above 1 ms.
    pub p99_us: u64,
    /// Highest.
    pub max_us: u64,
}

/// Sums of what the service reported of itself in `Server-Timing`, milliseconds over all answers that carried it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerTiming {
    /// Answers that carried the header.
    pub answers: u64,
    /// Waiting for a database thread.
    pub queue_ms: f64,
    /// Waiting for a connection.
    pub pool_ms: f64,
    /// In statements.
    pub db_ms: f64,
    /// The rest.
    pub app_ms: f64,
}

/// One endpoint of one service in one cell.
#[derive(Clone, Debug, Default)]
pub struct EndpointRecord {
    /// Response times (done − intended) by outcome.
    pub response: BTreeMap<Outcome, Histogram>,
}

/// One service in one cell, the measured part alone.
#[derive(Clone, Debug, Default)]
pub struct ServiceRecord {
    /// The service's name.
    pub service: String,
    /// Requests intended within the measured part.
    pub offered: u64,
    /// Requests intended at all, those of the settling part included.
    pub driven: u64,
    /// By endpoint name.
    pub endpoints: BTreeMap<String, EndpointRecord>,
    /// Response times (done − intended) by outcome, all endpoints; censored ones at the time-out.
    pub response: BTreeMap<Outcome, Histogram>,
    /// Service times (done − sent) of answered requests. Only to show how much measuring from here would hide.
    pub service_time: Histogram,
    /// Sent − intended.
    pub lag: Histogram,
    /// Reported by the service.
    pub server_timing: ServerTiming,
    /// Seconds from the first to the last moment of the measured part's arrivals.
    pub measured_s: f64,
    /// Requests intended but unanswered (shed and timed out ones too) at the end of each whole second of the measured part.
    pub backlog: Vec<u64>,
    /// In flight at the most.
    pub in_flight_max: usize,
}

/// One finished request.
pub(super) struct Finished {
    pub load: usize,
    pub endpoint: u16,
    pub intended: Instant,
    pub sent: Instant,
    pub done: Instant,
    pub outcome: Outcome,
    pub server_timing: Option<[f64; 4]>,
}

impl ServiceRecord {
    /// Answers the contract promises, per second of the measured part.
    #[must_use]
    pub fn goodput_per_s(&self) -> f64 {
        let good: u64 = self.response.iter().filter(|(outcome, _)| outcome.is_good()).map(|(_, h)| h.count()).sum();
        if self.measured_s > 0.0 { good as f64 / self.measured_s } else { 0.0 }
    }

    /// Response times of everything, whatever the outcome: what percentiles and tail shares are taken of. Failures stand
    /// in it at the time-out, however quickly they came.
    #[must_use]
    pub fn all_responses(&self, timeout: Duration) -> Histogram {
        let mut all = Histogram::new();
        for (outcome, histogram) in &self.response {
            if outcome.is_good() {
                all.add(histogram);
            } else {
                (0..histogram.count()).for_each(|_| all.record_us(timeout.as_micros() as u64));
            }
        }
        all
    }

    /// How late the driver was.
    #[must_use]
    pub fn lag_summary(&self) -> Lag {
        let at = |q| self.lag.quantile_us(q).unwrap_or(0);
        Lag { p50_us: at(0.5), p99_us: at(0.99), max_us: at(1.0) }
    }

    pub(super) fn add(&mut self, endpoint: &str, finished: &Finished, timeout: Duration) {
        let micros = |from: Instant, to: Instant| to.saturating_duration_since(from).as_micros() as u64;
        let response_us = match finished.outcome {
            Outcome::Timeout | Outcome::Shed => timeout.as_micros() as u64,
            _ => micros(finished.intended, finished.done),
        };
        self.offered += 1;
        self.response.entry(finished.outcome).or_default().record_us(response_us);
        let of = self.endpoints.entry(endpoint.to_owned()).or_default();
        of.response.entry(finished.outcome).or_default().record_us(response_us);
        self.lag.record_us(micros(finished.intended, finished.sent));
        if !matches!(finished.outcome, Outcome::Shed | Outcome::Timeout | Outcome::Connect) {
            self.service_time.record_us(micros(finished.sent, finished.done));
        }
        if let Some([queue, pool, db, app]) = finished.server_timing {
            let timing = &mut self.server_timing;
            timing.answers += 1;
            timing.queue_ms += queue;
            timing.pool_ms += pool;
            timing.db_ms += db;
            timing.app_ms += app;
        }
    }
}
