//! The outermost layer: request id, timing, headers, one line of log, and every error as a problem.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error as ActixError, HttpMessage};

use super::connection::{Pulse, UnderWay};
use super::cors;
use super::headers::{DEFAULT_HEADERS, REQUEST_ID};
use crate::app::App;
use crate::auth::Caller;
use crate::ctx::{RequestTiming, Stamp};
use crate::error::{Error, problem_response};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Counts a request as under way for as long as it lives, however it ends.
struct InFlight {
    app: Data<App>,
    _of_connection: Option<UnderWay>,
}

impl InFlight {
    fn new(app: &Data<App>, request: &ServiceRequest) -> Self {
        counter(app).fetch_add(1, Ordering::SeqCst);
        let pulse = request.request().conn_data::<Pulse>();
        Self { app: app.clone(), _of_connection: pulse.map(Pulse::begin) }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        counter(&self.app).fetch_sub(1, Ordering::SeqCst);
    }
}

fn counter(app: &App) -> &AtomicUsize {
    &app.in_flight
}

pub(super) async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let Some(app) = request.app_data::<Data<App>>().cloned() else {
        return Err(Error::internal("the server was built without its app").into());
    };
    let _in_flight = InFlight::new(&app, &request);
    let stamp = Stamp { request_id: request_id(&request), timing: Arc::new(RequestTiming::new()) };
    request.extensions_mut().insert(stamp.clone());
    let origin = cors::origin(&request, &app.clients.cors_origins);
    let response = if origin.is_some() && cors::is_preflight(&request) {
        cors::preflight(request)
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let (error, mut response) = as_problem(response, &stamp.request_id);
    write_headers(&mut response, &stamp, app.draining());
    if let Some(origin) = origin {
        cors::allow(response.headers_mut(), origin);
    }
    report(&app, &response, &stamp, error.as_ref());
    Ok(response)
}

/// The client's id, if it can stand in a log as it is; else a new one.
fn request_id(request: &ServiceRequest) -> Arc<str> {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if crate::is_visible_ascii(id, 128) => id.into(),
        _ => uuid::Uuid::now_v7().to_string().into(),
    }
}

/// Every failure gets the same shape, with the request id in it, be it ours or the framework's.
fn as_problem(response: ServiceResponse<BoxBody>, instance: &str) -> (Option<Error>, ServiceResponse<BoxBody>) {
    let status = response.status();
    let known = response.response().error().and_then(|error| error.as_error::<Error>()).cloned();
    let error = match known {
        Some(error) => error,
        // Answers of /readyz and the like are no errors.
        None if status.as_u16() < 400
            || response.headers().contains_key(header::CONTENT_TYPE) && response.response().error().is_none() =>
        {
            return (None, response);
        }
        None => foreign(status, response.response().error().map(ToString::to_string).unwrap_or_default()),
    };
    let mut answer = problem_response(&error, instance);
    // What a layer around the endpoint wrote of the request stays; of the body that is replaced, nothing does.
    let of_body = [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::CONTENT_TYPE, header::TRANSFER_ENCODING];
    for (name, value) in response.headers() {
        if !of_body.contains(name) && !answer.headers().contains_key(name) {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
    }
    (Some(error), response.into_response(answer))
}

/// An error of actix itself; its words are for the log.
fn foreign(status: StatusCode, cause: String) -> Error {
    match status {
        StatusCode::NOT_FOUND => Error::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::UnsupportedMediaType,
        status if status.is_client_error() => {
            tracing::debug!(error = %cause, "refused by the framework");
            Error::BadRequest { detail: "the request can't be understood".to_owned(), errors: Vec::new() }
        }
        _ => Error::internal(cause),
    }
}

fn write_headers(response: &mut ServiceResponse<BoxBody>, stamp: &Stamp, draining: bool) {
    let [queue, pool, db, elsewhere, app] = stamp.timing.millis().map(Hundredths);
    let mut timing = format!("queue;dur={queue}, pool;dur={pool}, db;dur={db}, app;dur={app}");
    if elsewhere.0 >= 0.005 {
        timing.push_str(&format!(", neighbours;dur={elsewhere}"));
    }
    if draining {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    // Both are visible ASCII: the id was checked, the timing is made of numbers.
    if let (Ok(id), Ok(timing)) = (HeaderValue::from_str(&stamp.request_id), HeaderValue::from_str(&timing)) {
        headers.insert(REQUEST_ID, id);
        headers.insert(SERVER_TIMING, timing);
    }
    for (name, value) in DEFAULT_HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// Two digits after the point, for a fifth of what the exact form of a float costs.
struct Hundredths(f64);

impl std::fmt::Display for Hundredths {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = (self.0 * 100.0).round() as u64;
        write!(out, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

/// Of which trace a request is, if its `traceparent` (W3C) says so.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let sizes = [2, 32, 16, 2].map(|size| {
        let hex = |part: &&str| part.len() == size && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        parts.next().filter(hex)
    });
    sizes.iter().all(Option::is_some).then_some(sizes[1]?)
}

/// One line per request; the cause of a 5xx stands in it, and nowhere else.
fn report(app: &App, response: &ServiceResponse<BoxBody>, stamp: &Stamp, error: Option<&Error>) {
    let request = response.request();
    let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "OTHER",
    };
    let status = response.status().as_u16();
    app.metrics.answered(&route, method, status, stamp.timing.start.elapsed().as_secs_f64());
    let [queue_ms, pool_ms, db_ms, elsewhere_ms, app_ms] = stamp.timing.millis().map(|ms| (ms * 100.0).round() / 100.0);
    let scope = Caller::of(request).map_or("none", |caller| caller.scope.as_str());
    let request_id = &*stamp.request_id;
    let service = app.name;
    let session = stamp.timing.session();
    // Left out where the database wasn't asked.
    let db_role = session.map(|session| match session.role {
        "read" => format!("{service}_reader"),
        _ => format!("{service}_writer"),
    });
    let backend_pid = session.map(|session| session.pid);
    let neighbours_ms = Some(elsewhere_ms).filter(|ms| *ms > 0.0);
    let trace_id = request.headers().get("traceparent").and_then(|value| trace_id(value.to_str().ok()?));
    match error {
        Some(cause) if status >= 500 && !matches!(cause, Error::Busy(_)) => {
            tracing::error!(service, method, route, status, request_id, scope, db_role, backend_pid, queue_ms, pool_ms, db_ms, app_ms, neighbours_ms, trace_id, error = %cause, "request");
        }
        Some(cause) if status >= 500 => {
            tracing::warn!(service, method, route, status, request_id, scope, db_role, backend_pid, queue_ms, pool_ms, db_ms, app_ms, neighbours_ms, trace_id, error = %cause, "request");
        }
        // Client errors hold what the client sent: their text isn't logged.
        _ => tracing::info!(
            service,
            method,
            route,
            status,
            request_id,
            scope,
            db_role,
            backend_pid,
            queue_ms,
            pool_ms,
            db_ms,
            app_ms,
            neighbours_ms,
            trace_id,
            "request"
        ),
    }
}
