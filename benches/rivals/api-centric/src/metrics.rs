//! What is counted of the calls, shown at `/metrics` after the product's own.

use std::time::Duration;

use prometheus::{Gauge, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Counters of one service's calls.
#[derive(Clone)]
pub struct Metrics {
    calls: IntCounterVec,
    retries: IntCounterVec,
    open: IntGaugeVec,
    degraded: IntCounterVec,
    spread: Gauge,
    /// What `/metrics` shows.
    pub registry: Registry,
}

impl Metrics {
    /// All of `service`, at nought.
    ///
    /// # Errors
    /// Two of a name: a mistake of ours.
    pub fn new(service: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(None, Some([("service".to_owned(), service.to_owned())].into()))?;
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let calls = counters("edge_calls_total", "Calls to neighbours, by how they ended.", &["neighbour", "outcome"])?;
        let retries = counters("edge_retries_total", "Calls that were tried again.", &["neighbour"])?;
        let degraded = counters(
            "edge_degraded_total",
            "Requests that went on, or were refused, without a neighbour's answer.",
            &["neighbour", "rule"],
        )?;
        let open = IntGaugeVec::new(Opts::new("edge_breaker_open", "1: the neighbour isn't asked."), &["neighbour"])?;
        registry.register(Box::new(open.clone()))?;
        let help = "Time between the first and the last answer that the last month-end was made of.";
        let spread = Gauge::with_opts(Opts::new("edge_month_end_spread_seconds", help))?;
        registry.register(Box::new(spread.clone()))?;
        Ok(Self { calls, retries, open, degraded, spread, registry })
    }

    pub(crate) fn call(&self, neighbour: &str, outcome: &str) {
        self.calls.with_label_values(&[neighbour, outcome]).inc();
    }

    pub(crate) fn retry(&self, neighbour: &str) {
        self.retries.with_label_values(&[neighbour]).inc();
    }

    pub(crate) fn breaker(&self, neighbour: &str, closed: bool) {
        self.open.with_label_values(&[neighbour]).set(i64::from(!closed));
    }

    pub(crate) fn spread(&self, spread: Duration) {
        self.spread.set(spread.as_secs_f64());
    }

    pub(crate) fn degraded(&self, neighbour: &str, rule: &str) {
        self.degraded.with_label_values(&[neighbour, rule]).inc();
    }
}
