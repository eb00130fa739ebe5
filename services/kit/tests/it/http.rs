//! A client that takes every status as an answer, and waits for conditions.

use std::time::{Duration, Instant};

use serde_json::Value;

pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// A problem of this status, whole: the media type, the type, the request id, and nothing internal.
    #[track_caller]
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["instance"], self.header("x-request-id"));
        assert!(problem["type"].as_str().unwrap().starts_with("https://govrnanza.example/problems/"));
        for internal in ["select ", "insert ", "diesel", "Postgres", "panicked"] {
            assert!(!self.text().contains(internal), "{}", self.text());
        }
        problem
    }
}

/// One request.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answered = match body {
        Some(body) => agent.run(request.body(body).unwrap()),
        None => agent.run(request.body(()).unwrap()),
    };
    let mut response = answered.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let body = response.body_mut().read_to_vec().unwrap();
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
}

pub fn get(url: &str, headers: &[(&str, &str)]) -> Answer {
    send("GET", url, headers, None)
}

/// A request with a JSON body.
pub fn json(method: &str, url: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    send(method, url, &all, Some(body.to_string().as_bytes()))
}

/// Waits until `condition` gives something, a minute at most: on a busy machine all takes longer.
#[track_caller]
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
