//! What the load saw of each service within the last two seconds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::load::driver::{Load, Outcome};

/// What is over for longer isn't shown any more.
const WINDOW: Duration = Duration::from_secs(2);

/// All services, by name.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<BTreeMap<String, Service>>);

#[derive(Debug, Default)]
struct Service {
    /// When each answer came, how long it took from when its request was due, and whether it was one that the contract promises.
    answers: VecDeque<(Instant, Duration, bool)>,
    unanswered: usize,
}

/// As the page shows it.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    name: String,
    per_second: f64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    errors_per_second: f64,
    unanswered: usize,
}

impl Figures {
    /// Counts what this load sends and what becomes of it.
    pub(super) fn watch(self: &Arc<Self>, load: &mut Load) {
        let (of, name, call) = (Arc::clone(self), load.service.clone(), Arc::clone(&load.call));
        load.call = Arc::new(move |arrival| {
            of.lock().entry(name.clone()).or_default().unanswered += 1;
            call(arrival)
        });
        let (of, name, answered) = (Arc::clone(self), load.service.clone(), load.answered.take());
        load.answered = Some(Arc::new(move |answer| {
            if let Some(answered) = &answered {
                answered(answer);
            }
            of.answered(&name, Instant::now(), answer.took, Outcome::of_status(answer.status).is_good());
        }));
    }

    fn answered(&self, service: &str, at: Instant, took: Duration, good: bool) {
        let mut all = self.lock();
        let service = all.entry(service.to_owned()).or_default();
        service.unanswered = service.unanswered.saturating_sub(1);
        service.answers.push_back((at, took, good));
        forget(service, at);
    }

    /// Of all services that were ever asked.
    pub(super) fn lines(&self, now: Instant) -> Vec<Line> {
        let line = |(name, service): (&String, &mut Service)| {
            forget(service, now);
            let mut took: Vec<Duration> = service.answers.iter().map(|(_, took, _)| *took).collect();
            took.sort_unstable();
            // The nearest rank: of few answers an interpolated p95 would be one that nobody saw.
            let at = |q: f64| {
                let place = (q * took.len() as f64).ceil() as usize;
                took.get(place.saturating_sub(1)).map(|took| took.as_secs_f64() * 1000.0)
            };
            let per_second = |count: usize| count as f64 / WINDOW.as_secs_f64();
            Line {
                name: name.clone(),
                per_second: per_second(took.len()),
                p50_ms: at(0.5),
                p95_ms: at(0.95),
                errors_per_second: per_second(service.answers.iter().filter(|(.., good)| !good).count()),
                unanswered: service.unanswered,
            }
        };
        self.lock().iter_mut().map(line).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Service>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(service: &mut Service, now: Instant) {
    while service.answers.front().is_some_and(|(at, ..)| now.duration_since(*at) > WINDOW) {
        service.answers.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_for_two_seconds_is_gone() {
        let figures = Figures::default();
        let began = Instant::now();
        for ms in 1..=20 {
            figures.answered("registry", began, Duration::from_millis(ms), ms < 20);
        }
        let lines = figures.lines(began + WINDOW);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!((line.per_second, line.errors_per_second), (10.0, 0.5));
        assert_eq!((line.p50_ms, line.p95_ms), (Some(10.0), Some(19.0)));
        let lines = figures.lines(began + WINDOW + Duration::from_millis(1));
        assert_eq!((lines[0].per_second, lines[0].p95_ms), (0.0, None));
    }
}
