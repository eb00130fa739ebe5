//! What a slow part costs those that don't need it: a neighbour that answers late must not take its callers' threads.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::cells::Span;
use super::rule::{Expected, expected};
use super::watch::Call;
use super::{Break, PATIENCE};
use crate::result::Metric;
use crate::stats::{Estimate, Histogram, paired_ratio};
use crate::system::Architecture;

/// The requests of all services but the slow one, taken together.
pub const ALL: &str = "all";
/// What requests that don't need the slow part may lose: p95 while it is slow ÷ p95 before.
pub const AIM: f64 = 1.5;

/// What a slow part costs a service's requests: p95 while it is slow ÷ p95 before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slowdown {
    /// Whose requests.
    pub service: String,
    /// Whether they need the slow part.
    pub needs_it: bool,
    /// Requests while it was slow.
    pub requests: u64,
    /// With its 95 % interval, over the rounds.
    pub estimate: Option<Estimate>,
    /// Whether there are enough rounds and requests for a p95.
    pub enough_data: bool,
}

impl Slowdown {
    /// Whether it is one that an aim is set for, and surely more than that.
    #[must_use]
    pub fn exceeds(&self) -> bool {
        self.verdict() == Some("exceeded")
    }

    /// How the aim was met, by those that don't need the slow part and are enough.
    #[must_use]
    pub fn verdict(&self) -> Option<&'static str> {
        let of = self.estimate.filter(|_| self.enough_data && !self.needs_it)?;
        Some(match (of.high <= AIM, of.low > AIM) {
            (true, _) => "held",
            (_, true) => "exceeded",
            _ => "inconclusive",
        })
    }
}

/// What a slow part cost the others, by whether their requests need it: all of them together first, for few services alone are asked
/// often enough for a p95.
pub fn slowdowns(
    broken: Break,
    calls: &BTreeMap<String, Vec<Call>>,
    endpoints: &BTreeMap<String, Vec<String>>,
    spans: &[Span],
) -> Vec<Slowdown> {
    let Break::Slow(part) = broken else { return Vec::new() };
    let mut all = Vec::new();
    for needs_it in [false, true] {
        let mut each: Vec<(&str, Vec<Call>)> = Vec::new();
        for (service, calls) in calls.iter().filter(|(service, _)| *service != part) {
            let names = endpoints.get(service).into_iter().flatten();
            let needs: Vec<bool> = names
                .map(|name| expected(Architecture::ApiCentric, broken, service, name).0 == Expected::Later)
                .collect();
            let of = calls.iter().filter(|call| needs.get(usize::from(call.endpoint)) == Some(&needs_it));
            each.push((service, of.copied().collect()));
        }
        let together: Vec<Call> = each.iter().flat_map(|(_, calls)| calls).copied().collect();
        all.push(slowdown(ALL, needs_it, &together, spans));
        all.extend(each.iter().map(|(service, calls)| slowdown(service, needs_it, calls, spans)));
    }
    all.retain(|of| of.requests > 0);
    all
}

fn slowdown(service: &str, needs_it: bool, calls: &[Call], spans: &[Span]) -> Slowdown {
    let took = |from: Instant, to: Instant| {
        let mut times = Histogram::new();
        // However late they ended: else the slowest would be left out.
        for call in calls.iter().filter(|call| (from..to).contains(&call.due())) {
            times.record_us(if call.good { call.took } else { PATIENCE }.as_micros() as u64);
        }
        times
    };
    let rounds: Vec<_> =
        spans.iter().map(|span| (took(span.well, span.begun), took(span.broken, span.repaired))).collect();
    let p95 = |times: &Histogram| times.quantile_us(0.95).map_or(f64::NAN, |us| us as f64);
    let pairs: Vec<_> = rounds.iter().map(|(before, slow)| (p95(before), p95(slow))).collect();
    let sum = |side: fn(&(Histogram, Histogram)) -> u64| rounds.iter().map(side).sum::<u64>();
    let (before, slow) = (sum(|round| round.0.count()), sum(|round| round.1.count()));
    let estimate = paired_ratio(&pairs);
    let (replicates, tail) = Metric::P95.needs();
    let beyond = (before.min(slow) as f64 * Metric::P95.tail()) as u64;
    let enough_data = estimate.is_some_and(|of| of.replicates >= replicates) && beyond >= tail;
    Slowdown { service: service.to_owned(), needs_it, requests: slow, estimate, enough_data }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{EDGES_RATE_PER_S, lengths};
    use super::*;
    use crate::load::schedule::{EDGES, Workload};

    /// Eight rounds of 2 s, in which those that need the slow part take three times as long and the others do not.
    #[test]
    fn a_slowdown_is_of_those_that_need_the_slow_part() {
        let start = Instant::now();
        let (mut calls, mut spans) = (Vec::new(), Vec::new());
        for round in 0..8 {
            let at = |ms: u64| start + Duration::from_millis(round * 4000 + ms);
            let [well, begun, repaired] = [0, 2000, 4000].map(at);
            spans.push(Span { well, begun, broken: begun, repaired, back: repaired });
            for ms in 0..4000 {
                // Otherwise no two rounds differ, and there is no interval.
                let own = 1000 + round * 10 + u64::from(ms >= 2000) * round;
                for (endpoint, times) in [(0, 1), (1, if ms >= 2000 { 3 } else { 1 })] {
                    let took = Duration::from_micros(own * times);
                    calls.push(Call { at: at(ms), good: true, degraded: false, endpoint, took });
                }
            }
        }
        let endpoints = [("account".to_owned(), vec!["list-logins".to_owned(), "find-organisation".to_owned()])].into();
        let found = slowdowns(Break::Slow("billing"), &[("account".to_owned(), calls)].into(), &endpoints, &spans);
        let ratio = |needs_it| found.iter().find(|of| of.needs_it == needs_it).unwrap();
        let (without, with) = (ratio(false), ratio(true));
        assert!((without.estimate.unwrap().ratio - 1.0).abs() < 0.02, "{without:?}");
        assert!((with.estimate.unwrap().ratio - 3.0).abs() < 0.05, "{with:?}");
        assert!(with.enough_data && with.requests > 8 * 1990, "{with:?}");
    }

    /// What `lab failure` does unless told otherwise asks often enough, whichever part is slow.
    #[test]
    fn the_usual_load_is_enough_for_a_verdict() {
        let workload = Workload::parse(EDGES).unwrap();
        let total: f64 = workload.services.values().map(|of| of.weight).sum();
        for part in crate::system::services::names() {
            let broken = Break::Slow(part);
            let (_, slow, rounds) = lengths(broken, Duration::from_secs(20));
            let mut rate_per_s = 0.0;
            for (service, of) in workload.services.iter().filter(|(service, _)| *service != part) {
                let shares: f64 = of.endpoints.iter().map(|endpoint| endpoint.share).sum();
                let others = of
                    .endpoints
                    .iter()
                    .filter(|one| expected(Architecture::ApiCentric, broken, service, &one.name).0 != Expected::Later);
                let part_of = others.map(|one| one.share).sum::<f64>() / shares;
                rate_per_s += EDGES_RATE_PER_S * of.weight / total * part_of;
            }
            let (replicates, tail) = Metric::P95.needs();
            let requests = rate_per_s * slow.as_secs_f64() * f64::from(rounds);
            // A quarter more, for arrivals are random.
            assert!(
                rounds as usize >= replicates && requests * Metric::P95.tail() > 1.25 * tail as f64,
                "{part}: {requests}"
            );
        }
    }
}
