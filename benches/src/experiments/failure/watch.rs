//! What every service answered, moment by moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::load::driver::{Answer, Answered, Outcome};

/// A service counts as down while less than this part of its answers is good.
const DOWN: f64 = 0.5;

/// What one service answered while something was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    /// Calls that ended meanwhile: answered, refused, or given up after two seconds.
    pub all: u64,
    /// Answers that the contract promises.
    pub good: u64,
    /// From the repair to its last failure; null where it still failed when observing ended.
    pub recovered_ms: Option<u64>,
}

impl Answers {
    /// Good answers, of all.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.good as f64 / self.all.max(1) as f64
    }

    /// `99.9 % (0.4 s)`.
    #[must_use]
    pub fn text(&self) -> String {
        let back =
            self.recovered_ms.map_or_else(|| "still failing".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
        format!("{:.1} % ({back})", self.share() * 100.0)
    }
}

/// Ends of calls, by service.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Mutex<BTreeMap<String, Vec<Call>>>>);

/// The end of a call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// When.
    pub at: Instant,
    /// Whether the answer is one that the contract promises.
    pub good: bool,
    /// Whether the answer says that a neighbour was away.
    pub degraded: bool,
    /// Index of the endpoint.
    pub endpoint: u16,
    /// How long it took.
    pub took: Duration,
}

impl Call {
    /// When it was to be sent.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.at.checked_sub(self.took).unwrap_or(self.at)
    }
}

impl Watch {
    /// Hears of one service's calls, after `then` has.
    pub fn of(&self, service: &str, then: Answered) -> Answered {
        let (all, service) = (Arc::clone(&self.0), service.to_owned());
        Arc::new(move |answer: &Answer<'_>| {
            then(answer);
            let good = answer.status > 0 && Outcome::of_status(answer.status).is_good();
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            let of = all.entry(service.clone()).or_default();
            let (degraded, endpoint, took) = (answer.degraded, answer.endpoint, answer.took);
            of.push(Call { at: Instant::now(), good, degraded, endpoint, took });
        })
    }

    /// All calls so far, by service.
    pub fn calls(&self) -> BTreeMap<String, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What each service answered between two moments, and how soon after the second one it answered well for good.
    pub fn answers(&self, from: Instant, repaired: Instant, end: Instant) -> BTreeMap<String, Answers> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(service, calls)| (service.clone(), answers(calls, from, repaired, end))).collect()
    }

    /// Part of the time between two moments in which four services or more were down, looked at in tenths of a second.
    pub fn together(&self, from: Instant, to: Instant) -> f64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slices = ((to - from).as_millis() / SLICE.as_millis()).max(1);
        let down = |slice: u128| {
            let start = from + SLICE * slice as u32;
            let of = all.values();
            of.filter(|calls| is_down(calls, start, start + SLICE)).count()
        };
        let many = (0..slices).filter(|slice| down(*slice) >= 4).count();
        many as f64 / slices as f64
    }
}

const SLICE: Duration = Duration::from_millis(100);

/// Those that were due and ended between two moments: nobody's answer that began before.
pub fn of_between(calls: &[Call], from: Instant, to: Instant) -> impl Iterator<Item = &Call> {
    within(calls, from, to).filter(move |call| call.due() >= from)
}

/// Those that ended between two moments.
pub fn within(calls: &[Call], from: Instant, to: Instant) -> impl Iterator<Item = &Call> {
    calls.iter().filter(move |call| (from..to).contains(&call.at))
}

/// Less than half of what was answered then was good. A slice without an answer is judged by the next one: who asked
/// meanwhile was still waiting for it.
fn is_down(calls: &[Call], from: Instant, to: Instant) -> bool {
    let (mut good, mut all) = (0, 0);
    for call in within(calls, from, to) {
        good += usize::from(call.good);
        all += 1;
    }
    if all == 0 {
        let next = calls.iter().find(|call| call.at >= to);
        return next.is_some_and(|call| !call.good);
    }
    (good as f64) < DOWN * all as f64
}

/// What was answered between two moments, and how soon after the second one it was answered well for good.
pub fn answers(calls: &[Call], from: Instant, repaired: Instant, end: Instant) -> Answers {
    let all = within(calls, from, repaired).count() as u64;
    let good = within(calls, from, repaired).filter(|call| call.good).count() as u64;
    let last_bad = within(calls, repaired, end).filter(|call| !call.good).last();
    let quiet = Duration::from_secs(1);
    Answers {
        all,
        good,
        // A failure within the last second: how long it would have lasted is unknown.
        recovered_ms: match last_bad {
            None => Some(0),
            Some(call) if call.at + quiet > end => None,
            Some(call) => Some((call.at - repaired).as_millis() as u64),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_recovery_and_simultaneity() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        // One answer each 50 ms; bad from 1000 to 2300.
        let call = |at, good| Call { at, good, degraded: false, endpoint: 0, took: Duration::ZERO };
        let bad: Vec<Call> = (0..100).map(|n| call(at(n * 50), !(1000..2300).contains(&(n * 50)))).collect();
        let found = answers(&bad, at(1000), at(2000), at(5000));
        assert_eq!((found.all, found.good, found.recovered_ms), (20, 0, Some(250)));
        assert_eq!(answers(&bad, at(1000), at(2000), at(2300)).recovered_ms, None);
        let fine: Vec<_> = bad.iter().map(|one| call(one.at, true)).collect();
        let watch = |downs: usize| {
            let all = (0..5).map(|n| {
                let calls = if n < downs { bad.clone() } else { fine.clone() };
                (n.to_string(), calls)
            });
            Watch(Arc::new(Mutex::new(all.collect())))
        };
        assert!((watch(4).together(at(0), at(2000)) - 0.5).abs() < 1e-9);
        assert_eq!(watch(3).together(at(0), at(2000)), 0.0);
    }
}
