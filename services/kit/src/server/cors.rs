//! Pages of other origins: allowed only where `CORS_ORIGINS` names them, and never with the browser's own credentials.

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::clients::Origins;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const TAKEN: &str = "Authorization, Content-Type, If-Match, Idempotency-Key, X-Request-Id";
/// `X-Degraded` is of a layer around the endpoints, where there is one.
const SHOWN: &str = "ETag, Location, Retry-After, Server-Timing, X-Degraded, X-Request-Id";

/// The origin of a request, if it is allowed.
pub(super) fn origin(request: &ServiceRequest, origins: &Origins) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    origin.to_str().is_ok_and(|text| origins.allow(text)).then(|| origin.clone())
}

/// A browser's preflight, sent before the real request.
pub(super) fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight: the same list whatever it asks for.
pub(super) fn preflight(request: ServiceRequest) -> ServiceResponse<BoxBody> {
    let answer = HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
        .finish();
    request.into_response(answer)
}

/// Lets the page of this origin read the answer.
pub(super) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(SHOWN));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
