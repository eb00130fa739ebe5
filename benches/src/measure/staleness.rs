//! How old what Registry shows of Profile is, all the time: one person gets another name ten times a second, and somebody reads it all the
//! while. What is shown is as old as the first name that was acknowledged before the question and isn't shown yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::freshness::Person;
use crate::Failure;
use crate::system::Site;

/// How often the person gets another name.
const WRITE: Duration = Duration::from_millis(100);
/// How often it is read.
const READ: Duration = Duration::from_millis(25);
/// Of each slice of the curve the most is kept.
const SLICE: Duration = Duration::from_millis(250);
/// Copies this old count as up to date again: several times what is usual, and far from what an outage makes of it.
const FRESH: Duration = Duration::from_millis(250);
const NAME: &str = "Known since ";

/// How old it was around a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Staleness {
    /// At most, before anything was broken.
    pub before_ms: u64,
    /// At most, from then on.
    pub most_ms: u64,
    /// From the order to repair the part until it was fresh for good; none: not before observing ended.
    pub drained_ms: Option<u64>,
    /// The most in each quarter of a second in which somebody was answered.
    pub curve: Vec<Point>,
}

/// How old it was at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Point {
    /// Since the part was broken; negative before.
    pub at_ms: i64,
    /// How old.
    pub behind_ms: u64,
}

/// The most of some points.
#[must_use]
pub fn most(points: &[Point]) -> u64 {
    points.iter().map(|point| point.behind_ms).max().unwrap_or_default()
}

/// When each name was acknowledged, by its number.
type Known = Arc<Mutex<Vec<Instant>>>;

/// A writer and a reader at work, until this is dropped.
pub struct Watch {
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
    reader: Option<JoinHandle<Vec<(Instant, Duration)>>>,
}

/// What the reader saw: when, and how old.
#[derive(Debug)]
pub struct Seen(Vec<(Instant, Duration)>);

impl Watch {
    /// Begins.
    ///
    /// # Errors
    /// When there is no person to be renamed.
    pub fn start(site: &dyn Site) -> Result<Self, Failure> {
        let (stop, known) = (Arc::new(AtomicBool::new(false)), Known::default());
        let (writing, reading) = (Person::find(site)?, Person::find(site)?);
        let (until, acknowledged) = (Arc::clone(&stop), Arc::clone(&known));
        let writer = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                let began = Instant::now();
                let number = acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len();
                // Where Profile is away nothing gets older.
                if writing.rename(&format!("{NAME}{number}")).is_ok() {
                    acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                }
                std::thread::sleep(WRITE.saturating_sub(began.elapsed()));
            }
        });
        let until = Arc::clone(&stop);
        let reader = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while !until.load(Ordering::Relaxed) {
                let began = Instant::now();
                if let Ok(Some(name)) = reading.shown() {
                    let shown = name.strip_prefix(NAME).and_then(|number| number.parse::<usize>().ok());
                    let next = shown.map_or(0, |number| number + 1);
                    let first = known.lock().unwrap_or_else(PoisonError::into_inner).get(next).copied();
                    seen.push((began, first.map_or(Duration::ZERO, |first| began.saturating_duration_since(first))));
                }
                std::thread::sleep(READ.saturating_sub(began.elapsed()));
            }
            seen
        });
        Ok(Self { stop, writer: Some(writer), reader: Some(reader) })
    }

    /// Ends.
    #[must_use]
    pub fn finish(mut self) -> Seen {
        Seen(self.end())
    }

    fn end(&mut self) -> Vec<(Instant, Duration)> {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.writer.take().map(JoinHandle::join);
        self.reader.take().and_then(|reader| reader.join().ok()).unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

impl Seen {
    /// As the outcome of a failure from `broken` to `repaired`.
    #[must_use]
    pub fn around(&self, broken: Instant, repaired: Instant) -> Staleness {
        let most = |wanted: &dyn Fn(Instant) -> bool| {
            let all = self.0.iter().filter(|(at, _)| wanted(*at)).map(|(_, behind)| behind.as_millis() as u64);
            all.max().unwrap_or_default()
        };
        let stale = self.0.iter().rposition(|(at, behind)| *at >= repaired && *behind > FRESH);
        let fresh = match stale {
            Some(last) => self.0.get(last + 1).map(|(at, _)| *at),
            None => self.0.iter().any(|(at, _)| *at >= repaired).then_some(repaired),
        };
        let mut curve: Vec<Point> = Vec::new();
        for (at, behind) in &self.0 {
            let since = at.saturating_duration_since(broken).as_millis() as i64
                - broken.saturating_duration_since(*at).as_millis() as i64;
            let point = Point {
                at_ms: since.div_euclid(SLICE.as_millis() as i64) * SLICE.as_millis() as i64,
                behind_ms: behind.as_millis() as u64,
            };
            match curve.last_mut() {
                Some(last) if last.at_ms == point.at_ms => last.behind_ms = last.behind_ms.max(point.behind_ms),
                _ => curve.push(point),
            }
        }
        Staleness {
            before_ms: most(&|at| at < broken),
            most_ms: most(&|at| at >= broken),
            drained_ms: fresh.map(|at| (at - repaired).as_millis() as u64),
            curve,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fresh until 2 s, then older and older until 6 s, and fresh again from 7 s on.
    #[test]
    fn the_curve_of_an_outage() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let behind = |ms: u64| if (2000..7000).contains(&ms) { ms - 2000 } else { 10 };
        let seen = Seen((0..100).map(|n| (at(n * 100), Duration::from_millis(behind(n * 100)))).collect());
        let found = seen.around(at(2000), at(6000));
        assert_eq!((found.before_ms, found.most_ms, found.drained_ms), (10, 4900, Some(1000)));
        assert_eq!(found.curve[0], Point { at_ms: -2000, behind_ms: 10 });
        assert_eq!(found.curve.len(), 40);
        assert_eq!(most(&found.curve[8..10]), 400);
        assert_eq!(seen.around(at(2000), at(9950)).drained_ms, None);
        let never = Seen((0..10).map(|n| (at(n * 100), Duration::from_secs(n))).collect());
        assert_eq!(never.around(at(0), at(500)).drained_ms, None);
    }
}
