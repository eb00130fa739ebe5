//! JSON bodies. What can't be read is a 400 at once; what can be read but not taken is a 422 *later*,
//! since 402, 404 and 412 come before it: the value is taken after those checks.

mod invalid;
mod invisible;
mod json;
mod nul;
mod object;
mod rewrite;

pub use invalid::{Invalid, Validate};
pub use json::Json;
pub(crate) use json::field_error;
pub use object::{email, nullable_object, object, present, present_email, present_object};

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage, HttpRequest};
use futures_util::StreamExt;

use crate::Error;

/// The largest body the contract takes.
pub const BODY_MAX: usize = 256 * 1024;
/// What is still read of a body that is too large, so that the client gets its 413 and no reset connection.
const DRAIN_MAX: usize = 8 * 1024 * 1024;

/// The request's body as it came: for a layer that looks at it before the handler does.
///
/// # Errors
/// 413 and 408 of a body that couldn't be read.
pub fn raw(request: &HttpRequest) -> Result<Bytes, Error> {
    RawBody::of(request)
}

/// The raw body of the request, read before any handler: extractors are then synchronous, and so their order is fixed.
#[derive(Clone, Debug)]
pub(crate) struct RawBody(pub Result<Bytes, Error>);

impl RawBody {
    /// The body as it was read; a route without this layer has none.
    pub(crate) fn of(request: &HttpRequest) -> Result<Bytes, Error> {
        match request.extensions().get::<Self>() {
            Some(body) => body.0.clone(),
            None => Err(Error::internal("the route doesn't read bodies")),
        }
    }
}

/// Reads the whole body, up to the limit and as long as `wait`: a slower one holds a connection for nothing.
pub(crate) async fn read(
    mut payload: Payload,
    method: &Method,
    headers: &header::HeaderMap,
    wait: Duration,
) -> RawBody {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > DRAIN_MAX) {
        return RawBody(Err(Error::TooLarge));
    }
    // What follows such a request is another protocol, which is not offered, and has no end but that of the connection.
    if method == Method::CONNECT || asks_for_websocket(headers) {
        return RawBody(Ok(Bytes::new()));
    }
    let all = async {
        let mut body = BytesMut::new();
        let mut seen = 0;
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Error::bad_request("", "incomplete", "the body ended early"))?;
            seen += chunk.len();
            if seen > DRAIN_MAX {
                break;
            }
            if seen <= BODY_MAX {
                body.extend_from_slice(&chunk);
            }
        }
        if seen > BODY_MAX { Err(Error::TooLarge) } else { Ok(body.freeze()) }
    };
    RawBody(tokio::time::timeout(wait, all).await.unwrap_or(Err(Error::Slow)))
}

/// Whether actix takes all that follows for a stream of another protocol, and no body.
fn asks_for_websocket(headers: &header::HeaderMap) -> bool {
    let websocket =
        |value: &header::HeaderValue| value.to_str().is_ok_and(|text| text.trim().eq_ignore_ascii_case("websocket"));
    !headers.contains_key(header::TRANSFER_ENCODING) && headers.get_all(header::UPGRADE).any(websocket)
}
