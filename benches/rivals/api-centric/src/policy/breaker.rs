//! The circuit breaker: after enough failures nobody is asked for a while, then one is, and its answer decides.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many answers are looked back at.
pub const WINDOW: usize = 20;
/// How long nobody is asked, and how long the one who is asked then is waited for.
pub const PAUSE: Duration = Duration::from_secs(2);

/// The right to one call. It is told the call's end with it, so that an answer from before counts for nothing after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass(u64);

#[derive(Debug)]
enum State {
    /// Everybody may call; the last answers, true for a good one.
    Closed(VecDeque<bool>),
    /// Nobody may, until then.
    Open(Instant),
    /// One is asking, since then.
    HalfOpen(Instant),
}

/// The breaker of one neighbour. Opens at 10 failures among the last 20 answers, so after 10 failures at the earliest.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    /// Counts the changes of state.
    era: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed(VecDeque::with_capacity(WINDOW)), era: 0 }
    }
}

impl Breaker {
    /// Whether a call may be made now.
    pub fn admit(&mut self, now: Instant) -> Option<Pass> {
        match self.state {
            State::Closed(_) => {}
            State::Open(until) if now < until => return None,
            // The one who asked never said how it ended: another may.
            State::HalfOpen(since) if now < since + PAUSE => return None,
            State::Open(_) | State::HalfOpen(_) => self.turn(State::HalfOpen(now)),
        }
        Some(Pass(self.era))
    }

    /// A call's end.
    pub fn record(&mut self, pass: Pass, good: bool, now: Instant) {
        if pass.0 != self.era {
            return;
        }
        let next = match &mut self.state {
            State::Closed(last) => {
                if last.len() == WINDOW {
                    last.pop_front();
                }
                last.push_back(good);
                let failures = last.iter().filter(|good| !**good).count();
                (failures * 2 >= WINDOW).then_some(State::Open(now + PAUSE))
            }
            State::HalfOpen(_) if good => Some(State::Closed(VecDeque::with_capacity(WINDOW))),
            State::HalfOpen(_) => Some(State::Open(now + PAUSE)),
            State::Open(_) => None,
        };
        if let Some(next) = next {
            self.turn(next);
        }
    }

    /// Whether anybody may call without asking first.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn ten_failures_open_it_and_one_good_answer_after_the_pause_closes_it() {
        let (start, mut breaker) = (Instant::now(), Breaker::default());
        for _ in 0..10 {
            let pass = breaker.admit(start).expect("still closed");
            breaker.record(pass, false, start);
        }
        assert_eq!(breaker.admit(after(start, 1_999)), None);
        let pass = breaker.admit(after(start, 2_000)).expect("one may ask");
        assert_eq!(breaker.admit(after(start, 2_001)), None, "only one");
        breaker.record(pass, true, after(start, 2_010));
        assert!(breaker.is_closed());
    }

    #[test]
    fn one_who_asked_and_vanished_doesnt_keep_it_open() {
        let (start, mut breaker) = (Instant::now(), Breaker::default());
        for _ in 0..10 {
            let pass = breaker.admit(start).expect("still closed");
            breaker.record(pass, false, start);
        }
        let vanished = breaker.admit(after(start, 2_000)).expect("one may ask");
        let pass = breaker.admit(after(start, 4_000)).expect("another may");
        breaker.record(vanished, false, after(start, 4_001));
        breaker.record(pass, true, after(start, 4_002));
        assert!(breaker.is_closed());
    }

    proptest! {
        /// Whatever the order of answers: while it isn't closed, two calls begin no closer than the pause, and it opens exactly
        /// when half of the last twenty answers of a closed time failed.
        #[test]
        fn its_bounds_hold(steps in prop::collection::vec((0u64..400, any::<bool>(), any::<prop::sample::Index>(), any::<bool>()), 1..400)) {
            let (start, mut now) = (Instant::now(), 0);
            let (mut breaker, mut pending) = (Breaker::default(), Vec::new());
            let (mut asked, mut model) = (None::<u64>, VecDeque::new());
            for (pause, call, which, good) in steps {
                now += pause;
                let closed = breaker.is_closed();
                if call {
                    match breaker.admit(after(start, now)) {
                        Some(pass) => {
                            if !closed {
                                prop_assert!(asked.is_none_or(|last| now >= last + 2_000), "two at once");
                                asked = Some(now);
                                model.clear();
                            }
                            pending.push(pass);
                        }
                        None => prop_assert!(!closed, "refused while closed"),
                    }
                } else if !pending.is_empty() {
                    let pass = pending.swap_remove(which.index(pending.len()));
                    let counts = pass == Pass(breaker.era);
                    breaker.record(pass, good, after(start, now));
                    if closed && counts {
                        model.push_back(good);
                        if model.len() > WINDOW { model.pop_front(); }
                        let failures = model.iter().filter(|good| !**good).count();
                        prop_assert_eq!(breaker.is_closed(), failures < 10);
                        if failures >= 10 { asked = Some(now); }
                    } else if !closed && counts && !good {
                        asked = Some(now);
                    } else {
                        prop_assert!(closed || counts || !breaker.is_closed(), "an answer from before closed it");
                    }
                    if breaker.is_closed() != closed { model.clear(); }
                }
            }
        }
    }
}
