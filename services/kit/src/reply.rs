//! Successful answers, as plain values: a handler shapes one, and the idempotency table can keep one.

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;

use crate::Error;

/// The start of every path of the contract.
pub const BASE: &str = "/api/v1";

/// What a handler returns.
pub type Answer = Result<Reply, Error>;

/// A successful answer: status, JSON body, and the two headers the contract gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) body: Option<String>,
}

impl Reply {
    fn new(status: StatusCode, body: Option<String>) -> Self {
        Self { status: status.as_u16(), location: None, etag: None, body }
    }

    /// 200 with a body that is JSON already.
    #[must_use]
    pub fn ok_text(json: String) -> Self {
        Self::new(StatusCode::OK, Some(json))
    }

    /// Adds `ETag: "<version>"`.
    #[must_use]
    pub fn etag(mut self, version: i64) -> Self {
        self.etag = Some(format!("\"{version}\""));
        self
    }

    /// Adds `Location`: a path below `/api/v1`, such as `/organisations/…/apis/…`.
    #[must_use]
    pub fn location(mut self, path: impl AsRef<str>) -> Self {
        self.location = Some(format!("{BASE}{}", path.as_ref()));
        self
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The JSON text of the body.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }
}

/// Any status with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    let text =
        serde_json::to_string(body).map_err(|error| Error::internal(format!("an answer can't be written: {error}")))?;
    Ok(Reply::new(status, Some(text)))
}

/// 200 with a body.
pub fn ok(body: &impl Serialize) -> Answer {
    json(StatusCode::OK, body)
}

/// 201 with a body, `Location` (a path below `/api/v1`) and `ETag`.
pub fn created(location: impl AsRef<str>, version: i64, body: &impl Serialize) -> Answer {
    Ok(json(StatusCode::CREATED, body)?.location(location).etag(version))
}

/// 204.
pub fn no_content() -> Answer {
    Ok(Reply::new(StatusCode::NO_CONTENT, None))
}

/// 200 with a body and its `ETag`.
pub fn with_etag(version: i64, body: &impl Serialize) -> Answer {
    Ok(ok(body)?.etag(version))
}

/// 200 with one page of a list.
pub fn page<T: Serialize>(page: &crate::Paged<T>) -> Answer {
    ok(page)
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if let Some(etag) = self.etag {
            response.insert_header((header::ETAG, etag));
        }
        match self.body {
            Some(body) => response.insert_header((header::CONTENT_TYPE, "application/json")).body(body),
            None => response.finish(),
        }
    }
}
