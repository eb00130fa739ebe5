//! The three ways, each for one key at a time and for many.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use actix_web::{rt, web};
use tokio::sync::oneshot::{Sender, channel};

use super::CONNECTIONS;
use super::rows::{Answer, ApiKey, Connections, find};

/// A key and who waits for it.
type Waiting = (ApiKey, Sender<Answer>);

/// How a read reaches the database.
pub struct Way {
    shape: Shape,
    pool: Connections,
    max: usize,
}

enum Shape {
    Threads(Arc<Queue>),
    Block(Arc<Queue>),
    Inline,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Threads that wait for a key (`threads`).
    idle: usize,
    /// Whether a blocking task empties it (`block`).
    running: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    /// What one turn of this thread's event loop has brought (`inline`).
    static TURN: RefCell<Vec<Waiting>> = const { RefCell::new(Vec::new()) };
}

impl Way {
    /// Own threads: one for each connection or, where keys share statements, one, so that the next statement gathers.
    pub fn threads(pool: Connections, max: usize) -> Self {
        let queue = Arc::new(Queue::default());
        for _ in 0..if max == 1 { CONNECTIONS } else { 1 } {
            let (queue, pool) = (Arc::clone(&queue), pool.clone());
            std::thread::spawn(move || work(&queue, &pool, max));
        }
        let shape = Shape::Threads(queue);
        Self { shape, pool, max }
    }

    /// actix's own pool of blocking threads.
    pub fn block(pool: Connections, max: usize) -> Self {
        let shape = Shape::Block(Arc::default());
        Self { shape, pool, max }
    }

    /// On the event loop, which waits.
    pub fn inline(pool: Connections, max: usize) -> Self {
        let shape = Shape::Inline;
        Self { shape, pool, max }
    }

    /// What stands under this key.
    pub async fn find(&self, key: ApiKey) -> Answer {
        let (sender, answer) = channel();
        match &self.shape {
            Shape::Inline if self.max == 1 => return first(find(&self.pool, &[key])),
            Shape::Inline => self.gather((key, sender)),
            Shape::Block(_) if self.max == 1 => {
                let pool = self.pool.clone();
                #[expect(clippy::disallowed_methods, reason = "what kit's way is compared with")]
                let found = web::block(move || first(find(&pool, &[key]))).await;
                return found.unwrap_or_default();
            }
            Shape::Block(queue) => self.lend(queue, (key, sender)),
            Shape::Threads(queue) => {
                let mut state = queue.lock();
                state.waiting.push_back((key, sender));
                let wake = state.idle > 0;
                drop(state);
                if wake {
                    queue.ready.notify_one();
                }
            }
        }
        answer.await.unwrap_or_default()
    }

    /// The first key of a turn of the event loop has the others follow it, and answers all.
    fn gather(&self, waiting: Waiting) {
        let first = TURN.with_borrow_mut(|turn| {
            turn.push(waiting);
            turn.len() == 1
        });
        if !first {
            return;
        }
        let (pool, max) = (self.pool.clone(), self.max);
        rt::spawn(async move {
            tokio::task::yield_now().await;
            let mut turn = TURN.take();
            while !turn.is_empty() {
                let rest = turn.split_off(turn.len().min(max));
                answer(&pool, std::mem::replace(&mut turn, rest));
            }
        });
    }

    /// One blocking task at a time empties the queue.
    fn lend(&self, queue: &Arc<Queue>, waiting: Waiting) {
        let mut state = queue.lock();
        state.waiting.push_back(waiting);
        if std::mem::replace(&mut state.running, true) {
            return;
        }
        drop(state);
        let (queue, pool, max) = (Arc::clone(queue), self.pool.clone(), self.max);
        rt::task::spawn_blocking(move || {
            loop {
                let mut state = queue.lock();
                let taken = take(&mut state, max);
                state.running = !taken.is_empty();
                drop(state);
                if taken.is_empty() {
                    return;
                }
                answer(&pool, taken);
            }
        });
    }
}

fn work(queue: &Queue, pool: &Connections, max: usize) {
    loop {
        let mut state = queue.lock();
        while state.waiting.is_empty() {
            state.idle += 1;
            state = queue.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
        let taken = take(&mut state, max);
        drop(state);
        answer(pool, taken);
    }
}

fn take(state: &mut State, max: usize) -> Vec<Waiting> {
    let count = state.waiting.len().min(max);
    state.waiting.drain(..count).collect()
}

fn answer(pool: &Connections, taken: Vec<Waiting>) {
    let keys: Vec<ApiKey> = taken.iter().map(|(key, _)| *key).collect();
    for ((_, sender), found) in taken.into_iter().zip(find(pool, &keys)) {
        // Nobody waits any more: the answer is dropped.
        let _ = sender.send(found);
    }
}

fn first(mut answers: Vec<Answer>) -> Answer {
    answers.pop().flatten()
}
