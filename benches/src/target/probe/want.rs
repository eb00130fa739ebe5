//! What an answer must be.

use serde_json::Value;

use crate::target::client::Answer;

/// What an answer must be.
pub(super) struct Want<'a> {
    pub(super) service: &'a str,
    pub(super) says: &'a str,
    pub(super) operation: Option<&'a str>,
    pub(super) status: u16,
    /// Of the body and headers, beyond the status.
    pub(super) shape: fn(&Answer) -> bool,
}

fn any(_: &Answer) -> bool {
    true
}

pub(super) fn is_problem(answer: &Answer) -> bool {
    answer.content_type.starts_with("application/problem+json")
        && ["type", "title"].iter().all(|name| answer.body[*name].is_string())
}

pub(super) fn is_list(answer: &Answer) -> bool {
    answer.body["items"].is_array() && answer.body.get("nextCursor").is_some()
}

pub(super) fn is_plan_limit(answer: &Answer) -> bool {
    is_problem(answer)
        && answer.text("type").ends_with("plan-limit-reached")
        && ["limit", "used"].iter().all(|name| answer.body[*name].is_i64())
}

pub(super) fn is_frozen(answer: &Answer) -> bool {
    is_problem(answer) && answer.text("type").ends_with("organisation-frozen")
}

pub(super) fn is_api(answer: &Answer) -> bool {
    let body = &answer.body;
    let person = |owner: &Value| owner.is_null() || owner["id"].is_string() && owner["name"].is_string();
    let texts = ["id", "name", "createdAt", "updatedAt"];
    texts.iter().all(|name| body[*name].is_string())
        && body["tags"].is_array()
        && body["versions"].is_array()
        && body["version"].is_i64()
        && body["domain"]["name"].is_string()
        && body["subDomain"]["name"].is_string()
        && person(&body["businessOwner"])
        && person(&body["technicalOwner"])
        && answer.etag.is_some()
}

impl<'a> Want<'a> {
    pub(super) fn of(service: &'a str, says: &'a str, status: u16) -> Self {
        Self { service, says, operation: None, status, shape: any }
    }

    pub(super) fn shape(mut self, shape: fn(&Answer) -> bool) -> Self {
        self.shape = shape;
        self
    }

    pub(super) fn operation(mut self, name: &'a str) -> Self {
        self.operation = Some(name);
        self
    }
}
