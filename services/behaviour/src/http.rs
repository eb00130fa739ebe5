//! The client of the contract: every status is an answer, and only a missing answer is an error. Nothing here panics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

pub use crate::response::{Failed, Response};

/// Headers for a token, given the organisation that the path names.
type Authorize = dyn Fn(&str, Option<&str>) -> Vec<(String, String)> + Send + Sync;

/// Sends requests; cheap to clone, usable from many threads.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    authorize: Arc<Authorize>,
    settle: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// How long a request is repeated.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// While the service says that it is busy: 429, 503.
    pub busy: Duration,
    /// While no answer comes at all.
    pub absent: Duration,
}

/// A caller that makes many things at once is limited at times (429), and tries again; a service that is away is an error at once.
impl Default for Patience {
    fn default() -> Self {
        Self { busy: Duration::from_secs(120), absent: Duration::ZERO }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client that follows no redirect, asks no proxy and gives up after a minute.
    pub fn new() -> Self {
        Self::with_timeout(Duration::from_secs(60))
    }

    /// The same, but an answer is waited for this long.
    pub fn with_timeout(timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections_per_host(128)
            .max_idle_connections(512)
            // Younger than any server's keep-alive, so that no request meets a connection that is being closed.
            .max_idle_age(Duration::from_secs(2))
            .timeout_global(Some(timeout))
            .build();
        let bearer = |token: &str, _: Option<&str>| vec![("authorization".to_owned(), format!("Bearer {token}"))];
        Self { agent: config.new_agent(), authorize: Arc::new(bearer), settle: None }
    }

    /// With other headers than `Authorization: Bearer …` for a token, given the organisation that the path names.
    #[must_use]
    pub fn authorized(
        mut self,
        headers: impl Fn(&str, Option<&str>) -> Vec<(String, String)> + Send + Sync + 'static,
    ) -> Self {
        self.authorize = Arc::new(headers);
        self
    }

    /// `settle` is called after each write that succeeded, before its answer is looked at. Where services see each other's writes only
    /// after a while, it waits until they do: what holds at once elsewhere holds then.
    #[must_use]
    pub fn settling(mut self, settle: impl Fn() + Send + Sync + 'static) -> Self {
        self.settle = Some(Arc::new(settle));
        self
    }

    /// The service at this base URL (`http://127.0.0.1:8103`).
    pub fn api(&self, base: &str) -> Api {
        let base = base.trim_end_matches('/').to_owned();
        Api { client: self.clone(), writes: base.clone(), base }
    }
}

/// One service: a base URL and a way to call it. Paths are below `/api/v1`, except with [`Api::root`].
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
    writes: String,
}

impl Api {
    /// Everything but GET and HEAD goes to this base URL: for a service that only answers reads.
    #[must_use]
    pub fn writing_to(self, base: &str) -> Self {
        Self { writes: base.trim_end_matches('/').to_owned(), ..self }
    }

    /// The base URL, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request of any method to a path below `/api/v1`.
    pub fn request(&self, method: &str, path: &str) -> Call {
        self.raw(method, &format!("/api/v1{path}"))
    }

    /// A request of any method to a path of the origin.
    pub fn raw(&self, method: &str, path: &str) -> Call {
        Call {
            client: self.client.clone(),
            method: method.to_owned(),
            url: format!("{}{path}", if matches!(method, "GET" | "HEAD") { &self.base } else { &self.writes }),
            headers: Vec::new(),
            body: None,
        }
    }

    /// GET of a path outside `/api/v1`: `/healthz`.
    pub fn root(&self, path: &str) -> Call {
        self.raw("GET", path)
    }

    /// GET of a path below `/api/v1`.
    pub fn get(&self, path: &str) -> Call {
        self.request("GET", path)
    }

    /// POST to a path below `/api/v1`.
    pub fn post(&self, path: &str) -> Call {
        self.request("POST", path)
    }

    /// PUT to a path below `/api/v1`.
    pub fn put(&self, path: &str) -> Call {
        self.request("PUT", path)
    }

    /// PATCH of a path below `/api/v1`.
    pub fn patch(&self, path: &str) -> Call {
        self.request("PATCH", path)
    }

    /// DELETE of a path below `/api/v1`.
    pub fn delete(&self, path: &str) -> Call {
        self.request("DELETE", path)
    }
}

/// A request being built; [`Call::send`] sends it.
#[must_use = "a call does nothing until it is sent"]
#[derive(Clone)]
pub struct Call {
    client: Client,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Call {
    /// With this bearer token.
    pub fn token(mut self, token: &str) -> Self {
        let path = self.url.split_once("/organisations/").map(|(_, rest)| rest);
        let organisation = path.and_then(|path| path.split(['/', '?']).next());
        let headers = (self.client.authorize)(token, organisation);
        self.headers.extend(headers);
        self
    }

    /// With `If-Match`, the ETag exactly as a response gave it.
    pub fn if_match(self, etag: &str) -> Self {
        self.header("if-match", etag)
    }

    /// With `Idempotency-Key`.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With all these headers.
    pub fn headers<'a>(self, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        headers.into_iter().fold(self, |call, (name, value)| call.header(name, value))
    }

    /// With any header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a query parameter, percent-encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&format!("{}={}", encode(name), encode(value)));
        self
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string().into_bytes())
    }

    /// With any body, of any declared type.
    pub fn body(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header("content-type", content_type)
    }

    /// Sends the request; an error is a missing answer, never a status.
    pub fn try_send(self) -> Result<Response, Failed> {
        let origin = || self.url.find("/api/").map_or(self.url.as_str(), |end| &self.url[..end]);
        let answer = self.once().map_err(|why| Failed::NoAnswer(format!("{} doesn't answer: {why}", origin())))?;
        let wrote = (200..300).contains(&answer.status) && !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        if let Some(settle) = self.client.settle.as_ref().filter(|_| wrote) {
            settle();
        }
        Ok(answer)
    }

    /// Sends the request until the answer is neither 429 nor 503, or until there is no patience left.
    ///
    /// A POST carries one `Idempotency-Key` in all its repetitions: what was done though its answer got lost is not done
    /// twice.
    pub fn send_patiently(mut self, patience: Patience) -> Result<Response, Failed> {
        if self.method == "POST" && self.headers.iter().all(|(name, _)| name != "idempotency-key") {
            self = self.idempotency_key(&Uuid::now_v7().to_string());
        }
        let started = Instant::now();
        loop {
            let pause = match self.clone().try_send() {
                Ok(answer) if matches!(answer.status, 429 | 503) && started.elapsed() < patience.busy => {
                    let seconds = answer.header("retry-after").and_then(|text| text.parse().ok());
                    Duration::from_secs(seconds.unwrap_or(1).clamp(1, 30))
                }
                Err(_) if started.elapsed() < patience.absent => Duration::from_millis(250),
                ended => return ended,
            };
            std::thread::sleep(pause);
        }
    }

    fn once(&self) -> Result<Response, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(self.method.as_str()).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut answer = match &self.body {
            Some(body) => self.client.agent.run(request.body(body.as_slice())?)?,
            None => self.client.agent.run(request.body(())?)?,
        };
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(64 << 20).read_to_vec()?;
        Ok(Response { method: self.method.clone(), url: self.url.clone(), status, headers, body })
    }
}

/// Percent-encodes everything but unreserved characters.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
