//! Single flight and cache in one: one call for each question at a time, and an answer serves whoever asked before its call
//! began, or at most the time to live after that. With a time to live of 0 nobody so gets an answer older than the own question, and
//! nothing is kept once nobody waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Answers that are kept, and what they may weigh together; beyond either, those that nobody waits for are forgotten.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 32 << 20;

type Slot<V> = Arc<tokio::sync::Mutex<Option<(Instant, V)>>>;

/// The answers to questions, shared.
#[derive(Debug)]
pub struct Flights<V> {
    kept: Mutex<Kept<V>>,
}

/// By question, with what each answer weighs; and the sum.
#[derive(Debug)]
struct Kept<V> {
    slots: HashMap<String, (Slot<V>, usize)>,
    bytes: usize,
}

impl<V> Default for Flights<V> {
    fn default() -> Self {
        Self { kept: Mutex::new(Kept { slots: HashMap::new(), bytes: 0 }) }
    }
}

impl<V> Kept<V> {
    /// Forgets what nobody waits for.
    fn forget_all(&mut self) {
        self.slots.retain(|_, (slot, _)| Arc::strong_count(slot) > 1);
        self.bytes = self.slots.values().map(|(_, bytes)| bytes).sum();
    }
}

impl<V: Clone> Flights<V> {
    /// The answer to `question`: another's where it may serve, else that of a `call`. `keeps` gives the weight in bytes of an answer that may be
    /// used for the time to live; one that may not (a failure, somebody's absence) serves only those who waited for it.
    pub async fn ask<F>(
        &self,
        question: &str,
        ttl: Duration,
        keeps: impl Fn(&V) -> Option<usize>,
        call: impl FnOnce() -> F,
    ) -> V
    where
        F: Future<Output = V>,
    {
        let arrived = Instant::now();
        let slot = self.slot(question);
        let mut last = slot.lock().await;
        let served = last.as_ref().and_then(|(began, answer)| {
            let ttl = if keeps(answer).is_some() { ttl } else { Duration::ZERO };
            (*began + ttl >= arrived).then(|| answer.clone())
        });
        let answer = match served {
            Some(answer) => answer,
            None => {
                let began = Instant::now();
                let answer = call().await;
                *last = Some((began, answer.clone()));
                answer
            }
        };
        drop(last);
        let weight = keeps(&answer).filter(|_| !ttl.is_zero());
        self.done(question, &slot, weight);
        answer
    }

    /// Notes the weight of an answer that is kept; forgets one that isn't, once nobody waits for it.
    fn done(&self, question: &str, slot: &Slot<V>, weight: Option<usize>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((known, bytes)) = kept.slots.get_mut(question) else { return };
        if !Arc::ptr_eq(known, slot) {
            return;
        }
        match weight {
            Some(weight) => {
                let before = std::mem::replace(bytes, weight);
                kept.bytes = kept.bytes + weight - before;
            }
            // The map's and this one's.
            None if Arc::strong_count(slot) == 2 => {
                let before = *bytes;
                kept.slots.remove(question);
                kept.bytes -= before;
            }
            None => {}
        }
        if kept.bytes > MOST_BYTES {
            kept.forget_all();
        }
    }

    fn slot(&self, question: &str) -> Slot<V> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((slot, _)) = kept.slots.get(question) {
            return Arc::clone(slot);
        }
        if kept.slots.len() >= MOST {
            kept.forget_all();
        }
        Arc::clone(&kept.slots.entry(question.to_owned()).or_default().0)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;
    use proptest::prelude::*;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(future)
    }

    /// One who asks after `wait` milliseconds; when it asked, and when the call that served it began.
    async fn asker(flights: &Flights<Instant>, ttl: Duration, calls: &Cell<u32>, wait: u64) -> (Instant, Instant) {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let asked = Instant::now();
        let call = || async {
            calls.set(calls.get() + 1);
            let began = Instant::now();
            tokio::time::sleep(Duration::from_millis(5)).await;
            began
        };
        (asked, flights.ask("q", ttl, |_| Some(8), call).await)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn no_answer_is_older_than_its_question(waits in prop::collection::vec(0u64..30, 1..30), ttl in prop::sample::select(vec![0u64, 8])) {
            let (flights, calls, ttl) = (Flights::default(), Cell::new(0), Duration::from_millis(ttl));
            let all = run(join_all(waits.iter().map(|wait| asker(&flights, ttl, &calls, *wait))));
            for (asked, began) in all {
                // The call's own beginning is measured a moment after the one that decides.
                prop_assert!(began + ttl >= asked);
            }
            prop_assert!(calls.get() as usize <= waits.len());
        }
    }

    #[test]
    fn those_who_ask_at_once_share_two_calls() {
        let (flights, calls) = (Flights::default(), Cell::new(0));
        run(join_all((0..50).map(|_| asker(&flights, Duration::ZERO, &calls, 0))));
        assert!((1..=2).contains(&calls.get()), "{}", calls.get());
    }

    #[test]
    fn what_may_not_be_kept_is_asked_again() {
        let flights = Flights::default();
        let calls = Cell::new(0);
        let ask = || async { calls.set(calls.get() + 1) };
        let long = Duration::from_secs(60);
        run(async {
            flights.ask("q", long, |()| None, ask).await;
            flights.ask("q", long, |()| None, ask).await;
        });
        assert_eq!(calls.get(), 2);
    }

    #[test]
    fn the_memory_is_bounded() {
        let flights = Flights::default();
        let kept = || {
            let kept = flights.kept.lock().expect("no panic");
            (kept.slots.len(), kept.bytes)
        };
        run(async {
            for n in 0..30_000 {
                flights.ask(&n.to_string(), Duration::ZERO, |_| Some(1), || async { n }).await;
            }
            assert_eq!(kept(), (0, 0), "nothing is kept for no time");
            for n in 0..30_000 {
                flights.ask(&n.to_string(), Duration::from_secs(60), |_| Some(1), || async { n }).await;
            }
            assert!(kept().0 <= MOST, "{:?}", kept());
            for n in 0..100 {
                flights.ask(&n.to_string(), Duration::from_secs(60), |_| Some(MOST_BYTES / 10), || async { n }).await;
                assert!(kept().1 <= MOST_BYTES, "{:?}", kept());
            }
        });
    }
}
