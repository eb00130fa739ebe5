//! What is answered: an answer of any status, or what went wrong.

use serde_json::Value;
use uuid::Uuid;

/// What went wrong, in a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed(pub String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

/// An answer, of whatever status.
#[derive(Debug, Clone)]
pub struct Response {
    /// The request's method.
    pub method: String,
    /// The request's URL.
    pub url: String,
    /// The status.
    pub status: u16,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Response {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// This answer, if the status is this one; else what came instead.
    pub fn check(self, status: u16) -> Result<Self, Failed> {
        if self.status == status { Ok(self) } else { Err(Failed(format!("expected {status}: {}", self.describe()))) }
    }

    /// The body as JSON; null where it isn't JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// `id` of the resource in the body.
    pub fn find_id(&self) -> Result<Uuid, Failed> {
        let id = self.value()["id"].as_str().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Failed(format!("no id: {}", self.describe())))
    }

    /// Whether it is a problem of this type: `plan-limit-reached`.
    pub fn is_problem(&self, slug: &str) -> bool {
        self.value()["type"].as_str().is_some_and(|name| name.rsplit('/').next() == Some(slug))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Request line, status and body, for messages.
    pub fn describe(&self) -> String {
        let text = self.text();
        let short: String = text.chars().take(2000).collect();
        format!("{} {} → {} {short}", self.method, self.url, self.status)
    }
}
