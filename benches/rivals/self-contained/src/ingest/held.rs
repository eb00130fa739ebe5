//! Records on their way from the log to the copies. They wait for as long as is asked for, which is not at all but in an experiment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Each waits by itself, so that the delay isn't added up where many come at once.
pub struct Held<T> {
    delay: Duration,
    waiting: VecDeque<(Instant, T)>,
}

impl<T> Held<T> {
    /// Each waits so long.
    pub fn new(delay: Duration) -> Self {
        Self { delay, waiting: VecDeque::new() }
    }

    /// One that has just come.
    pub fn push(&mut self, one: T) {
        self.waiting.push_back((Instant::now() + self.delay, one));
    }

    /// The first one that has waited long enough.
    pub fn pop(&mut self) -> Option<T> {
        let (due, _) = self.waiting.front()?;
        if *due > Instant::now() {
            return None;
        }
        self.waiting.pop_front().map(|(_, one)| one)
    }

    /// How long others may be waited for: until the first one is due, and so long at the most.
    pub fn patience(&self, most: Duration) -> Duration {
        let due = self.waiting.front().map(|(due, _)| due.saturating_duration_since(Instant::now()));
        due.map_or(most, |due| due.min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn without_a_delay_nothing_waits() {
        let mut held = Held::new(Duration::ZERO);
        assert_eq!(held.patience(LONG), LONG, "nobody is there to be done with");
        held.push(1);
        held.push(2);
        assert_eq!(held.patience(LONG), Duration::ZERO);
        assert_eq!([held.pop(), held.pop(), held.pop()], [Some(1), Some(2), None]);
    }

    #[test]
    fn each_waits_for_its_own_moment() {
        let mut held = Held::new(LONG);
        held.push(1);
        assert_eq!(held.pop(), None);
        assert!(held.patience(LONG) < LONG && held.patience(Duration::ZERO) == Duration::ZERO);
        let short = Duration::from_millis(20);
        let mut held = Held::new(short);
        let began = Instant::now();
        held.push(1);
        let found = std::iter::repeat_with(|| held.pop()).find_map(|one| one);
        assert!(found == Some(1) && began.elapsed() >= short);
    }
}
