//! Tags: what the APIs of an organisation are tagged with.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::Queryable;
use kit::id::OrganisationId;
use kit::{Error, Paged};
use serde::{Deserialize, Serialize};

/// A tag in use.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Serialize)]
pub struct Tag {
    /// The tag.
    pub name: String,
    /// On how many APIs.
    pub apis: i64,
}

/// Where in the list of tags. Tags have no time and no id: their list is ordered by name, and so is its cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TagPage {
    limit: Option<String>,
    cursor: Option<String>,
}

/// The first bytes of every cursor of tags; the organisation follows.
const MARK: &[u8] = b"tags";

impl TagPage {
    /// How many items the client wants.
    pub fn limit(&self) -> Result<i64, Error> {
        kit::page_limit(self.limit.as_deref())
    }

    /// The tag after which the page starts; every tag comes after the empty one.
    pub fn after(&self, organisation: OrganisationId) -> Result<String, Error> {
        let Some(cursor) = &self.cursor else {
            return Ok(String::new());
        };
        URL_SAFE_NO_PAD
            .decode(cursor)
            .ok()
            .and_then(|bytes| {
                let rest = bytes.strip_prefix(MARK)?.strip_prefix(organisation.0.as_bytes())?;
                let (length, tag) = rest.split_first()?;
                // The length tells a whole tag from a piece of one.
                let whole = usize::from(*length) == tag.len();
                String::from_utf8(tag.to_vec()).ok().filter(|tag| whole && !tag.is_empty() && !tag.contains('\0'))
            })
            .ok_or_else(|| Error::bad_request("cursor", "invalid_cursor", "must be a nextCursor of this very list"))
    }

    /// The answer, from up to one row more than `limit`.
    pub fn finish(organisation: OrganisationId, limit: i64, mut rows: Vec<Tag>) -> Paged<Tag> {
        let limit = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| {
            let tag = last.name.as_bytes();
            // 50 characters are 200 bytes at most.
            let length = [u8::try_from(tag.len()).unwrap_or_default()];
            URL_SAFE_NO_PAD.encode([MARK, organisation.0.as_bytes(), &length, tag].concat())
        });
        Paged { items: rows, next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cursor: &str) -> TagPage {
        TagPage { limit: None, cursor: Some(cursor.to_owned()) }
    }

    #[test]
    fn a_cursor_leads_back_to_its_place_and_nowhere_else() {
        let (here, there) = (OrganisationId(uuid::Uuid::now_v7()), OrganisationId(uuid::Uuid::now_v7()));
        let rows = ["a", "b"].map(|name| Tag { name: name.into(), apis: 1 }).to_vec();
        let page = TagPage::finish(here, 1, rows);
        let cursor = page.next_cursor.expect("there is a second page");
        assert_eq!(at(&cursor).after(here), Ok("a".to_owned()));
        assert!(at(&cursor).after(there).is_err(), "another organisation's");
        assert!(at(&cursor[1..]).after(here).is_err(), "garbled");
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("it is base64");
        let more = URL_SAFE_NO_PAD.encode([&bytes[..], b"b"].concat());
        assert!(at(&more).after(here).is_err(), "another tag");
        assert!(at("").after(here).is_err(), "empty");
        assert_eq!(TagPage::finish(here, 2, page.items).next_cursor, None);
    }
}
