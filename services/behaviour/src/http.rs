//! A plain HTTP client for assertions: every status is an answer, never an error.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

/// Sends requests for assertions; cheap to clone, usable from many threads.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client that follows no redirect, asks no proxy and gives up after a minute.
    pub fn new() -> Self {
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
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self { agent: config.new_agent() }
    }

    /// The service at this base URL (`http://127.0.0.1:8103`).
    pub fn api(&self, base: &str) -> Api {
        Api { client: self.clone(), base: base.trim_end_matches('/').to_owned() }
    }
}

/// One service: a base URL and a way to call it. Paths are below `/api/v1`, except with [`Api::root`].
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
}

impl Api {
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
            url: format!("{}{path}", self.base),
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
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With `If-Match`, the ETag exactly as a response gave it.
    pub fn if_match(self, etag: &str) -> Self {
        self.header("if-match", etag)
    }

    /// With `Idempotency-Key`.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
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

    /// Sends the request; panics only when no answer comes at all.
    pub fn send(self) -> Response {
        let what = format!("{} {}", self.method, self.url);
        self.try_send().unwrap_or_else(|why| panic!("{what}: no answer: {why}"))
    }

    /// Sends the request; an error is a missing answer, never a status.
    pub fn try_send(self) -> Result<Response, String> {
        let mut request = ureq::http::Request::builder().method(self.method.as_str()).uri(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = match self.body {
            Some(body) => self.client.agent.run(request.body(body).map_err(text)?),
            None => self.client.agent.run(request.body(()).map_err(text)?),
        };
        let mut answer = answer.map_err(text)?;
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(64 << 20).read_to_vec().map_err(text)?;
        Ok(Response { method: self.method, url: self.url, status, headers, body })
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
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

    /// Panics, showing the answer, unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "expected {status}: {}", self.describe());
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("not JSON ({why}): {}", self.describe()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The ETag, as it is to be sent back in `If-Match`.
    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("no ETag: {}", self.describe())).to_owned()
    }

    /// `id` of the resource in the body.
    #[track_caller]
    pub fn id(&self) -> Uuid {
        let body = self.json();
        let id = body["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.describe()));
        id.parse().unwrap_or_else(|why| panic!("id {id:?} is no UUID ({why}): {}", self.describe()))
    }

    /// Request line, status and body, for messages.
    pub fn describe(&self) -> String {
        let text = self.text();
        let short: String = text.chars().take(2000).collect();
        format!("{} {} → {} {short}", self.method, self.url, self.status)
    }
}
