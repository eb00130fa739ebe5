//! Query strings, strictly: an unknown or unreadable parameter is a 400 that names it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use crate::body::field_error;
use crate::{Error, nfc};

/// The query string as a type; derive `Deserialize` with `#[serde(deny_unknown_fields, rename_all = "camelCase")]`.
///
/// For lists with filters take [`crate::Filtered`], for lists without [`crate::Page`]: they know `limit` and `cursor`.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(pairs(request.query_string()).and_then(|pairs| read(&pairs)).map(Self))
    }
}

/// No query string: an operation without parameters refuses any, so that a misspelt filter isn't silently ignored.
#[derive(Clone, Copy, Debug)]
pub struct NoQuery;

impl FromRequest for NoQuery {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(pairs(request.query_string()).and_then(|pairs| no_others(&pairs)).map(|()| Self))
    }
}

/// The decoded parameters, in their order, values in NFC as what is stored; each may stand once.
pub(crate) fn pairs(query: &str) -> Result<Vec<(String, String)>, Error> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = decode(name, "")?;
        let value = nfc(&decode(value, &name)?).into_owned();
        if value.contains('\0') || name.contains('\0') {
            return Err(Error::bad_request(name.replace('\0', "\u{fffd}"), "nul", "must not hold the character NUL"));
        }
        if pairs.iter().any(|(other, _)| *other == name) {
            return Err(Error::bad_request(name, "duplicate_field", "may stand once"));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decode(text: &str, field: &str) -> Result<String, Error> {
    let spaced = text.replace('+', " ");
    match percent_encoding::percent_decode_str(&spaced).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(Error::bad_request(field, "invalid_encoding", "must be UTF-8")),
    }
}

/// Nothing may be left over.
pub(crate) fn no_others(parameters: &[(String, String)]) -> Result<(), Error> {
    match parameters.first() {
        Some((name, _)) => Err(Error::bad_request(name, "unknown_field", "there is no such parameter here")),
        None => Ok(()),
    }
}

/// Reads decoded parameters into a type.
pub(crate) fn read<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, Error> {
    // Encoded again, because only so do serde's numbers, options and enums read from text.
    let text = serde_urlencoded::to_string(pairs).map_err(Error::internal)?;
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let (field, _) = field_error(&error.path().to_string(), &error.inner().to_string());
        Error::BadRequest { detail: format!("{}: {}", field.field, field.message), errors: vec![field] }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Filter {
        domain_id: Option<uuid::Uuid>,
        unread: Option<bool>,
        q: Option<String>,
    }

    fn field(query: &str) -> String {
        match pairs(query).and_then(|pairs| read::<Filter>(&pairs)) {
            Ok(_) => "fine".into(),
            Err(Error::BadRequest { errors, .. }) => errors[0].field.clone(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn parameters_are_read_or_named() {
        let read: Filter = read(&pairs("q=a%20b+c&unread=true").unwrap()).unwrap();
        assert_eq!(read, Filter { domain_id: None, unread: Some(true), q: Some("a b c".into()) });
        assert_eq!(field("other=1"), "other");
        assert_eq!(field("domainId=12"), "domainId");
        assert_eq!(field("unread=perhaps"), "unread");
        assert_eq!(field("q=%ff"), "q");
        assert_eq!(field("q=%00"), "q");
        assert_eq!(field("q=1&q=2"), "q");
    }
}
