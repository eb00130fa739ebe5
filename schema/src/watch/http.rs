//! Serves the page: one HTML file without any request to elsewhere, and its events.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;

use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
};
use actix_web::web::{Bytes, Data, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Responder, dev::Server, get, post, rt::System};
use futures_util::stream;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::console::{self, Console};
use super::{Watching, spawn};
use crate::error::{Error, Result};

/// The page; its style and script are put in, so that it is one file.
const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = concat!(include_str!("page.js"), include_str!("console.js"));

/// What the page may load, from its own origin alone.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How it is served.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whoever knows it may look.
    pub token: String,
    /// Whether `/metrics` needs no token.
    pub metrics: bool,
}

struct Shared {
    watching: Arc<Watching>,
    token: [u8; 32],
    metrics: bool,
    console: Option<Arc<dyn Console>>,
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    token: String,
}

impl Shared {
    /// Compared as digests, so that the time that it takes shows nothing of the token.
    fn admits(&self, request: &HttpRequest, given: &Given) -> bool {
        let bearer =
            request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        digest(bearer.unwrap_or(&given.token)) == self.token
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn refused() -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body("This page needs the token of the address that was printed with it.\n")
}

#[get("/")]
async fn page(request: HttpRequest, shared: Data<Shared>, given: Query<Given>) -> impl Responder {
    if !shared.admits(&request, &given) {
        return refused();
    }
    let page = PAGE.replace("/*style*/", include_str!("page.css")).replace("/*script*/", SCRIPT);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(page)
}

/// The last ten minutes.
#[get("/seconds")]
async fn seconds(request: HttpRequest, shared: Data<Shared>, given: Query<Given>) -> impl Responder {
    if !shared.admits(&request, &given) {
        return refused();
    }
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(shared.watching.seconds())
}

/// A view whenever there is a new one; where there is a console, its state besides.
#[get("/events")]
async fn events(request: HttpRequest, shared: Data<Shared>, given: Query<Given>) -> impl Responder {
    if !shared.admits(&request, &given) {
        return refused();
    }
    let mut views = shared.watching.views();
    // The first one at once.
    views.mark_changed();
    let event = |mut views: watch::Receiver<Arc<str>>| async {
        views.changed().await.ok()?;
        let event = format!("data: {}\n\n", *views.borrow_and_update());
        Some((Ok::<_, actix_web::Error>(Bytes::from(event)), views))
    };
    let views = stream::unfold(views, event);
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "text/event-stream")).insert_header((CACHE_CONTROL, "no-store"));
    match &shared.console {
        Some(console) => answer.streaming(stream::select(views, console::events(Arc::clone(console)))),
        None => answer.streaming(views),
    }
}

/// Whether it comes from this page, or from a program that is no browser.
fn is_from_here(request: &HttpRequest) -> bool {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    match (request.headers().contains_key(ORIGIN), header(ORIGIN), header(HOST)) {
        (false, ..) => true,
        (true, Some(origin), Some(host)) => origin.strip_prefix("http://") == Some(host),
        _ => false,
    }
}

/// Does what the page's console asks for.
#[post("/order")]
async fn order(request: HttpRequest, shared: Data<Shared>, given: Query<Given>, body: String) -> impl Responder {
    if !shared.admits(&request, &given) {
        return refused();
    }
    if !is_from_here(&request) {
        return HttpResponse::Forbidden().body("Only this page gives orders.\n");
    }
    match shared.console.as_ref().map(|console| console.order(&body)) {
        Some(Ok(())) => HttpResponse::NoContent().finish(),
        Some(Err(why)) => HttpResponse::UnprocessableEntity().body(why),
        None => HttpResponse::NotFound().finish(),
    }
}

#[get("/metrics")]
async fn metrics(request: HttpRequest, shared: Data<Shared>, given: Query<Given>) -> impl Responder {
    if !shared.metrics && !shared.admits(&request, &given) {
        return refused();
    }
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(shared.watching.metrics())
}

/// Listens: the server, to be awaited, and its address. SIGINT and SIGTERM end it.
///
/// # Errors
/// [`Error::Unavailable`] when the address can't be listened to.
pub fn serve(watching: Arc<Watching>, serving: &Serving) -> Result<(Server, SocketAddr)> {
    bind(watching, serving, None, true)
}

/// The same beside something else, on a thread of its own until the process ends, with a console: its address.
///
/// # Errors
/// As for [`serve`].
pub fn serve_beside(watching: Arc<Watching>, serving: Serving, console: Arc<dyn Console>) -> Result<SocketAddr> {
    let (told, hear) = channel();
    spawn("page", move || {
        System::new().block_on(async {
            // Signals are the business of who serves it.
            let bound = bind(watching, &serving, Some(console), false);
            let (server, at) = match bound {
                Ok((server, at)) => (Some(server), Ok(at)),
                Err(error) => (None, Err(error)),
            };
            // Who asked may be gone.
            let _ = told.send(at);
            if let Some(server) = server {
                let _ = server.await;
            }
        });
    })?;
    hear.recv().map_err(|_| Error::Unavailable("the page's server ended".into()))?
}

fn bind(
    watching: Arc<Watching>,
    serving: &Serving,
    console: Option<Arc<dyn Console>>,
    signals: bool,
) -> Result<(Server, SocketAddr)> {
    let shared = Data::new(Shared { watching, token: digest(&serving.token), metrics: serving.metrics, console });
    let app = move || {
        let app = App::new().app_data(shared.clone());
        app.service(page).service(seconds).service(events).service(metrics).service(order)
    };
    let failed = |error: std::io::Error| Error::Unavailable(format!("can't listen on {}: {error}", serving.listen));
    // Open pages hold their connection for ever: they don't keep it from ending.
    let mut server = HttpServer::new(app).workers(1).shutdown_timeout(0);
    if !signals {
        server = server.disable_signals();
    }
    let server = server.bind(serving.listen).map_err(failed)?;
    let address = server.addrs().first().copied().unwrap_or(serving.listen);
    Ok((server.run(), address))
}
