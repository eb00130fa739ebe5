//! The feed's cursor: the last row's transaction and id, opaque to clients.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Error, page, query};

/// A place in a feed: everything up to and with it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The writing transaction (`xid8`).
    pub xid: u64,
    /// The row.
    pub id: i64,
}

/// Marks a feed's cursor, so that a list's isn't taken for one.
const MARK: &[u8; 4] = b"feed";

impl Place {
    /// As `next` in an answer; a service whose feed carries more than kit's own (Registry's standing) needs it.
    pub fn encode(self, service: &str) -> String {
        let mut bytes = MARK.to_vec();
        bytes.extend_from_slice(&self.xid.to_be_bytes());
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.extend_from_slice(service.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn decode(text: &str, service: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (xid, rest) = bytes.strip_prefix(MARK)?.split_first_chunk::<8>()?;
        let (id, of) = rest.split_first_chunk::<8>()?;
        let place = Self { xid: u64::from_be_bytes(*xid), id: i64::from_be_bytes(*id) };
        (of == service.as_bytes()).then_some(place)
    }
}

/// `after` and `limit` of a feed; other parameters are a 400. Without `after` a feed starts at its oldest row.
#[derive(Clone, Debug)]
pub struct After {
    /// How many rows at most.
    pub limit: i64,
    after: Option<String>,
}

impl After {
    /// The place the client was, in the feed of this service; a cursor of another is a 400.
    pub fn place(&self, service: &str) -> Result<Place, Error> {
        match &self.after {
            None => Ok(Place::default()),
            Some(text) => Place::decode(text, service)
                .ok_or_else(|| Error::bad_request("after", "invalid_cursor", "must be the next of this very feed")),
        }
    }
}

impl FromRequest for After {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(query::pairs(request.query_string()).and_then(|mut parameters| {
            let limit = page::take_limit(&mut parameters)?;
            let after = page::take(&mut parameters, "after");
            query::no_others(&parameters)?;
            Ok(Self { limit, after })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_place_reads_back_in_its_own_feed(xid: u64, id: i64, service in "[a-z]{1,12}", other in "[a-z]{1,12}") {
            let place = Place { xid, id };
            let text = place.encode(&service);
            prop_assert_eq!(Place::decode(&text, &service), Some(place));
            prop_assert_eq!(Place::decode(&text, &other).is_some(), service == other);
        }

        #[test]
        fn any_text_is_a_place_or_none(text in "[A-Za-z0-9_-]{0,60}|\\PC{0,40}") {
            // Nothing but what was written reads back: there is one text for each place.
            if let Some(place) = Place::decode(&text, "registry") {
                prop_assert_eq!(place.encode("registry"), text);
            }
        }
    }

    #[test]
    fn a_place_reads_back_in_its_own_feed_only() {
        let place = Place { xid: u64::MAX, id: 7 };
        let text = place.encode("registry");
        assert_eq!(Place::decode(&text, "registry"), Some(place));
        for (text, service) in
            [(text.as_str(), "profile"), (&text[1..], "registry"), ("", "registry"), ("ZmVlZA", "registry")]
        {
            assert_eq!(Place::decode(text, service), None, "{text} {service}");
        }
    }
}
