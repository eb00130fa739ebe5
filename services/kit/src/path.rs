//! Ids from the path: typed, and a 400 with the parameter's name where a segment isn't one.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use uuid::Uuid;

use crate::Error;

/// One segment of a path.
pub trait Segment: Sized {
    /// Reads the segment; the error says what it should have been.
    fn parse(text: &str) -> Result<Self, &'static str>;
}

/// Reads the hyphenated form alone, so that each resource has one URL.
pub fn parse_uuid(text: &str) -> Result<Uuid, &'static str> {
    match text.len() {
        36 => Uuid::parse_str(text).map_err(|_| "must be a UUID"),
        _ => Err("must be a UUID"),
    }
}

impl Segment for String {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('\0') { Err("must not hold the character NUL") } else { Ok(text.to_owned()) }
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Segment for $number {
            fn parse(text: &str) -> Result<Self, &'static str> {
                text.parse().map_err(|_| "must be a whole number in range")
            }
        }
    )+};
}
numbers!(i16, i32, i64, u16, u32);

/// A segment, or several of them in the order of the path.
pub trait Segments: Sized {
    /// Reads them from the request's path.
    fn read(request: &HttpRequest) -> Result<Self, Error>;
}

/// Reads the `index`th parameter of the route's pattern.
fn segment<T: Segment>(request: &HttpRequest, index: usize) -> Result<T, Error> {
    let (name, raw) = request
        .match_info()
        .iter()
        .nth(index)
        .ok_or_else(|| Error::internal(format!("the route has no path parameter {index}")))?;
    let text = percent_encoding::percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| Error::bad_request(name, "invalid_encoding", "must be UTF-8"))?;
    T::parse(&text).map_err(|message| Error::bad_request(name, "invalid_format", message))
}

impl<T: Segment> Segments for T {
    fn read(request: &HttpRequest) -> Result<Self, Error> {
        segment(request, 0)
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:literal),+))+) => {$(
        impl<$($name: Segment),+> Segments for ($($name,)+) {
            fn read(request: &HttpRequest) -> Result<Self, Error> {
                Ok(($(segment::<$name>(request, $index)?,)+))
            }
        }
    )+};
}
tuples! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

/// The path's parameters by position: `Ids<(OrganisationId, ApiId)>` for `/organisations/{org}/apis/{id}`.
#[derive(Clone, Copy, Debug)]
pub struct Ids<T>(pub T);

impl<T: Segments> FromRequest for Ids<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(T::read(request).map(Self))
    }
}
