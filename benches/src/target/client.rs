//! Asking a target one thing at a time: for the probe, for loading, for looking afterwards.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;
use ureq::Agent;

use crate::Failure;

/// What was answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP status; 0 where nobody answered.
    pub status: u16,
    /// JSON, or null.
    pub body: Value,
    /// The version, as it is to be sent back.
    pub etag: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// `Content-Type`.
    pub content_type: String,
}

impl Answer {
    /// A text member of the body, or nothing.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        self.body["items"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// GET, POST, PATCH.
    pub method: &'a str,
    /// Whole URL.
    pub url: &'a str,
    /// Who asks.
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// Version it is based on.
    pub if_match: Option<&'a str>,
    /// JSON body.
    pub body: Option<&'a Value>,
}

impl<'a> Ask<'a> {
    /// Nobody's POST, such as a sign-up.
    pub fn post(url: &'a str, body: &'a Value) -> Self {
        Self { method: "POST", url, headers: &[], if_match: None, body: Some(body) }
    }
}

/// Sends requests; cheap to clone.
#[derive(Clone)]
pub struct Client(Agent);

impl Client {
    /// With a target's patience.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .max_idle_age(Duration::from_secs(2))
            .build();
        Self(config.new_agent())
    }

    /// Sends it once; whatever comes back is an answer, also nothing.
    #[must_use]
    pub fn ask(&self, ask: Ask<'_>) -> Answer {
        self.send(ask).unwrap_or_default()
    }

    /// Sends it until it isn't refused as too much (429, 503): for loading, which is faster than users are.
    ///
    /// # Errors
    /// A sentence, where another status than `expected` comes back.
    pub fn insist(&self, ask: Ask<'_>, expected: u16) -> Result<Answer, Failure> {
        for _ in 0..120 {
            let answer = self.ask(ask);
            match answer.status {
                429 | 503 => std::thread::sleep(Duration::from_millis(250)),
                status if status == expected => return Ok(answer),
                status => {
                    return Err(Failure::could_not_run(format!(
                        "{} {} was answered with {status} in place of {expected}: {}.",
                        ask.method, ask.url, answer.body
                    )));
                }
            }
        }
        Err(Failure::could_not_run(format!("{} {} was refused as too much for half a minute.", ask.method, ask.url)))
    }

    fn send(&self, ask: Ask<'_>) -> Result<Answer, ureq::Error> {
        let mut builder = ureq::http::Request::builder().method(ask.method).uri(ask.url);
        for (name, value) in ask.headers {
            builder = builder.header(name.as_str(), value.as_bytes());
        }
        if let Some(version) = ask.if_match {
            builder = builder.header("if-match", version);
        }
        let mut response = match ask.body {
            Some(body) => {
                let builder = builder.header("content-type", "application/json");
                self.0.run(builder.body(body.to_string())?)?
            }
            None => self.0.run(builder.body(())?)?,
        };
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (etag, location) = (header("etag"), header("location"));
        let content_type = header("content-type").unwrap_or_default();
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(16 << 20).read_to_vec()?;
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null), etag, location, content_type })
    }
}
