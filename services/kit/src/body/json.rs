//! Reading a JSON body into a type, with the field named where it doesn't fit.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::nul::find_nul;
use super::rewrite::{in_nfc, with_whole_numbers};
use super::{Invalid, RawBody, Validate};
use crate::error::{Error, FieldError};

/// A JSON body. 413, 415 and 400 end the request before the handler; values that can't be taken wait for [`Json::check`].
///
/// Types derive `Deserialize` with `#[serde(deny_unknown_fields, rename_all = "camelCase")]` and implement [`Validate`].
#[derive(Clone, Debug)]
pub struct Json<T>(Result<T, Vec<FieldError>>);

impl<T> Json<T> {
    /// The value, or the 422. Called after the checks whose answers come first (402, 404, 412).
    pub fn check(self) -> Result<T, Error> {
        self.0.map_err(Error::Invalid)
    }

    /// The value if it can be taken.
    pub fn peek(&self) -> Option<&T> {
        self.0.as_ref().ok()
    }
}

impl<T: DeserializeOwned + Validate> Json<T> {
    /// Reads and checks a body; what HTTP requests go through, and tests may.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if let Some(refused) = T::screen(bytes) {
            return Ok(Self(Err(vec![refused])));
        }
        let rewritten = in_nfc(bytes, T::AS_TYPED);
        let bytes = rewritten.as_deref().unwrap_or(bytes);
        // serde reads a struct from a list as well, by position; a body is an object.
        if bytes.trim_ascii_start().first().is_some_and(|first| b"[\"-0123456789tfn".contains(first)) {
            serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|error| not_json(&error))?;
            return Err(unreadable(FieldError::new("", "invalid_type", "the body must be an object")));
        }
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let read = serde_path_to_error::deserialize::<_, T>(&mut reader);
        // Only now is it known whether the text is JSON at all: a wrong field is found before a missing brace.
        serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|error| not_json(&error))?;
        let value = match read {
            Ok(value) => value,
            // JSON, and unreadable all the same: half a surrogate pair, something else where one of some words must stand,
            // or nested deeper than serde_json follows.
            Err(error) if !error.inner().is_data() => {
                return Err(unreadable(syntax_error(&error.path().to_string(), &error.inner().to_string())));
            }
            Err(error) => {
                let message = error.inner().to_string();
                if let Some(whole) = message.contains("floating point").then(|| with_whole_numbers(bytes)).flatten() {
                    return Self::parse(&whole);
                }
                let (field, unfit) = field_error(&error.path().to_string(), &message);
                return if unfit { Ok(Self(Err(vec![field]))) } else { Err(unreadable(field)) };
            }
        };
        let mut invalid = Invalid::default();
        if bytes.windows(6).any(|six| six == b"\\u0000") {
            let all: Value = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
            find_nul(&all, &mut String::new(), &mut invalid);
        }
        // A NUL is the only mistake named then: the type's own checks would call it a control character again.
        if invalid.is_empty() {
            value.validate(&mut invalid);
        }
        Ok(Self(match invalid.into_result() {
            Ok(()) => Ok(value),
            Err(Error::Invalid(errors)) => Err(errors),
            Err(other) => return Err(other),
        }))
    }
}

fn unreadable(field: FieldError) -> Error {
    let detail = match field.field.as_str() {
        "" => field.message.clone(),
        name => format!("{name}: {}", field.message),
    };
    Error::BadRequest { detail, errors: vec![field] }
}

fn not_json(error: &serde_json::Error) -> Error {
    let message = format!("the body is not JSON: {error}");
    Error::BadRequest { detail: message.clone(), errors: vec![FieldError::new("", "malformed", message)] }
}

/// What serde_json says about a text that is JSON but can't be read, as a field error.
fn syntax_error(path: &str, message: &str) -> FieldError {
    let message = message.rsplit_once(" at line ").map_or(message, |(text, _)| text);
    let field = if path == "." || path.contains('?') { "" } else { path };
    match message {
        "expected value" => FieldError::new(field, "invalid_type", "must be a text"),
        _ => FieldError::new(field, "malformed", message),
    }
}

/// What serde says about a field, as a field error; true if the value could be read but not taken (422, not 400).
pub(crate) fn field_error(path: &str, message: &str) -> (FieldError, bool) {
    // serde_json appends where it stood; the field says it better.
    let message = message.rsplit_once(" at line ").map_or(message, |(text, _)| text);
    let quoted = message.split('`').nth(1).unwrap_or_default();
    let parent = if path == "." { "" } else { path };
    let below = |name: &str| match parent {
        "" => name.to_owned(),
        _ if parent == name || parent.ends_with(&format!(".{name}")) => parent.to_owned(),
        _ => format!("{parent}.{name}"),
    };
    let (field, code, unfit) = if message.starts_with("unknown field") {
        (below(quoted), "unknown_field", false)
    } else if message.starts_with("missing field") {
        (below(quoted), "missing_field", false)
    } else if message.starts_with("duplicate field") {
        (below(quoted), "duplicate_field", false)
    } else if message.starts_with("invalid type") || message.starts_with("invalid length") {
        (parent.to_owned(), "invalid_type", false)
    } else if message.starts_with("unknown variant") {
        (parent.to_owned(), "unknown_value", true)
    } else {
        (parent.to_owned(), "invalid_value", true)
    };
    (FieldError::new(field, code, message), unfit)
}

fn is_json(request: &HttpRequest) -> bool {
    let mut types = request.headers().get_all(header::CONTENT_TYPE);
    let first = types.next();
    // Who reads the first of two and who reads the last would take it for different things.
    if types.any(|other| Some(other) != first) {
        return false;
    }
    let media_type = first.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = media_type.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    let utf8 = parts.all(|parameter| match parameter.trim().split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    essence.eq_ignore_ascii_case("application/json") && utf8 && is_plain(request)
}

/// No service unpacks anything: what says it is packed is not JSON yet.
fn is_plain(request: &HttpRequest) -> bool {
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING);
    encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

impl<T: DeserializeOwned + Validate> FromRequest for Json<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(RawBody::of(request).and_then(|body| {
            if !is_json(request) {
                return Err(Error::UnsupportedMediaType);
            }
            Self::parse(&body)
        }))
    }
}

#[cfg(test)]
mod tests;
