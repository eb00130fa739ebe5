//! Progress of what takes long: on a terminal's standard error, with a total, from the second second on.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

/// Nothing is printed before.
const QUIET: Duration = Duration::from_secs(2);

/// One line that is written over: `1,200 of 2,500 statements resolved`.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: usize,
    done: usize,
    started: Instant,
    printed: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// Of so many steps; `what` follows their numbers.
    #[must_use]
    pub fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, done: 0, started: Instant::now(), printed: None, terminal: stderr().is_terminal() }
    }

    /// One more is done. A terminal sees it ten times a second, a log every ten seconds.
    pub fn step(&mut self) {
        self.done += 1;
        let pause = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(10) };
        let now = Instant::now();
        if now - self.started < QUIET || self.printed.is_some_and(|last| now - last < pause) {
            return;
        }
        self.printed = Some(now);
        let end = if self.terminal { "\r" } else { "\n" };
        let _ = write!(stderr(), "{}{end}", self.line());
    }

    fn line(&self) -> String {
        format!("dba: {} of {} {}", self.done, self.total, self.what)
    }
}

impl Drop for Progress {
    /// A terminal's line is emptied: results follow.
    fn drop(&mut self) {
        if self.terminal && self.printed.is_some() {
            let _ = write!(stderr(), "\r{}\r", " ".repeat(self.line().len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn says_how_much_of_what() {
        let mut progress = Progress::new("statements resolved", 3);
        progress.step();
        assert_eq!((progress.line().as_str(), progress.printed), ("dba: 1 of 3 statements resolved", None));
    }
}
