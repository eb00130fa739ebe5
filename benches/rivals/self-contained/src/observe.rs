//! How far behind a relay or an ingester is, as its own metric, and whether it is ready.
//!
//! Looked at beside it, on connections of their own: what an ingester has *stored* is compared with where the log ends, and where a relay's cursor
//! is with its owner's feed. So the figure is right, too, when the part itself hangs. Seconds count from the last look that found nothing missing;
//! where Kafka or the database is away nobody knows, and they go on counting.
//!
//! Whoever wants to read what they have just written asks the relays first: `GET /settled` is answered when all that was committed is on the log,
//! with the place of each partition's last record. `POST /settled` with these to an ingester is answered when all of it is stored.

mod behind;
mod lags;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use actix_web::web::{Data, Json, get, post};
use actix_web::{App, HttpResponse, HttpServer, rt};

use crate::record::Places;
use crate::{Error, ingest, relay};
use behind::{Changes, Copies, EVERY, Look};
use lags::{Lags, State, WITHIN};

/// Where it is shown.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Address of /metrics, /readyz and /healthz; none: nowhere
    #[arg(long, env = "LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Not ready while anything is more milliseconds behind than this; none: ready once all had caught up for the first time
    #[arg(long, env = "READY_LAG_MS")]
    pub ready_lag_ms: Option<u64>,
}

/// Shows how far a service's copies are behind the log.
///
/// # Errors
/// When nothing can listen there.
pub fn ingester(at: &Settings, of: &ingest::Settings, stopping: &Arc<AtomicBool>) -> Result<(), Error> {
    let (settings, always, within) = (of.clone(), Arc::new(AtomicBool::new(true)), at.ready_lag_ms);
    start(
        at,
        |wake| Lags::new("ingester", &of.service, within, always, wake),
        stopping,
        move || Copies::open(&settings),
    )
}

/// Shows how far a service's relay is behind its feed; `told`: whether it has told everything once.
///
/// # Errors
/// When nothing can listen there.
pub fn relay(
    at: &Settings,
    of: &relay::Settings,
    told: &Arc<AtomicBool>,
    stopping: &Arc<AtomicBool>,
) -> Result<(), Error> {
    let (settings, told, within) = (of.clone(), Arc::clone(told), at.ready_lag_ms);
    start(at, |wake| Lags::new("relay", &of.service, within, told, wake), stopping, move || Changes::open(&settings))
}

fn start<L: Look>(
    at: &Settings,
    lags: impl FnOnce(SyncSender<()>) -> Lags,
    stopping: &Arc<AtomicBool>,
    open: impl Fn() -> Result<L, Error> + Send + 'static,
) -> Result<(), Error> {
    let Some(listen) = at.listen else { return Ok(()) };
    // One place: many who ask are one look.
    let (wake, woken) = sync_channel(1);
    let lags = Data::new(lags(wake));
    let (watched, stopping) = (lags.clone(), Arc::clone(stopping));
    std::thread::spawn(move || watch(&watched, &stopping, &woken, &open));
    let listener = TcpListener::bind(listen)?;
    let app = move || {
        let app = App::new().app_data(lags.clone());
        app.route("/healthz", get().to(HttpResponse::Ok))
            .route("/readyz", get().to(ready))
            .route("/metrics", get().to(text))
            .route("/settled", get().to(told))
            .route("/settled", post().to(stored))
    };
    // It ends with the process: there is nobody left to tell an error to.
    std::thread::spawn(move || {
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?;
        rt::System::new().block_on(server.run())
    });
    Ok(())
}

fn watch<L: Look>(lags: &Lags, stopping: &AtomicBool, woken: &Receiver<()>, open: &impl Fn() -> Result<L, Error>) {
    let mut look = None;
    while !stopping.load(Ordering::SeqCst) {
        lags.state().begun += 1;
        let looked = match &mut look {
            Some(look) => L::look(look),
            None => open().and_then(|opened| look.insert(opened).look()),
        };
        match looked {
            Ok((found, places)) => lags.found(&found, places),
            Err(error) => {
                tracing::debug!(%error, "how far behind it is isn't known");
                lags.unknown();
                look = None;
            }
        }
        // Somebody who asks, or the time.
        let _ = woken.recv_timeout(EVERY);
    }
}

async fn ready(lags: Data<Lags>) -> HttpResponse {
    match lags.not_ready() {
        None => HttpResponse::Ok().body("ready"),
        Some(why) => HttpResponse::ServiceUnavailable().body(why),
    }
}

async fn told(lags: Data<Lags>) -> HttpResponse {
    let done = |state: &State| state.of.values().all(|lag| lag.behind == Some(0)).then(|| state.places.clone());
    lags.until(done).await.map_or_else(late, |places| HttpResponse::Ok().json(places))
}

async fn stored(lags: Data<Lags>, wanted: Json<Places>) -> HttpResponse {
    let done = |state: &State| {
        let read = wanted.iter().filter(|(noun, _)| state.of.contains_key(*noun));
        let has = |noun: &String, part: &i32, offset: &i64| {
            state.places.get(noun).and_then(|parts| parts.get(part)).is_some_and(|last| last >= offset)
        };
        let mut all = read.flat_map(|(noun, parts)| parts.iter().map(move |(part, offset)| (noun, part, offset)));
        all.all(|(noun, part, offset)| has(noun, part, offset)).then_some(())
    };
    lags.until(done).await.map_or_else(late, |()| HttpResponse::Ok().finish())
}

fn late() -> HttpResponse {
    HttpResponse::ServiceUnavailable().body(format!("not within {} s", WITHIN.as_secs()))
}

async fn text(lags: Data<Lags>) -> HttpResponse {
    match lags.text() {
        Ok(text) => HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
