//! The matrix where services call each other: what every endpoint answered before, while and after each part was broken,
//! compared with what the table of edges says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Break;
use super::rule::{Expected, expected};
use super::watch::{Call, answers, of_between};
use crate::system::Architecture;

/// A part that is back has this long until everything must be well again.
const WELL_AFTER: Duration = Duration::from_secs(5);
/// Part of the answers that may be otherwise.
const TOLERATED: f64 = 0.02;

/// When a part was broken and repaired.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// All is well from here on.
    pub well: Instant,
    /// Somebody begins to break it.
    pub begun: Instant,
    /// It is broken.
    pub broken: Instant,
    /// Somebody begins to repair it.
    pub repaired: Instant,
    /// It is ready again.
    pub back: Instant,
}

/// Answers of one endpoint in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Share {
    /// All calls that ended.
    pub all: u64,
    /// Answers that the contract promises.
    pub good: u64,
    /// Those of them that say who is away.
    pub degraded: u64,
}

/// One endpoint while one part is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cell {
    /// Whose endpoint.
    pub service: String,
    /// Its name in the workload.
    pub endpoint: String,
    /// What the table of edges says.
    pub expected: Expected,
    /// The edge's number; none where it needs nothing of the part.
    pub edge: Option<u8>,
    /// Before.
    pub before: Share,
    /// Meanwhile.
    pub during: Share,
    /// From five seconds after the part was back.
    pub after: Share,
    /// From the part's stop to the first answer within 100 ms that says who is away; none where there was none.
    pub first_degraded_ms: Option<u64>,
    /// The quickest good answer meanwhile whose neighbours were all asked; none where there was none.
    pub quickest_ms: Option<u64>,
    /// From the order to repair the part to the last bad answer; none where it still failed when observing ended.
    pub recovered_ms: Option<u64>,
    /// How it differs from what the table says; none: as it says.
    pub difference: Option<String>,
}

/// Each endpoint's line; `endpoints` are the workload's names by service, in its order.
pub fn cells(
    architecture: Architecture,
    broken: Break,
    calls: &BTreeMap<String, Vec<Call>>,
    endpoints: &BTreeMap<String, Vec<String>>,
    spans: &[Span],
    end: Instant,
) -> Vec<Cell> {
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Vec::new() };
    let none = Vec::new();
    let each = endpoints
        .iter()
        .flat_map(|(service, names)| names.iter().enumerate().map(move |(at, name)| (service, at, name)));
    each.map(|(service, at, name)| {
        let all = calls.get(service).unwrap_or(&none).iter();
        let own: Vec<Call> = all.filter(|call| usize::from(call.endpoint) == at).copied().collect();
        let sum = |stretches: &mut dyn Iterator<Item = (Instant, Instant)>| {
            stretches.fold(Share::default(), |sum, (from, to)| sum.and(of_between(&own, from, to)))
        };
        let (expected, edge) = expected(architecture, broken, service, name);
        let quick = |call: &&Call| call.degraded && call.took < Duration::from_millis(100);
        let mut cell = Cell {
            service: service.clone(),
            endpoint: name.clone(),
            expected,
            edge,
            before: sum(&mut spans.iter().map(|span| (span.well, span.begun))),
            during: sum(&mut spans.iter().map(|span| (span.broken, span.repaired))),
            after: sum(&mut std::iter::once((last.back + WELL_AFTER, end))),
            first_degraded_ms: of_between(&own, first.begun, first.repaired)
                .find(quick)
                .map(|call| (call.at - first.begun).as_millis() as u64),
            quickest_ms: spans
                .iter()
                .flat_map(|span| of_between(&own, span.broken, span.repaired))
                .filter(|call| call.good && !call.degraded)
                .map(|call| call.took.as_millis() as u64)
                .min(),
            recovered_ms: answers(&own, last.broken, last.repaired, end).recovered_ms,
            difference: None,
        };
        cell.difference = cell.differs();
        cell
    })
    .collect()
}

impl Share {
    fn and<'a>(mut self, calls: impl Iterator<Item = &'a Call>) -> Self {
        for call in calls {
            self.all += 1;
            self.good += u64::from(call.good);
            self.degraded += u64::from(call.good && call.degraded);
        }
        self
    }

    /// Good answers in percent; nothing where there was none at all.
    #[must_use]
    pub fn percent(self) -> String {
        match self.all {
            0 => "–".to_owned(),
            all => format!("{:.0}", self.good as f64 * 100.0 / all as f64),
        }
    }

    /// So few that they say nothing.
    fn are_few(self, count: u64) -> bool {
        count <= 1.max((self.all as f64 * TOLERATED).ceil() as u64)
    }
}

impl Cell {
    /// In words.
    fn differs(&self) -> Option<String> {
        let Share { all, good, degraded } = self.during;
        if self.expected.is_good() && !self.during.are_few(all - good) {
            return Some(format!("{good} of {all} answers were good, all were expected to be"));
        }
        if !self.expected.is_good() && !self.during.are_few(good) {
            return Some(format!("{good} of {all} answers were good, none was expected to be"));
        }
        if self.expected == Expected::Open && !self.during.are_few(good - degraded) {
            return Some(format!("{} of {good} good answers don't say who is away", good - degraded));
        }
        let Share { all, good, degraded } = self.after;
        let later = format!("from {} s after it was back", WELL_AFTER.as_secs());
        if !self.after.are_few(all - good) {
            return Some(format!("{good} of {all} answers were good {later}"));
        }
        (!self.after.are_few(degraded)).then(|| format!("{degraded} of {good} good answers say who is away {later}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: Break = Break::Service("profile");

    /// Broken from 10 to 20 s, back at 21 s, watched until 30 s; a call each 100 ms that `at` (in s) makes good or degraded.
    fn of(service: &str, endpoint: &str, at: impl Fn(f64) -> (bool, bool)) -> Cell {
        let start = Instant::now();
        let after = |s: f64| start + Duration::from_secs_f64(s);
        let call = |n: u32| {
            let s = f64::from(n) / 10.0;
            let (good, degraded) = at(s);
            Call { at: after(s), good, degraded, endpoint: 0, took: Duration::from_millis(3) }
        };
        let calls = [(service.to_owned(), (0..300).map(call).collect())].into();
        let endpoints = [(service.to_owned(), vec![endpoint.to_owned()])].into();
        let [well, begun, broken, repaired, back] = [0.0, 10.0, 10.0, 20.0, 21.0].map(after);
        let spans = [Span { well, begun, broken, repaired, back }];
        cells(Architecture::ApiCentric, BROKEN, &calls, &endpoints, &spans, after(30.0)).remove(0)
    }

    fn broken(s: f64) -> bool {
        (10.0..20.0).contains(&s)
    }

    #[test]
    fn a_cell_is_compared_with_its_rule() {
        let closed = of("registry", "create-api", |s| (!broken(s), false));
        assert_eq!((closed.difference.as_deref(), closed.edge), (None, Some(4)));
        assert_eq!([closed.before, closed.during, closed.after].map(Share::percent), ["100", "0", "100"]);
        assert_eq!(closed.recovered_ms, Some(0));
        let though_closed = of("registry", "create-api", |_| (true, false));
        assert_eq!(though_closed.quickest_ms, Some(3));
        assert!(though_closed.difference.unwrap().contains("99 of 99 answers were good, none"));

        let open = of("registry", "find-api", |s| (true, broken(s)));
        assert_eq!((open.difference.as_deref(), open.quickest_ms), (None, None));
        assert!(open.first_degraded_ms.is_some_and(|ms| ms <= 100), "{open:?}");
        let silent = of("registry", "find-api", |_| (true, false));
        assert!(silent.difference.unwrap().contains("99 of 99 good answers don't say"));
        let refused = of("registry", "find-api", |s| (!broken(s), false));
        assert!(refused.difference.unwrap().contains("0 of 99 answers were good, all"));

        let stays_away = of("registry", "find-api", |s| (s < 26.0, broken(s)));
        assert!(stays_away.difference.unwrap().contains("0 of 39 answers were good from 5 s"));
        assert_eq!(stays_away.recovered_ms, None);
        let untouched = of("notification", "list-notifications", |_| (true, false));
        assert_eq!((untouched.difference, untouched.edge), (None, None));
    }
}
