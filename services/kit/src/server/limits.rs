//! The layer before each endpoint of the contract: `Accept`, the token, the write limits, and the body.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error as ActixError, HttpMessage, HttpRequest};

use crate::app::App;
use crate::auth::Caller;
use crate::clients::{Networks, subject};
use crate::error::Error;
use crate::{auth, body};

/// 406 at once; the rest is only prepared, so that extractors decide in the order of the handler's parameters.
pub(crate) async fn prepare<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
    if !accepts_json(request.headers()) {
        return Ok(request.error_response(Error::NotAcceptable).map_into_right_body());
    }
    let Some(app) = request.app_data::<Data<App>>().cloned() else {
        return Err(Error::internal("the server was built without its app").into());
    };
    auth::authenticate(&request, &app.keys).await;
    if let Err(error) = count_write(&request, &app) {
        return Ok(request.error_response(error).map_into_right_body());
    }
    let body_wait = Duration::from_millis(app.clients.body_wait_ms);
    let payload = request.take_payload();
    let raw = body::read(payload, request.method(), request.headers(), body_wait).await;
    request.extensions_mut().insert(raw);
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

/// Counts a request that changes something against its sender's limits.
fn count_write(request: &ServiceRequest, app: &App) -> Result<(), Error> {
    if request.method().is_safe() {
        return Ok(());
    }
    let login = Caller::of(request.request()).ok().map(|caller| caller.login);
    app.limits.write(login, || address_of(request.peer_addr(), Some(&app.clients.trusted_proxies), request.headers()))
}

/// The address a request counts for: the peer's, or the client's where a trusted proxy names it. An IPv6 host owns its
/// /64, so all of that counts as one.
pub fn address(request: &HttpRequest) -> String {
    let trusted = request.app_data::<Data<App>>().map(|app| &app.clients.trusted_proxies);
    address_of(request.peer_addr(), trusted, request.headers())
}

fn address_of(peer: Option<SocketAddr>, trusted: Option<&Networks>, headers: &header::HeaderMap) -> String {
    let Some(peer) = peer else {
        return "unknown".to_owned();
    };
    let forwarded = headers.get_all("x-forwarded-for");
    let client = match trusted {
        // A value that isn't text isn't an address, and nothing to its left is trusted.
        Some(trusted) => trusted.client(peer.ip(), forwarded.map(|value| value.to_str().unwrap_or_default())),
        None => peer.ip(),
    };
    subject(client)
}

/// Does `Accept` leave room for JSON? The most specific range that fits decides, as RFC 9110 has it.
fn accepts_json(headers: &header::HeaderMap) -> bool {
    let mut any = false;
    let mut best: Option<(u8, bool)> = None;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',').filter(|range| !range.trim().is_empty()) {
            any = true;
            let mut parts = range.split(';').map(str::trim);
            let specific = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/json" | "application/problem+json" => 3,
                "application/*" => 2,
                "*/*" | "*" => 1,
                _ => continue,
            };
            let refused = parts.any(|part| {
                part.split_once('=').is_some_and(|(name, quality)| {
                    name.trim().eq_ignore_ascii_case("q")
                        && quality.trim().parse::<f32>().is_ok_and(|quality| quality <= 0.0)
                })
            });
            if best.is_none_or(|(other, _)| specific > other) {
                best = Some((specific, !refused));
            }
        }
    }
    best.map_or(!any, |(_, accepted)| accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_as_the_standard_has_it() {
        let table: &[(&[&str], bool)] = &[
            (&[], true),
            (&["*/*"], true),
            (&["application/json"], true),
            (&["text/html, application/xhtml+xml, */*;q=0.8"], true),
            (&["text/html", "application/*"], true),
            (&["text/html"], false),
            (&["application/json;q=0, text/html"], false),
            (&["application/json;q=0, */*"], false),
            (&["application/xml;q=1"], false),
        ];
        for (values, expected) in table {
            let mut headers = header::HeaderMap::new();
            for value in *values {
                headers.append(header::ACCEPT, header::HeaderValue::from_static(value));
            }
            assert_eq!(accepts_json(&headers), *expected, "{values:?}");
        }
    }
}
