//! Assertions that many cases share: they panic with the evidence.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::http::{Api, Call, Response};

/// The base of every problem type.
pub const PROBLEMS: &str = "https://govrnanza.example/problems/";

impl Call {
    /// Sends the request; panics only when no answer comes at all.
    #[track_caller]
    pub fn send(self) -> Response {
        self.try_send().unwrap_or_else(|why| panic!("{why}"))
    }
}

impl Response {
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

    /// The ETag, as it is to be sent back in `If-Match`.
    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("no ETag: {}", self.describe())).to_owned()
    }

    /// `id` of the resource in the body.
    #[track_caller]
    pub fn id(&self) -> Uuid {
        self.find_id().unwrap_or_else(|why| panic!("{why}"))
    }
}

/// Panics unless the answer is a complete problem of this status; returns it.
#[track_caller]
pub fn problem(response: &Response, status: u16) -> Value {
    assert_eq!(response.status, status, "expected the problem {status}: {}", response.describe());
    complete_problem(response)
}

/// Panics unless the answer is a problem of this status and type (`plan-limit-reached`); returns it.
#[track_caller]
pub fn problem_of(response: &Response, status: u16, slug: &str) -> Value {
    let problem = problem(response, status);
    assert_eq!(problem["type"], format!("{PROBLEMS}{slug}"), "type: {}", response.describe());
    problem
}

/// Panics unless the answer is a problem of this status that names this field; returns it.
#[track_caller]
pub fn problem_at(response: &Response, status: u16, field: &str) -> Value {
    let problem = problem(response, status);
    assert!(names_field(&problem, field), "no error names the field {field:?}: {}", response.describe());
    problem
}

/// Whether one of the problem's `errors` is of this field.
pub fn names_field(problem: &Value, field: &str) -> bool {
    problem["errors"].as_array().is_some_and(|errors| errors.iter().any(|error| error["field"] == field))
}

/// Panics unless the answer, of whatever status, is a problem with all its members; returns it.
#[track_caller]
pub fn complete_problem(response: &Response) -> Value {
    let describe = || response.describe();
    let content_type = response.header("content-type").unwrap_or_default();
    assert!(content_type.starts_with("application/problem+json"), "content type {content_type:?}: {}", describe());
    let problem = response.json();
    assert!(problem["type"].as_str().is_some_and(|kind| !kind.is_empty()), "no type: {}", describe());
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "no title: {}", describe());
    assert_eq!(problem["status"], response.status, "status in the body: {}", describe());
    let request_id = response.header("x-request-id").unwrap_or_else(|| panic!("no X-Request-Id: {}", describe()));
    assert_eq!(problem["instance"], request_id, "instance is not the request id: {}", describe());
    for error in problem["errors"].as_array().into_iter().flatten() {
        for key in ["field", "code", "message"] {
            assert!(error[key].is_string(), "an error without {key}: {}", describe());
        }
    }
    let text = problem.to_string().to_lowercase();
    for internal in ["diesel", "select ", "insert into", "permission denied", "sqlstate", "panicked"] {
        assert!(!text.contains(internal), "internal text ({internal}): {}", describe());
    }
    problem
}

/// Panics unless these JSON values are equal but for the key order.
#[track_caller]
pub fn same(left: &Value, right: &Value) {
    assert_eq!(left, right, "\n left: {left:#}\nright: {right:#}");
}

/// Panics unless the JSON object has these members and no others; names those that are missing and those that are too many.
#[track_caller]
pub fn has_members(object: &Value, expected: &[&str]) {
    let found = keys(object);
    let missing: Vec<_> = expected.iter().filter(|name| found.iter().all(|other| other != *name)).collect();
    let more: Vec<_> = found.iter().filter(|name| !expected.contains(&name.as_str())).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing members: {missing:?}, unknown ones: {more:?}: {object}");
}

/// The keys of a JSON object, sorted.
#[track_caller]
pub fn keys(object: &Value) -> Vec<String> {
    let mut keys: Vec<String> =
        object.as_object().unwrap_or_else(|| panic!("not an object: {object}")).keys().cloned().collect();
    keys.sort();
    keys
}

/// The moment an RFC 3339 text names. As texts they don't compare: a fraction is as long as it must be, and `.798Z` comes
/// after `.798001Z` letter by letter.
#[track_caller]
pub fn moment(text: &Value) -> DateTime<Utc> {
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("not a moment: {text}"))
}

/// Walks all pages of a list in steps of `limit` and returns every item; panics where an id comes twice.
///
/// `path` may hold filters already.
#[track_caller]
pub fn pages(api: &Api, path: &str, token: &str, limit: usize) -> Vec<Value> {
    pages_with(api, path, token, limit, |_| ())
}

/// Like [`pages`], calling `between` with the page's items after each page: to insert and delete meanwhile.
#[track_caller]
pub fn pages_with(api: &Api, path: &str, token: &str, limit: usize, mut between: impl FnMut(&[Value])) -> Vec<Value> {
    let mut items: Vec<Value> = Vec::new();
    let mut seen = HashSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut call = api.get(path).token(token).query("limit", &limit.to_string());
        if let Some(cursor) = &cursor {
            call = call.query("cursor", cursor);
        }
        let response = call.send().expect(200);
        let body = response.json();
        let page = body["items"].as_array().unwrap_or_else(|| panic!("no items: {}", response.describe())).clone();
        assert!(page.len() <= limit, "more than {limit} items: {}", response.describe());
        for item in &page {
            let key =
                item.get("id").or_else(|| item.get("code")).or_else(|| item.get("name")).unwrap_or(item).to_string();
            assert!(seen.insert(key.clone()), "{key} came twice: {path}");
        }
        between(&page);
        items.extend(page);
        match &body["nextCursor"] {
            Value::Null => return items,
            Value::String(next) => cursor = Some(next.clone()),
            other => panic!("nextCursor {other}: {}", response.describe()),
        }
    }
}

/// The feed `path` (`/organisations/…/profile-changes`) from `after` on, to its present end, and where that is.
///
/// The feed's end holds back what an older transaction may still overtake, so a caller waits for what it expects.
#[track_caller]
pub fn changes(api: &Api, path: &str, token: &str, after: Option<&str>) -> (Vec<Value>, Option<String>) {
    let mut items = Vec::new();
    let mut after = after.map(str::to_owned);
    loop {
        let mut call = api.get(path).token(token).query("limit", "200");
        if let Some(after) = &after {
            call = call.query("after", after);
        }
        let response = call.send().expect(200);
        let body = response.json();
        let page = body["items"].as_array().unwrap_or_else(|| panic!("no items: {}", response.describe())).clone();
        if let Some(next) = body["next"].as_str() {
            after = Some(next.to_owned());
        }
        if page.is_empty() {
            return (items, after);
        }
        items.extend(page);
    }
}

/// Asks again, for at most two minutes (a feed waits for the oldest transaction of the whole cluster), until the answer is `Some`; panics with `what` otherwise.
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(std::time::Instant::now() < deadline, "not within two minutes: {what}");
        // The pace of asking: what is waited for needs the processor as well.
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::moment;

    #[test]
    fn moments_compare_however_long_their_fractions() {
        let (early, late) = (json!("2026-11-26T23:26:03.798Z"), json!("2026-11-26T23:26:03.798001Z"));
        assert!(early.as_str() > late.as_str());
        assert!(moment(&early) < moment(&late));
    }
}
