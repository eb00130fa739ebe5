//! A job's turn on a thread, and what becomes of whoever waits for it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::sync::oneshot;

use super::timing::{self, Timing};
use crate::error::{Busy, Error};

/// How often somebody whose job has begun looks whether its thread hangs.
const LOOK: Duration = Duration::from_millis(50);

/// What becomes of a job when its turn comes.
pub(crate) enum Turn {
    /// It runs, after so long a wait.
    Run(Duration),
    /// It waited too long: its answer would come too late.
    Late,
}

/// What is done in one turn.
pub(crate) type Run = Box<dyn FnOnce(Turn) + Send>;

/// Where a job is that somebody has waited for longer than the lane's patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    Running,
    /// With a thread that hangs.
    Lost,
}

/// The answer, if it comes in time: at once where it is there, and else as long as `fate` doesn't say that it is lost.
pub(crate) async fn answered<T>(
    mut answer: oneshot::Receiver<T>,
    patience: Duration,
    fate: impl Fn() -> Fate,
) -> Result<T, Busy> {
    let mut wait = patience;
    loop {
        match tokio::time::timeout(wait, &mut answer).await {
            // One that never comes was thrown away at shutdown.
            Ok(answered) => return answered.map_err(|_| Busy::Queue),
            Err(_) => match fate() {
                Fate::Waiting => return Err(Busy::Queue),
                Fate::Lost => return Err(Busy::Hangs),
                Fate::Running => wait = LOOK,
            },
        }
    }
}

/// Does a turn's work on this thread, and counts where its time went. A panic is an error.
pub(crate) fn perform<T>(turn: Turn, work: impl FnOnce() -> Result<T, Error>) -> (Result<T, Error>, Timing) {
    let Turn::Run(queue) = turn else {
        return (Err(Error::Busy(Busy::Queue)), Timing::default());
    };
    timing::start();
    // What the closure owned is gone with it, and a connection it held is dropped by the pool: nothing half done is seen.
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::internal(message(&*panic))));
    (result, Timing { queue, ..timing::end() })
}

pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!("panic: {text}")
}
