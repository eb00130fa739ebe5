//! How long a start waits for one thing, and what ends it earlier.

use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::Failure;

/// How often it is looked whether to go on waiting.
const TICK: Duration = Duration::from_millis(20);

/// Until a deadline, or until the whole start shall end.
#[derive(Clone, Debug)]
pub struct Patience {
    stop: Arc<AtomicBool>,
    /// How long it goes on once it shall end.
    grace: Duration,
    /// Since when it shall.
    stopped: Arc<OnceLock<Instant>>,
    until: Instant,
}

impl Patience {
    /// For so long from now on, unless `stop` becomes true.
    pub fn new(within: Duration, stop: &Arc<AtomicBool>) -> Self {
        let until = Instant::now() + within;
        Self { stop: Arc::clone(stop), grace: Duration::ZERO, stopped: Arc::default(), until }
    }

    /// It may still take so long where it was stopped: what is nearly done is finished.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// For one of several things after another: so long from now on, and stopped when all are.
    #[must_use]
    pub fn again(&self, within: Duration) -> Self {
        Self { until: Instant::now() + within, ..self.clone() }
    }

    /// For so long, whatever happens.
    pub fn of(within: Duration) -> Self {
        Self::new(within, &Arc::default())
    }

    /// A short while.
    ///
    /// # Errors
    /// When it was stopped, or with what `late` says when the deadline is over.
    pub fn wait(&self, late: impl FnOnce() -> String) -> Result<(), Failure> {
        self.check(late)?;
        std::thread::sleep(TICK);
        Ok(())
    }

    fn check(&self, late: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.stop.load(Ordering::Relaxed) && self.stopped.get_or_init(Instant::now).elapsed() >= self.grace {
            return Err(Failure::could_not_run("Stopped before everything was up."));
        }
        if Instant::now() > self.until {
            return Err(Failure::could_not_run(late()));
        }
        Ok(())
    }

    /// Does what can't be interrupted, on a thread of its own. Where that takes too long it may still come to an end within
    /// `grace`, so that what it has started is stopped in order; after that it is left alone.
    ///
    /// # Errors
    /// As for [`Self::wait`].
    pub fn call<T: Send + 'static>(
        &self,
        late: impl Fn() -> String,
        grace: Duration,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = mpsc::channel();
        std::thread::spawn(move || {
            // Nobody waits any more: then it is dropped here, which stops it.
            let _ = answer.send(work());
        });
        loop {
            match answered.recv_timeout(TICK) {
                Ok(done) => return done,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::could_not_run("A thread of the start ended early."));
                }
            }
            if let Err(over) = self.check(&late) {
                let _ = answered.recv_timeout(grace);
                return Err(over);
            }
        }
    }

    /// Waits for a child's end, and ends it where that takes too long.
    ///
    /// # Errors
    /// As for [`Self::wait`]; or when it can't be waited for.
    pub fn end_of(&self, child: &mut Child, late: impl Fn() -> String) -> Result<ExitStatus, Failure> {
        loop {
            let ended = child
                .try_wait()
                .map_err(|error| Failure::could_not_run(format!("A child can't be waited for: {error}.")))?;
            if let Some(status) = ended {
                return Ok(status);
            }
            if let Err(over) = self.wait(&late) {
                let _ = child.kill();
                let _ = child.wait();
                return Err(over);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn late() -> String {
        "late".into()
    }

    #[test]
    fn what_hangs_is_left_at_the_deadline_or_when_stopped() {
        let (_held, never) = mpsc::channel::<()>();
        let hang = move || never.recv().map_err(|_| Failure::could_not_run("not held"));
        let over = Patience::of(TICK).call(late, Duration::ZERO, hang).unwrap_err();
        assert_eq!(over.to_string(), "late");
        let stop = Arc::new(AtomicBool::new(true));
        let (_held, never) = mpsc::channel::<()>();
        let hang = move || never.recv().map_err(|_| Failure::could_not_run("not held"));
        let over = Patience::new(Duration::from_secs(60), &stop).call(late, Duration::ZERO, hang).unwrap_err();
        assert!(over.to_string().starts_with("Stopped"), "{over}");
    }

    #[test]
    fn what_is_stopped_may_be_finished_within_its_grace() {
        let stop = Arc::new(AtomicBool::new(true));
        let all = Patience::new(Duration::from_secs(60), &stop).with_grace(Duration::from_millis(200));
        assert!(all.again(Duration::from_secs(60)).wait(late).is_ok(), "its grace begins with the first look");
        let began = Instant::now();
        let over = std::iter::repeat_with(|| all.again(Duration::from_secs(60)).wait(late)).find_map(Result::err);
        assert!(over.is_some_and(|over| over.to_string().starts_with("Stopped")));
        assert!(began.elapsed() < Duration::from_secs(30), "the grace is not of each thing anew");
    }

    #[test]
    fn a_child_that_hangs_is_ended() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        assert_eq!(Patience::of(TICK).end_of(&mut child, late).unwrap_err().to_string(), "late");
        assert!(child.try_wait().unwrap().is_some(), "waited for");
        let mut child = Command::new("true").spawn().unwrap();
        assert!(Patience::of(Duration::from_secs(60)).end_of(&mut child, late).unwrap().success());
    }
}
