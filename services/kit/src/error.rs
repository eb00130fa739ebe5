//! What can go wrong, as the contract knows it. Every error a client sees is made here and becomes a problem+json.

mod classify;
mod constraint;
mod messages;
mod problem;

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

pub use classify::classify;
pub use constraint::OnConstraint;
pub(crate) use problem::{MEDIA_TYPE, document};
pub use problem::{problem_response, problem_type};

/// One field of a request that isn't as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field as the client wrote it: `admin.email`, `tags[3]`, `cursor`.
    pub field: String,
    /// For programs: `unknown_field`, `too_long`, `not_found`, …
    pub code: String,
    /// For people.
    pub message: String,
}

impl FieldError {
    /// A field error.
    pub fn new(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.into(), message: message.into() }
    }
}

/// A 409: what is asked contradicts what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The last part of the problem's `type`.
    pub slug: &'static str,
    /// One sentence for people.
    pub detail: String,
    /// Further members of the problem: `limit`, `used`, `allowed`, …
    pub extra: Map<String, Value>,
}

/// Why the service can't do it now, though it might in a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// The queue to the database threads is full, or the service is stopping.
    Queue,
    /// No connection came free, or none could be made, in time.
    Pool,
    /// The connection broke: the database was stopped, or ended it.
    Closed,
    /// The database refused to take the connection or the work now.
    Refused,
    /// A lock was not had in time, or a deadlock was ended.
    Lock,
    /// The statement took longer than its login may.
    Statement,
    /// Two transactions could not both be true.
    Serialization,
    /// The database lacks something: space on its disk, memory, files; or its disk fails.
    Resources,
    /// The database takes no writes: a standby, or set read-only.
    ReadOnly,
    /// No answer came within the time that was due: the server is stopped, or can't be reached any more.
    Hangs,
    /// Somebody else that this service needs (not the database) doesn't answer.
    Elsewhere,
}

/// A mistake of ours. Its text is for the log only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened, for the log.
    pub cause: String,
    /// The constraint that failed, where one did: see [`OnConstraint`].
    pub constraint: Option<String>,
}

/// Everything a request can fail with; each variant is one thing a client can *do* about it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// 400: the request can't be understood.
    #[error("bad request: {detail}")]
    BadRequest {
        /// One sentence for people.
        detail: String,
        /// The fields that can't be read.
        errors: Vec<FieldError>,
    },
    /// 401: no token, or not a valid one.
    #[error("not signed in")]
    Unauthorized,
    /// 401: an e-mail and a password that don't belong together; which of the two is wrong is not said.
    #[error("wrong credentials")]
    WrongCredentials,
    /// 402: the organisation is frozen.
    #[error("payment required: {detail}")]
    PaymentRequired {
        /// The last part of the problem's `type`.
        slug: &'static str,
        /// One sentence for people.
        detail: String,
    },
    /// 403: signed in, but not allowed.
    #[error("forbidden: {detail}")]
    Forbidden {
        /// The last part of the problem's `type`.
        slug: &'static str,
        /// One sentence for people.
        detail: String,
    },
    /// 404: no such thing here.
    #[error("not found")]
    NotFound,
    /// 405: the path has other methods.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The `Allow` header.
        allow: String,
    },
    /// 406: only JSON is offered.
    #[error("not acceptable")]
    NotAcceptable,
    /// 408: the body took too long to come.
    #[error("the body took too long")]
    Slow,
    /// 409: it contradicts what is there.
    #[error("conflict: {}", .0.detail)]
    Conflict(Conflict),
    /// 412: the resource has changed since.
    #[error("stale version")]
    Stale,
    /// 413: the body is larger than allowed.
    #[error("body too large")]
    TooLarge,
    /// 415: the body is not JSON.
    #[error("not JSON")]
    UnsupportedMediaType,
    /// 422: understood, but the values can't be taken.
    #[error("invalid: {0:?}")]
    Invalid(Vec<FieldError>),
    /// 428: `If-Match` is missing.
    #[error("If-Match is missing")]
    PreconditionRequired,
    /// 429: too much asked of us by one client.
    #[error("too many requests")]
    TooMany {
        /// Seconds until it makes sense to try again.
        retry_after: u64,
    },
    /// 503: try again in a moment.
    #[error("busy: {0:?}")]
    Busy(Busy),
    /// 500: a mistake of ours.
    #[error("internal: {}", .0.cause)]
    Internal(Fault),
}

impl Error {
    /// A 409 of type `slug`; further members with [`Error::with`].
    pub fn conflict(slug: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict(Conflict { slug, detail: detail.into(), extra: Map::new() })
    }

    /// Adds a member to the problem of a conflict; other errors stay as they are.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Serialize) -> Self {
        if let Self::Conflict(conflict) = &mut self {
            let value = serde_json::to_value(value).unwrap_or(Value::Null);
            conflict.extra.insert(member.to_owned(), value);
        }
        self
    }

    /// The 409 of a reached plan limit, with the members the contract names.
    pub fn plan_limit(resource: &str, plan: &str, limit: i64, used: i64) -> Self {
        Self::conflict(
            "plan-limit-reached",
            format!("the plan {plan} allows {limit} {resource}, and {used} are in use"),
        )
        .with("limit", limit)
        .with("used", used)
        .with("plan", plan)
        .with("resource", resource)
    }

    /// A 409 of a limit that holds on every plan: `most` of these for `whom`.
    pub fn limit(resource: &str, most: usize, whom: &str) -> Self {
        Self::conflict("limit-reached", format!("{whom} may have {most} {resource} at most"))
            .with("limit", most)
            .with("resource", resource)
    }

    /// A 422 for one field.
    pub fn invalid(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, message)])
    }

    /// A 400 for one field or parameter.
    pub fn bad_request(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        let error = FieldError::new(field, code, message);
        let detail = match error.field.as_str() {
            "" => error.message.clone(),
            field => format!("{field}: {}", error.message),
        };
        Self::BadRequest { detail, errors: vec![error] }
    }

    /// A 403 of the general kind.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::Forbidden { slug: "forbidden", detail: detail.into() }
    }

    /// A 500; the cause goes to the log, never to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(Fault { cause: cause.to_string(), constraint: None })
    }

    /// The status code of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthorized | Self::WrongCredentials => StatusCode::UNAUTHORIZED,
            Self::PaymentRequired { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Stale => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
