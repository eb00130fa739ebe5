//! Pages of lists: keyset `(created_at, id)`, an opaque cursor, stable under concurrent inserts.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Error, query};

/// Where a page ended: the place of its last row in the list's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyset {
    /// The row's creation.
    pub created_at: DateTime<Utc>,
    /// The row's id.
    pub id: Uuid,
}

impl Keyset {
    /// The place of a row.
    pub fn new(created_at: DateTime<Utc>, id: impl Into<Uuid>) -> Self {
        Self { created_at, id: id.into() }
    }
}

/// `limit` (1..=200, default 50) and `cursor` of a list without filters; other parameters are a 400.
///
/// A cursor holds a mark of the list it comes from (path and filters): one from elsewhere is a 400.
/// A statement reads [`Page::fetch`] rows after [`Page::place`], and [`Page::finish`] makes the answer of them.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// How many items the client wants.
    pub limit: i64,
    /// The place after which this page starts.
    pub after: Option<Keyset>,
    mark: [u8; MARK],
}

/// A list's page and its filters, from one query string.
#[derive(Clone, Debug)]
pub struct Filtered<T> {
    /// Where in the list.
    pub page: Page,
    /// Which of the list.
    pub filter: T,
}

/// One page of answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Paged<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask for to get the next page; none at the end.
    pub next_cursor: Option<String>,
}

impl<T> Paged<T> {
    /// The same page of something else.
    pub fn map<U>(self, item: impl FnMut(T) -> U) -> Paged<U> {
        Paged { items: self.items.into_iter().map(item).collect(), next_cursor: self.next_cursor }
    }
}

const MARK: usize = 8;

impl Page {
    /// A page outside of a request (tests, commands).
    pub fn first(limit: i64) -> Self {
        Self { limit, after: None, mark: [0; MARK] }
    }

    /// The place this page starts after, for SQL; the first page starts before all rows, so that it is the same statement.
    pub fn place(&self) -> (DateTime<Utc>, Uuid) {
        self.after.map_or((DateTime::UNIX_EPOCH, Uuid::nil()), |place| (place.created_at, place.id))
    }

    /// How many rows to read: one more than wanted, which tells whether there is a next page.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The answer, from up to [`Page::fetch`] rows in the list's order.
    pub fn finish<T>(&self, mut rows: Vec<T>, place: impl Fn(&T) -> Keyset) -> Paged<T> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(|row| self.cursor(place(row))) } else { None };
        Paged { items: rows, next_cursor }
    }

    fn cursor(&self, place: Keyset) -> String {
        let mut bytes = Vec::with_capacity(MARK + 24);
        bytes.extend_from_slice(&self.mark);
        bytes.extend_from_slice(&place.created_at.timestamp_micros().to_be_bytes());
        bytes.extend_from_slice(place.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Takes `limit` and `cursor` out of the parameters; the rest is left, and marks the cursors of this list.
    fn take(path: &str, parameters: &mut Vec<(String, String)>) -> Result<Self, Error> {
        let limit = take_limit(parameters)?;
        let cursor = take(parameters, "cursor");
        parameters.sort();
        let mut hash = Sha256::new();
        for part in
            std::iter::once(path).chain(parameters.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]))
        {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut mark = [0; MARK];
        mark.copy_from_slice(&hash.finalize()[..MARK]);
        let after = cursor.map(|cursor| place(&cursor, &mark)).transpose()?;
        Ok(Self { limit, after, mark })
    }
}

/// The `limit` parameter, taken out of the others.
pub(crate) fn take_limit(parameters: &mut Vec<(String, String)>) -> Result<i64, Error> {
    page_limit(take(parameters, "limit").as_deref())
}

/// The number of items that this parameter asks for, by default 50; 400 for anything but 1 to 200.
pub fn page_limit(text: Option<&str>) -> Result<i64, Error> {
    let Some(text) = text else {
        return Ok(50);
    };
    match text.parse() {
        Ok(limit @ 1..=200) if !text.starts_with('+') => Ok(limit),
        _ => Err(Error::bad_request("limit", "out_of_range", "must be a whole number between 1 and 200")),
    }
}

/// A parameter by name, taken out of the others.
pub(crate) fn take(parameters: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let index = parameters.iter().position(|(other, _)| other == name)?;
    Some(parameters.swap_remove(index).1)
}

fn place(cursor: &str, mark: &[u8; MARK]) -> Result<Keyset, Error> {
    let wrong = || Error::bad_request("cursor", "invalid_cursor", "must be a nextCursor of this very list");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    let (own, rest) = bytes.split_first_chunk::<MARK>().ok_or_else(wrong)?;
    let (micros, id) = rest.split_first_chunk::<8>().ok_or_else(wrong)?;
    let created_at = DateTime::from_timestamp_micros(i64::from_be_bytes(*micros))
        // Nothing is older than this software, and Postgres knows no time that is very much older.
        .filter(|at| *at >= DateTime::UNIX_EPOCH)
        .ok_or_else(wrong)?;
    let id = Uuid::from_slice(id).map_err(|_| wrong())?;
    if own == mark { Ok(Keyset { created_at, id }) } else { Err(wrong()) }
}

impl FromRequest for Page {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(query::pairs(request.query_string()).and_then(|mut parameters| {
            let page = Self::take(request.path(), &mut parameters)?;
            query::no_others(&parameters)?;
            Ok(page)
        }))
    }
}

impl<T: DeserializeOwned> FromRequest for Filtered<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(query::pairs(request.query_string()).and_then(|mut parameters| {
            let page = Page::take(request.path(), &mut parameters)?;
            Ok(Self { page, filter: query::read(&parameters)? })
        }))
    }
}

#[cfg(test)]
mod tests;
