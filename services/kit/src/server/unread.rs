//! Answers to what can't be read as HTTP. actix's dispatcher gives them past every layer, as a bare head; this makes them problems like any other.

use actix_web::http::{StatusCode, header};
use serde_json::Value;

use super::headers::{DEFAULT_HEADERS, REQUEST_ID};
use crate::error::{MEDIA_TYPE, document};

/// What a bare head has, and no answer of ours.
const NO_BODY: &[u8] = b"content-length: 0\r\n";

/// Where the dispatcher's own answer begins in what is written: always its last, for the connection ends then. Ours name the request's id.
/// A body can't be taken for one: none of ours has an empty line of CR and LF.
pub(super) fn bare_answer(bytes: &[u8]) -> Option<usize> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let begin = bytes.windows(7).rposition(|seven| seven == b"HTTP/1.")?;
    let head = &bytes[begin..];
    (find(head, NO_BODY).is_some() && find(head, REQUEST_ID.as_str().as_bytes()).is_none()).then_some(begin)
}

/// The same answer as a problem, with the headers that all answers have.
pub(super) fn as_problem(head: &[u8]) -> Vec<u8> {
    let status = head.get(9..12).and_then(|code| StatusCode::from_bytes(code).ok());
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    let (slug, detail) = match status {
        StatusCode::REQUEST_TIMEOUT => ("request-timeout", "the request's head took too long to arrive"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ("headers-too-large", "a request's head may have 128 KiB and 96 headers at most")
        }
        status if status.is_client_error() => ("bad-request", "this can't be read as a request of HTTP/1.1"),
        _ => ("internal", "something went wrong on our side"),
    };
    let id = uuid::Uuid::now_v7().to_string();
    tracing::info!(status = status.as_u16(), request_id = id, "no request");
    let body = Value::Object(document(status, slug, detail, &id)).to_string();
    let mut headers =
        format!("{}: {}\r\n{}: {MEDIA_TYPE}\r\n", header::CONTENT_LENGTH, body.len(), header::CONTENT_TYPE);
    for (name, value) in DEFAULT_HEADERS.iter().map(|(name, value)| (name, *value)).chain([(&REQUEST_ID, &*id)]) {
        headers.push_str(&format!("{name}: {value}\r\n"));
    }
    // After an earlier request actix leaves it out, and closes the connection all the same.
    if find(head, b"connection: close").is_none() {
        headers.push_str("connection: close\r\n");
    }
    let at = find(head, NO_BODY).unwrap_or_default();
    [&head[..at], headers.as_bytes(), &head[at + NO_BODY.len()..], body.as_bytes()].concat()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}
