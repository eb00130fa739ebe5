//! How soon each service noticed that a part was away, and that it was back: what a circuit breaker is for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Break;
use super::cells::Span;
use super::rule::{Expected, expected};
use super::watch::Call;
use crate::system::Architecture;

/// An answer is fast that took no longer.
const FAST: Duration = Duration::from_millis(100);
/// The aim for the first fast answer without the part.
pub const FAST_AIM_MS: u64 = 1_000;
/// The aim for the last answer without the part once it is back.
pub const NORMAL_AIM_MS: u64 = 5_000;

/// How soon one service noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Noticed {
    /// Which service.
    pub service: String,
    /// From the moment when the part no longer answered to the first answer within 100 ms that goes on, or is refused, without it; null
    /// where there was none.
    pub fast_ms: Option<u64>,
    /// From the part's return to the last answer without it; null where there still was one in the last second of observing.
    pub normal_ms: Option<u64>,
}

/// Each service with an endpoint that needs the part; none of a part that is slow: it answers.
pub fn noticed(
    architecture: Architecture,
    broken: Break,
    calls: &BTreeMap<String, Vec<Call>>,
    endpoints: &BTreeMap<String, Vec<String>>,
    span: &Span,
    end: Instant,
) -> Vec<Noticed> {
    let mut each: Vec<(&String, Vec<Call>)> = Vec::new();
    for (service, calls) in calls {
        let names = endpoints.get(service).into_iter().flatten();
        let without = |name: &String| {
            matches!(expected(architecture, broken, service, name).0, Expected::Open | Expected::Closed)
        };
        let needs: Vec<bool> = names.map(without).collect();
        // Those alone that were made without the part.
        let of = calls.iter().filter(|call| needs.get(usize::from(call.endpoint)) == Some(&true));
        let of = of.filter(|call| (call.degraded || !call.good) && call.due() >= span.begun).copied();
        if needs.contains(&true) {
            each.push((service, of.collect()));
        }
    }
    // Stopping takes a moment in which the part still answers: it is away for the first request that had to do without it.
    let first = each.iter().flat_map(|(_, calls)| calls).map(Call::due).min();
    let away = first.map_or(span.broken, |first| first.min(span.broken));
    let last_second = end.checked_sub(Duration::from_secs(1)).unwrap_or(end);
    let of = |(service, calls): (&String, Vec<Call>)| {
        let fast = calls.iter().find(|call| call.took <= FAST && call.at < span.repaired);
        let last = calls.iter().map(|call| call.at).filter(|at| *at >= span.back).max();
        Noticed {
            service: service.clone(),
            fast_ms: fast.map(|call| (call.at - away).as_millis() as u64),
            normal_ms: match last {
                None => Some(0),
                Some(at) => (at < last_second).then(|| (at - span.back).as_millis() as u64),
            },
        }
    };
    each.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stopped from 10 to 20 s: for 0.6 s each call waits 300 ms, then none does; back at 21 s, and normal from 22.5 s on.
    #[test]
    fn from_the_stop_to_fast_and_from_the_return_to_normal() {
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        let [well, begun, broken, repaired, back] = [0, 9_000, 10_000, 20_000, 21_000].map(after);
        let span = Span { well, begun, broken, repaired, back };
        let call = |n: u64| {
            let (due, away) = (n * 100, (9_500..22_500).contains(&(n * 100)));
            let took = if away && due < 10_100 { 300 } else { 3 };
            let took = Duration::from_millis(took);
            Call { at: after(due) + took, good: true, degraded: away, endpoint: 0, took }
        };
        let found = |end: u64| {
            let mut calls: Vec<Call> = (0..end / 100).map(call).collect();
            calls.sort_by_key(|call| call.at);
            let calls = [("registry".to_owned(), calls.clone()), ("notification".to_owned(), calls)].into();
            let of = |service: &str, name: &str| (service.to_owned(), vec![name.to_owned()]);
            let endpoints = [of("registry", "find-api"), of("notification", "list-notifications")].into();
            noticed(Architecture::ApiCentric, Break::Service("profile"), &calls, &endpoints, &span, after(end))
        };
        let expected = Noticed { service: "registry".into(), fast_ms: Some(603), normal_ms: Some(1_403) };
        assert_eq!(found(30_000), [expected], "Notification's list needs nothing of Profile");
        assert_eq!(found(23_000)[0].normal_ms, None, "it was away a moment ago");
    }
}
