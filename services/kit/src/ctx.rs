//! What a handler knows of its request besides the path and the body.

use std::future::{Ready, ready};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use chrono::{DateTime, Utc};

use crate::app::App;
use crate::auth::Caller;
use crate::db::{SessionId, Timing};
use crate::id::LoginId;
use crate::{Clock, Error};

/// Who does something, when, and in which request: passed to every function that writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The login that asked; none for the service itself and for strangers (sign-up).
    pub actor: Option<LoginId>,
    /// The request's id, or the job's.
    pub request_id: String,
    /// The time by the service's clock: every column of this write that is a time holds it.
    pub now: DateTime<Utc>,
}

impl Meta {
    /// For what the service does by itself.
    pub fn of_job(name: &str, clock: &Clock) -> Self {
        Self { actor: None, request_id: format!("{name}-{}", uuid::Uuid::now_v7()), now: clock.now() }
    }
}

/// Where the time of a request went, in microseconds; `Server-RequestTiming` is made of it.
#[derive(Debug)]
pub(crate) struct RequestTiming {
    pub start: Instant,
    queue: AtomicU64,
    pool: AtomicU64,
    db: AtomicU64,
    elsewhere: AtomicU64,
    session: Mutex<Option<SessionId>>,
}

impl RequestTiming {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            queue: AtomicU64::new(0),
            pool: AtomicU64::new(0),
            db: AtomicU64::new(0),
            elsewhere: AtomicU64::new(0),
            session: Mutex::default(),
        }
    }

    pub fn add(&self, timing: Timing) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.queue.fetch_add(micros(timing.queue), Ordering::Relaxed);
        self.pool.fetch_add(micros(timing.pool), Ordering::Relaxed);
        self.db.fetch_add(micros(timing.db), Ordering::Relaxed);
        self.elsewhere.fetch_add(micros(timing.elsewhere), Ordering::Relaxed);
        if timing.session.is_some() {
            *self.session.lock().unwrap_or_else(PoisonError::into_inner) = timing.session;
        }
    }

    /// The session of the database that was used last.
    pub fn session(&self) -> Option<SessionId> {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queue, pool, database, other services, and the rest: milliseconds.
    pub fn millis(&self) -> [f64; 5] {
        let [queue, pool, db, elsewhere] = [&self.queue, &self.pool, &self.db, &self.elsewhere]
            .map(|part| part.load(Ordering::Relaxed) as f64 / 1000.0);
        let all = self.start.elapsed().as_secs_f64() * 1000.0;
        [queue, pool, db, elsewhere, (all - queue - pool - db - elsewhere).max(0.0)]
    }
}

/// The outermost layer's knowledge of a request.
#[derive(Clone)]
pub(crate) struct Stamp {
    pub request_id: Arc<str>,
    pub timing: Arc<RequestTiming>,
}

/// The request's context; an extractor that never fails on a kit route.
#[derive(Clone)]
pub struct Ctx {
    stamp: Stamp,
    caller: Option<Caller>,
    app: web::Data<App>,
}

impl Ctx {
    /// The request's id, as it is in the answer and the log.
    pub fn request_id(&self) -> &str {
        &self.stamp.request_id
    }

    /// The time by the service's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// The service's clock.
    pub fn clock(&self) -> &Clock {
        &self.app.clock
    }

    /// Who asks, if there is a valid token. Whether one is *needed* is what the extractors of [`crate::auth`] say.
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// Who, when and in which request, for a write.
    pub fn meta(&self) -> Meta {
        Meta {
            actor: self.caller.as_ref().map(|caller| caller.login),
            request_id: self.request_id().to_owned(),
            now: self.now(),
        }
    }

    /// Counts time into `Server-RequestTiming` that was timing elsewhere than in [`crate::call`].
    pub fn add_timing(&self, timing: Timing) {
        self.stamp.timing.add(timing);
        if timing.session.is_some() {
            let Timing { queue, pool, db, .. } = timing;
            let [queue_ms, pool_ms, db_ms, at_ms] =
                [queue, pool, db, self.stamp.timing.start.elapsed()].map(|part| part.as_secs_f64() * 1000.0);
            // Asked for by `LOG=info,span=debug`. `at_ms` is when the answer was there, counted from the request's start.
            tracing::debug!(target: "span", request_id = self.request_id(), queue_ms, pool_ms, db_ms, at_ms, "statement");
        }
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }
}

impl FromRequest for Ctx {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let stamp = request.extensions().get::<Stamp>().cloned();
        let app = request.app_data::<web::Data<App>>().cloned();
        ready(match (stamp, app) {
            (Some(stamp), Some(app)) => Ok(Self { stamp, caller: Caller::of(request).ok(), app }),
            _ => Err(Error::internal("the route is not one of kit's")),
        })
    }
}
