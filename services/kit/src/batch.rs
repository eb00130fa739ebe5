//! Reads by key that share statements: one statement answers all requests that wait already, and never waits for more.
//!
//! A statement costs the database more than a row does, so under load one statement answers many requests; alone a request
//! is answered by a statement of its own, at once. Every key has its own answer: what is a 402 or a 404 to one request is
//! nothing to its neighbours, and a statement that fails is tried again key by key, so that no request can harm another.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use diesel::PgConnection;
use tokio::sync::oneshot;

use crate::app::Sharing;
use crate::error::Busy;
use crate::threads::{Activity, Fate, Lane, Run, Timing, Turn, answered, perform};
use crate::{Ctx, Db, Error};

/// What a read answers to many keys: one result for each, in their order; or that the statement itself failed.
pub type Found<V> = Result<Vec<Result<V, Error>>, Error>;

type Answer<V> = oneshot::Receiver<(Result<V, Error>, Timing)>;

/// How many keys are read at once.
type Find<K, V> = Box<dyn Fn(&[K]) -> Found<V> + Send + Sync>;

/// A read by key, which handlers take as `Data<Batch<K, V>>`; put there with [`crate::Routes::data`].
pub struct Batch<K, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K, V> {
    find: Find<K, V>,
    state: Mutex<State<K, V>>,
}

struct Waiting<K, V> {
    key: K,
    since: Instant,
    answer: oneshot::Sender<(Result<V, Error>, Timing)>,
}

/// Whenever something waits, a turn is queued or one is running, which looks again when it ends.
struct State<K, V> {
    waiting: VecDeque<Waiting<K, V>>,
    /// Keys ever taken from those that wait: these have the numbers after that.
    taken: u64,
    queued: bool,
    running: Vec<Running>,
}

/// A statement that runs: by which thread, and for which numbers.
struct Running {
    activity: Arc<Activity>,
    from: u64,
    to: u64,
}

impl<K, V> Batch<K, V>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
{
    /// Of a function that reads many keys, each as if it had been read alone.
    pub fn of(db: Db, find: impl Fn(&mut PgConnection, &[K]) -> Found<V> + Send + Sync + 'static) -> Arc<Self> {
        Self::with(move |keys| db.read(|connection| find(connection, keys)))
    }

    fn with(find: impl Fn(&[K]) -> Found<V> + Send + Sync + 'static) -> Arc<Self> {
        let shared = Shared {
            find: Box::new(find),
            state: Mutex::new(State { waiting: VecDeque::new(), taken: 0, queued: false, running: Vec::new() }),
        };
        Arc::new(Self { shared: Arc::new(shared) })
    }

    /// What stands under this key, read on a thread of the read lane. A full queue is a 503 at once.
    pub async fn find(&self, ctx: &Ctx, key: K) -> Result<V, Error> {
        let (lane, sharing) = (&ctx.app().lanes.read, ctx.app().sharing);
        let (result, timing) = if sharing.max == 1 {
            let shared = Arc::clone(&self.shared);
            lane.run(move || only((shared.find)(&[key])?)).await
        } else {
            match self.shared.push(key, lane, sharing) {
                Some((number, answer)) => answered(answer, lane.patience(), || self.shared.fate(number, lane))
                    .await
                    .unwrap_or_else(|busy| (Err(Error::Busy(busy)), Timing::default())),
                None => (Err(Error::Busy(Busy::Queue)), Timing::default()),
            }
        };
        ctx.add_timing(timing);
        result
    }
}

impl<K, V> Shared<K, V>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
{
    /// No code that can panic runs under this lock, so the queue in a poisoned one is complete.
    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: &Arc<Self>, key: K, lane: &Lane, sharing: Sharing) -> Option<(u64, Answer<V>)> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.lock();
        if state.waiting.len() >= lane.max() {
            return None;
        }
        state.waiting.push_back(Waiting { key, since: Instant::now(), answer });
        self.schedule(&mut state, lane, sharing, Lane::push);
        if !state.queued && state.moving(lane) == 0 {
            // The lane takes no more, and no later turn would answer this one.
            state.waiting.pop_back();
            return None;
        }
        lane.waits_elsewhere(1);
        Some((state.taken + u64::try_from(state.waiting.len()).unwrap_or_default(), answered))
    }

    /// What has become of the key with this number, which somebody has waited for long.
    fn fate(&self, number: u64, lane: &Lane) -> Fate {
        let state = self.lock();
        let of = state.running.iter().find(|running| (running.from..=running.to).contains(&number));
        match of {
            Some(running) if lane.hangs(&running.activity) => Fate::Lost,
            None if number > state.taken => Fate::Waiting,
            _ => Fate::Running,
        }
    }

    /// Queues a turn if something waits and more turns may run.
    fn schedule(
        self: &Arc<Self>,
        state: &mut State<K, V>,
        lane: &Lane,
        sharing: Sharing,
        push: fn(&Lane, Run) -> Option<u64>,
    ) {
        if state.queued || state.waiting.is_empty() || state.moving(lane) >= sharing.together {
            return;
        }
        let (shared, on) = (Arc::clone(self), lane.clone());
        // How long each key waited is its own matter, not the turn's.
        state.queued = push(lane, Box::new(move |_| shared.turn(&on, sharing))).is_some();
        if state.queued {
            lane.waits_elsewhere(-1);
        }
    }

    /// Answers what waits, a statement's worth of it. Then other work of the lane has its turn, unless the lane is closed.
    fn turn(self: &Arc<Self>, lane: &Lane, sharing: Sharing) {
        let mut state = self.lock();
        state.queued = false;
        lane.waits_elsewhere(1);
        loop {
            let count = state.waiting.len().min(sharing.max);
            let taken: Vec<_> = state.waiting.drain(..count).collect();
            let (activity, from) = (Activity::mine(), state.taken + 1);
            state.taken += u64::try_from(count).unwrap_or_default();
            let to = state.taken;
            state.running.push(Running { activity: Arc::clone(&activity), from, to });
            self.schedule(&mut state, lane, sharing, Lane::push_rest);
            drop(state);
            lane.waits_elsewhere(-(isize::try_from(count).unwrap_or_default()));
            self.answer(taken, lane, sharing);
            state = self.lock();
            state.running.retain(|running| !Arc::ptr_eq(&running.activity, &activity));
            self.schedule(&mut state, lane, sharing, Lane::push_rest);
            if state.queued || state.moving(lane) > 0 || state.waiting.is_empty() {
                return;
            }
        }
    }

    /// Requests that waited too long, or whose client has gone, are left out of the statement.
    fn answer(&self, mut taken: Vec<Waiting<K, V>>, lane: &Lane, sharing: Sharing) {
        taken.retain(|one| !one.answer.is_closed());
        let (late, taken): (Vec<_>, Vec<_>) = taken.into_iter().partition(|one| one.since.elapsed() > lane.patience());
        for one in late {
            one.end(Err(Error::Busy(Busy::Queue)), Timing::default());
        }
        let mut keys: Vec<K> = taken.iter().map(|one| one.key.clone()).collect();
        match keys.as_slice() {
            [] => return,
            [one] if sharing.always => keys.push(one.clone()),
            _ => {}
        }
        let waited: Vec<_> = taken.iter().map(|one| one.since.elapsed()).collect();
        let count = keys.len();
        let (found, timing) = perform(Turn::Run(std::time::Duration::ZERO), || {
            (self.find)(&keys).and_then(|values| counted(values, count))
        });
        match found {
            Ok(values) => {
                for ((one, value), queue) in taken.into_iter().zip(values).zip(waited) {
                    one.end(value, Timing { queue, ..timing });
                }
            }
            Err(error) if count == 1 || concerns_all(&error) => {
                for (one, queue) in taken.into_iter().zip(waited) {
                    one.end(Err(error.clone()), Timing { queue, ..timing });
                }
            }
            Err(error) => {
                tracing::warn!(%error, keys = count, "a shared read failed: each of it is tried alone");
                // Only of those who still wait: up to a whole statement's worth of single ones follow each other here.
                for one in taken.into_iter().filter(|one| !one.answer.is_closed()) {
                    let turn =
                        if one.since.elapsed() > lane.patience() { Turn::Late } else { Turn::Run(one.since.elapsed()) };
                    let key = one.key.clone();
                    let (value, timing) = perform(turn, || only((self.find)(&[key])?));
                    one.end(value, timing);
                }
            }
        }
    }
}

impl<K, V> State<K, V> {
    /// Statements that run and may be expected to end: one that hangs must not hold up those that wait.
    fn moving(&self, lane: &Lane) -> usize {
        self.running.iter().filter(|running| !lane.hangs(&running.activity)).count()
    }
}

impl<K, V> Waiting<K, V> {
    fn end(self, value: Result<V, Error>, timing: Timing) {
        // Nobody waits any more: the answer is dropped.
        let _ = self.answer.send((value, timing));
    }
}

/// The database is away, or has no connection to spare: asking for each alone would only take longer.
fn concerns_all(error: &Error) -> bool {
    matches!(error, Error::Busy(Busy::Pool | Busy::Closed | Busy::Refused | Busy::Resources))
}

fn only<V>(values: Vec<Result<V, Error>>) -> Result<V, Error> {
    counted(values, 1)?.pop().unwrap_or_else(|| Err(Error::internal("a read by key has no answer")))
}

/// Were an answer missing, the ones behind it would be given to the wrong requests.
fn counted<V>(values: Vec<Result<V, Error>>, count: usize) -> Found<V> {
    if values.len() == count {
        return Ok(values);
    }
    let (cause, found) = ("a shared read gave another number of answers", values.len());
    Err(Error::internal(format!("{cause}: {found} for {count}")))
}

/// Rows of `unnest(…) with ordinality`, put where their keys stood; each of the keys has exactly one.
pub fn in_order<T>(count: usize, rows: impl IntoIterator<Item = (i64, T)>) -> Result<Vec<T>, Error> {
    let mut slots: Vec<Option<T>> = std::iter::repeat_with(|| None).take(count).collect();
    let wrong = || Error::internal("a shared read gave a row that nobody asked for, or one twice");
    for (ordinal, row) in rows {
        let index = usize::try_from(ordinal - 1).map_err(|_| wrong())?;
        let slot = slots.get_mut(index).ok_or_else(wrong)?;
        if slot.replace(row).is_some() {
            return Err(wrong());
        }
    }
    let all: Option<Vec<T>> = slots.into_iter().collect();
    all.ok_or_else(|| Error::internal("a shared read has no row for one of its keys"))
}

#[cfg(test)]
mod tests;
