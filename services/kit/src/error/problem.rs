//! An error as the client sees it: application/problem+json (RFC 9457).

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};

use super::{Busy, Error};

/// Where the types of problems live.
const PROBLEMS: &str = "https://govrnanza.example/problems/";
/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// The `type` of a problem: `https://govrnanza.example/problems/<slug>`.
pub fn problem_type(slug: &str) -> String {
    format!("{PROBLEMS}{slug}")
}

/// The members that every problem has; `instance` is the request id.
pub(crate) fn document(status: StatusCode, slug: &str, detail: &str, instance: &str) -> Map<String, Value> {
    let title = status.canonical_reason().unwrap_or("Error");
    let members = [
        ("type", json!(problem_type(slug))),
        ("title", json!(title)),
        ("status", json!(status.as_u16())),
        ("detail", json!(detail)),
        ("instance", json!(instance)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Error {
    /// The last part of the problem's `type`.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::BadRequest { .. } => "bad-request",
            Self::Unauthorized => "unauthorized",
            Self::WrongCredentials => "wrong-credentials",
            Self::PaymentRequired { slug, .. } | Self::Forbidden { slug, .. } => slug,
            Self::NotFound => "not-found",
            Self::MethodNotAllowed { .. } => "method-not-allowed",
            Self::NotAcceptable => "not-acceptable",
            Self::Slow => "request-timeout",
            Self::Conflict(conflict) => conflict.slug,
            Self::Stale => "stale-version",
            Self::TooLarge => "body-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::Invalid(_) => "invalid",
            Self::PreconditionRequired => "precondition-required",
            Self::TooMany { .. } => "too-many-requests",
            Self::Busy(_) => "busy",
            Self::Internal(_) => "internal",
        }
    }

    /// One sentence for the client; nothing internal in it, ever.
    fn detail(&self) -> String {
        let text = match self {
            Self::BadRequest { detail, .. } | Self::PaymentRequired { detail, .. } | Self::Forbidden { detail, .. } => {
                detail
            }
            Self::Conflict(conflict) => &conflict.detail,
            Self::Unauthorized => "a valid token is needed: Authorization: Bearer …",
            Self::WrongCredentials => "no login has this e-mail and this password",
            Self::NotFound => "there is no such thing here",
            Self::MethodNotAllowed { allow } => return format!("this path offers {allow}"),
            Self::NotAcceptable => "only application/json is offered",
            Self::Slow => "the body took too long to arrive",
            Self::Stale => "it has changed since: read it again and send its new ETag",
            Self::TooLarge => "a body may hold 256 KiB at most",
            Self::UnsupportedMediaType => "the body must be application/json",
            Self::Invalid(errors) => match errors.first() {
                Some(first) if first.field.is_empty() => return first.message.clone(),
                Some(first) => return format!("{}: {}", first.field, first.message),
                None => "a value can't be taken",
            },
            Self::PreconditionRequired => "If-Match with the resource's ETag is needed",
            Self::TooMany { .. } => "too much asked; wait and try again",
            Self::Busy(Busy::Queue) => "the service is overloaded; try again in a moment",
            Self::Busy(_) => "not possible at the moment; try again",
            Self::Internal(_) => "something went wrong on our side; the request id names it in our log",
        };
        text.to_owned()
    }

    /// The problem of this error; `instance` is the request id.
    pub fn problem(&self, instance: &str) -> Value {
        let mut problem = document(self.status(), self.slug(), &self.detail(), instance);
        match self {
            Self::BadRequest { errors, .. } | Self::Invalid(errors) if !errors.is_empty() => {
                problem.insert("errors".into(), json!(errors));
            }
            // A conflict's own members never hide the standard ones.
            Self::Conflict(conflict) => {
                for (key, value) in &conflict.extra {
                    problem.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
            _ => {}
        }
        Value::Object(problem)
    }
}

/// The answer for an error, with the headers its status asks for.
pub fn problem_response(error: &Error, instance: &str) -> HttpResponse {
    let mut response = HttpResponse::build(error.status());
    response.insert_header((header::CONTENT_TYPE, MEDIA_TYPE));
    match error {
        Error::Unauthorized | Error::WrongCredentials => {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        Error::MethodNotAllowed { allow } => {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        Error::TooMany { retry_after } => {
            response.insert_header((header::RETRY_AFTER, retry_after.to_string()));
        }
        Error::Busy(_) => {
            response.insert_header((header::RETRY_AFTER, "1"));
        }
        _ => {}
    }
    response.body(error.problem(instance).to_string())
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    /// The request id isn't known here: the outermost layer writes the answer again with it.
    fn error_response(&self) -> HttpResponse {
        problem_response(self, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_limit_names_what_the_contract_names() {
        let problem = Error::plan_limit("apis", "free", 5, 5).with("status", 1).problem("r-1");
        assert_eq!(problem["type"], "https://govrnanza.example/problems/plan-limit-reached");
        assert_eq!(problem["status"], 409, "an extra member doesn't hide a standard one");
        assert_eq!((&problem["limit"], &problem["used"]), (&json!(5), &json!(5)));
        assert_eq!((&problem["plan"], &problem["resource"]), (&json!("free"), &json!("apis")));
        assert_eq!(problem["instance"], "r-1");
    }

    #[test]
    fn causes_stay_in_the_log() {
        let problem = Error::internal("select secret from x").problem("r").to_string();
        assert!(!problem.contains("secret"), "{problem}");
    }

    #[test]
    fn headers_go_with_the_status() {
        let busy = problem_response(&Error::Busy(Busy::Pool), "r");
        assert_eq!(busy.headers().get("retry-after").unwrap(), "1");
        let wrong = problem_response(&Error::MethodNotAllowed { allow: "GET, POST".into() }, "r");
        assert_eq!(wrong.headers().get("allow").unwrap(), "GET, POST");
    }
}
