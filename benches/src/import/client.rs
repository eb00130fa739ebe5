//! The import's HTTP: whatever a service answers is an answer; what it asks to be patient about is repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

/// How long one request is repeated while the service says that it is busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long one request is repeated while nobody answers, once somebody has: a restart takes less.
const ABSENCE: Duration = Duration::from_secs(20);
/// The same for the first request.
const FIRST_ABSENCE: Duration = Duration::from_secs(2);

/// A service doesn't answer at all: the import stops, and can be run again.
#[derive(Debug)]
pub struct Unreachable(pub String);

/// A status and a body.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON, or null.
    pub body: Value,
    /// The resource's version, to be sent back.
    pub etag: Option<String>,
}

impl Answer {
    /// A text member of the body.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str()
    }

    /// Whether the problem's `type` ends so.
    pub fn is_problem(&self, slug: &str) -> bool {
        self.text("type").is_some_and(|name| name.rsplit('/').next() == Some(slug))
    }

    /// The service's own words on why not, for the summary.
    pub fn reason(&self) -> String {
        let words = self.text("detail").or_else(|| self.text("title")).unwrap_or("no reason given");
        let mut reason = format!("{}: {words}", self.status);
        for error in self.body.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let member = |name| error.get(name).and_then(Value::as_str).unwrap_or("?");
            reason += &format!(" [{}: {}]", member("field"), member("message"));
        }
        reason
    }
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// GET, POST, PATCH.
    pub method: &'a str,
    /// Whole URL.
    pub url: &'a str,
    /// Bearer token.
    pub token: Option<&'a str>,
    /// Version it is based on.
    pub if_match: Option<&'a str>,
    /// JSON body.
    pub body: Option<&'a Value>,
}

/// Sends requests; cheap to clone, shared by threads.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    met: Arc<AtomicBool>,
}

impl Client {
    /// A client that keeps its connections.
    pub fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            // Younger than a server's keep-alive, so that no request meets a connection that is being closed.
            .max_idle_age(Duration::from_secs(2))
            .max_idle_connections_per_host(16)
            .build();
        Self { agent: config.new_agent(), met: Arc::default() }
    }

    /// Sends until there is an answer other than "later".
    pub fn send(&self, request: Request<'_>) -> Result<Answer, Unreachable> {
        let started = Instant::now();
        // A fresh key for each request, the same for its repetitions: what was done though its answer got lost is not
        // done twice, and what was done and deleted since is done again by the next run.
        let key = uuid::Uuid::now_v7().to_string();
        loop {
            let absence = if self.met.load(Ordering::Relaxed) { ABSENCE } else { FIRST_ABSENCE };
            let wait = match self.once(request, &key) {
                Ok((answer, retry_after)) if matches!(answer.status, 429 | 503) => {
                    if started.elapsed() > PATIENCE {
                        return Ok(answer);
                    }
                    Duration::from_secs(retry_after.unwrap_or(1).clamp(1, 30))
                }
                Ok((answer, _)) => return Ok(answer),
                Err(error) if started.elapsed() > absence => {
                    return Err(Unreachable(format!("{} doesn't answer: {error}", origin(request.url))));
                }
                Err(_) => Duration::from_millis(250),
            };
            std::thread::sleep(wait);
        }
    }

    fn once(&self, request: Request<'_>, key: &str) -> Result<(Answer, Option<u64>), ureq::Error> {
        let mut builder = ureq::http::Request::builder().method(request.method).uri(request.url);
        if let Some(token) = request.token {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        if let Some(version) = request.if_match {
            builder = builder.header("if-match", version);
        }
        if request.method == "POST" {
            builder = builder.header("idempotency-key", key);
        }
        let mut response = match request.body {
            Some(body) => {
                let builder = builder.header("content-type", "application/json");
                self.agent.run(builder.body(body.to_string())?)?
            }
            None => self.agent.run(builder.body(())?)?,
        };
        self.met.store(true, Ordering::Relaxed);
        let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let retry_after = header("retry-after").and_then(|text| text.parse().ok());
        let etag = header("etag");
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(16 << 20).read_to_vec()?;
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok((Answer { status, body, etag }, retry_after))
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

fn origin(url: &str) -> &str {
    url.find("/api/").map_or(url, |end| &url[..end])
}
