//! Answers, and why one isn't what was asked for. Nothing here panics.

use serde_json::Value;
use uuid::Uuid;

/// Why something wasn't done; as text a sentence without its full stop.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failed {
    /// The service has no base URL here.
    #[error("the service {0} takes no part: it has no URL")]
    NoService(String),
    /// Nobody answered.
    #[error("{0}")]
    NoAnswer(String),
    /// The answer is another one than was expected.
    #[error("{} {} was answered with {}", .0.method, .0.url, .0.reason())]
    Refused(Box<Response>),
    /// The answer lacks a member that it must have.
    #[error("{} {} was answered with {} but without {:?}: {}", .1.method, .1.url, .1.status, .0, .1.start(160))]
    Lacks(&'static str, Box<Response>),
    /// A login that was added still waits for the owner of its address.
    #[error("{}: the login is still not accepted: nobody used the link in the mail to its address", .0.url)]
    NotAccepted(Box<Response>),
}

impl Failed {
    /// The answer where one came.
    pub fn answer(&self) -> Option<&Response> {
        match self {
            Self::Refused(answer) | Self::Lacks(_, answer) | Self::NotAccepted(answer) => Some(answer),
            _ => None,
        }
    }
}

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

    /// This answer, if the status is this one.
    pub fn check(self, status: u16) -> Result<Self, Failed> {
        if self.status == status { Ok(self) } else { Err(Failed::Refused(Box::new(self))) }
    }

    /// The body as JSON; null where it isn't JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A text member of the body.
    pub fn member(&self, name: &str) -> Option<String> {
        Some(self.value().get(name)?.as_str()?.to_owned())
    }

    /// `id` of the resource in the body.
    pub fn find_id(&self) -> Result<Uuid, Failed> {
        let id = self.member("id").and_then(|id| id.parse().ok());
        id.ok_or_else(|| Failed::Lacks("id", Box::new(self.clone())))
    }

    /// Whether it is a problem of this type: `plan-limit-reached`.
    pub fn is_problem(&self, slug: &str) -> bool {
        self.member("type").is_some_and(|name| name.rsplit('/').next() == Some(slug))
    }

    /// The status and the service's own words on why not.
    pub fn reason(&self) -> String {
        let words = self.member("detail").or_else(|| self.member("title"));
        let words = words.unwrap_or_else(|| format!("no reason given: {}", self.start(160)));
        let mut reason = format!("{}: {words}", self.status);
        for error in self.value()["errors"].as_array().into_iter().flatten() {
            let member = |name: &str| error[name].as_str().unwrap_or("?");
            reason += &format!(" [{}: {}]", member("field"), member("message"));
        }
        reason
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Request line, status and body, for messages.
    pub fn describe(&self) -> String {
        format!("{} {} → {} {}", self.method, self.url, self.status, self.start(2000))
    }

    fn start(&self, characters: usize) -> String {
        self.text().chars().take(characters).collect()
    }
}
