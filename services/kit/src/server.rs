//! The HTTP server: layers around the service's routes, and its end.

mod built_in;
mod connection;
mod cors;
mod headers;
mod limits;
mod observe;
mod ready;
mod unread;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::rt;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub use limits::address;
pub(crate) use limits::prepare;

use connection::{Connection, Waits};

use crate::app::App;
use crate::start::{Ready, StartError};
use crate::{Routes, jobs};

/// From the signal to the end of the process, all together.
const STOP_WITHIN: Duration = Duration::from_secs(9);
/// What idle connections are given at the very end: nobody is answered any more then.
const LAST_SECONDS: u64 = 1;

/// Serves until SIGTERM or SIGINT, then ends what is under way.
pub(crate) fn serve_until_signal(ready: Ready) -> Result<(), StartError> {
    rt::System::new().block_on(async move {
        let stop = signal().map_err(|error| StartError::Failed(format!("signals can't be heard: {error}")))?;
        serve(ready, stop).await
    })
}

fn signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Serves until `stop`.
pub(crate) async fn serve(ready: Ready, stop: impl Future<Output = ()>) -> Result<(), StartError> {
    let Ready { app, routes, listener, workers } = ready;
    let failed = |error: &dyn std::fmt::Display| StartError::Failed(format!("the server can't run: {error}"));
    allow_all_files();
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let shared: Data<App> = Data::from(Arc::clone(&app));
    let jobs = routes.jobs.clone();
    let server = ServerBuilder::default()
        .workers(workers)
        .disable_signals()
        .shutdown_timeout(LAST_SECONDS)
        .listen(app.name, listener, move || http(&shared, &routes))
        .map_err(|error| failed(&error))?
        .run();
    let handle = server.handle();
    let mut scheduler = jobs::start(&jobs, &app).await.map_err(|error| failed(&error))?;
    drop(jobs);
    tracing::info!(service = app.name, address = %format!("http://{address}"), "listening");
    let mut running = rt::spawn(server);
    tokio::select! {
        ended = &mut running => return ended.map_err(|error| failed(&error))?.map_err(|error| failed(&error)),
        () = stop => {}
    }
    let deadline = Instant::now() + STOP_WITHIN;
    tracing::info!(service = app.name, "stopping");
    app.draining.store(true, Ordering::SeqCst);
    handle.pause().await;
    if let Err(error) = scheduler.shutdown().await {
        tracing::warn!(error = %error, "the schedule didn't end in order");
    }
    drain(&app, deadline - Duration::from_secs(LAST_SECONDS * 2)).await;
    handle.stop(true).await;
    let _ = running.await;
    app.threads.close(deadline);
    tracing::info!(service = app.name, "stopped");
    Ok(())
}

/// Each connection is an open file, and a process may have 1,024 on most systems unless it asks for more, as it is free to.
fn allow_all_files() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(error = %error, files = ?limit.current, "no more open files than before");
    }
}

/// One worker's side of it, as `HttpServer` would put it together, on connections of our own.
fn http(
    shared: &Data<App>,
    routes: &Routes,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> + use<> {
    let milliseconds = Duration::from_millis;
    let clients = &shared.clients;
    let waits = Waits {
        head: milliseconds(clients.head_wait_ms),
        idle: milliseconds(clients.idle_wait_ms),
        taking: milliseconds(clients.body_wait_ms),
    };
    let name = shared.name;
    let app = actix_web::App::new()
        .app_data(shared.clone())
        .configure(|config| built_in::routes(config, name))
        .configure(|config| routes.configure(config))
        .wrap(from_fn(observe::observe));
    let app = map_config(app.into_factory(), |()| AppConfig::default());
    let service = HttpService::build()
        .keep_alive(waits.idle)
        .client_request_timeout(waits.head)
        .on_connect_ext(|connection: &Connection, data| {
            data.insert(connection.pulse());
        })
        .finish(app.map_err(|error: actix_web::Error| error.error_response()));
    let shared = shared.clone();
    fn_service(move |io: TcpStream| {
        let peer = io.peer_addr().ok();
        let place = peer.map(|peer| shared.connections.enter(peer.ip(), &shared.clients));
        async move {
            // Closed without an answer: that would need its request to be read first.
            let refused = |_| DispatchError::Io(io::ErrorKind::ConnectionRefused.into());
            let place = place.transpose().map_err(refused)?.flatten();
            Ok((Connection::new(io, waits, place), Protocol::Http1, peer))
        }
    })
    .and_then(service)
}

/// Waits until no request is under way; each answer meanwhile closes its connection, so they become fewer.
async fn drain(app: &App, deadline: Instant) {
    let mut quiet = 0;
    // Twice in a row: a request may have been read but not yet be counted.
    while quiet < 2 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
        quiet = if app.in_flight.load(Ordering::SeqCst) == 0 { quiet + 1 } else { 0 };
    }
}
