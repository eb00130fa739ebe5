//! `If-Match`: who changes a resource says which version of it was seen.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};

use crate::Error;

/// The version the client saw: exactly one strong ETag, `If-Match: "7"`.
///
/// Missing is 428; a list, a weak tag, `*` or no tag at all is 400: `*` would overwrite what was never read.
/// A well-formed tag that isn't one of ours can't be current: it is read as version -1, and is stale (412).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl IfMatch {
    /// Nothing if `current` is the version the client saw, else 412. Called under the entity's lock.
    pub fn check(self, current: i64) -> Result<(), Error> {
        if self.0 == current { Ok(()) } else { Err(Error::Stale) }
    }

    fn parse(value: &str) -> Result<Self, Error> {
        let malformed = || Error::bad_request("If-Match", "invalid_format", "must be one strong ETag, such as \"7\"");
        let tag = value.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(malformed)?;
        if tag.contains('"') || tag.bytes().any(|byte| !(0x21..=0x7e).contains(&byte)) {
            return Err(malformed());
        }
        // Only the form we write is ours: no sign, no leading zero.
        let version = tag.parse::<i64>().ok().filter(|version| *version >= 0 && version.to_string() == tag);
        Ok(Self(version.unwrap_or(-1)))
    }
}

impl FromRequest for IfMatch {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(header::IF_MATCH);
        ready(match (values.next(), values.next()) {
            (None, _) => Err(Error::PreconditionRequired),
            (Some(value), None) => Self::parse(value.to_str().unwrap_or_default()),
            (Some(_), Some(_)) => Self::parse(""),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_version_is_read_back(version in 0..=i64::MAX) {
            prop_assert_eq!(IfMatch::parse(&format!("\"{version}\"")), Ok(IfMatch(version)));
        }

        #[test]
        fn no_other_text_is_a_version(text in "\"?[0-9*W/ ,+-]{0,6}\"?|\\PC{0,20}") {
            if let Ok(IfMatch(version)) = IfMatch::parse(&text) {
                let written = format!("\"{version}\"");
                prop_assert!(version == -1 || text.trim() == written);
            }
        }
    }

    #[test]
    fn one_strong_tag_and_nothing_else() {
        assert_eq!(IfMatch::parse("\"7\""), Ok(IfMatch(7)));
        for foreign in ["\"07\"", "\"+7\"", "\"-1\"", "\"abc\"", "\"99999999999999999999\""] {
            assert_eq!(IfMatch::parse(foreign).unwrap().check(7), Err(Error::Stale), "{foreign}");
        }
        for malformed in ["", "7", "*", "W/\"7\"", "\"7\", \"8\"", "\"7", "\"a b\""] {
            assert!(matches!(IfMatch::parse(malformed), Err(Error::BadRequest { .. })), "{malformed}");
        }
    }
}
