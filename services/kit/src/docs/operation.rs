//! One operation on the page.

use maud::{Markup, html};
use serde_json::Value;

use super::schema;
use super::text::{anchor, inline, joined, list, members, paragraphs, resolve, table, text};

/// An operation with the path it belongs to.
pub(super) struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    /// Parameters that all operations of the path have.
    common: &'a [Value],
    value: &'a Value,
}

/// Operations by their first tag, both in the order of the contract.
pub(super) fn by_tag(contract: &Value) -> Vec<(String, Vec<Operation<'_>>)> {
    let mut tags: Vec<(String, Vec<Operation<'_>>)> = Vec::new();
    for (path, item) in members(contract.pointer("/paths")) {
        let common = list(item, "/parameters");
        for (method, value) in members(Some(item)) {
            if !["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                continue;
            }
            let tag = match text(value, "/tags/0") {
                "" => "Other",
                tag => tag,
            };
            let operation = Operation { method, path, common, value };
            match tags.iter_mut().find(|(name, _)| name == tag) {
                Some((_, operations)) => operations.push(operation),
                None => tags.push((tag.to_owned(), vec![operation])),
            }
        }
    }
    tags
}

impl Operation<'_> {
    pub(super) fn html(&self, contract: &Value) -> Markup {
        let id = match text(self.value, "/operationId") {
            "" => format!("{}-{}", self.method, self.path),
            id => id.to_owned(),
        };
        let scope = text(self.value, "/x-scope");
        html! {
            details id=(anchor(&id)) {
                summary {
                    code { span .m { (self.method) } " " (self.path) }
                    " " (inline(text(self.value, "/summary")))
                    @if !scope.is_empty() { " " span .s { (scope) } }
                }
                (paragraphs(text(self.value, "/description")))
                p { code { (id) } }
                (self.parameters(contract))
                @if let Some(body) = self.value.get("requestBody").map(|body| resolve(contract, body)) {
                    h4 { "Body" }
                    (paragraphs(text(body, "/description")))
                    @for (media_type, content) in members(body.get("content")) {
                        p { (schema::kind(&content["schema"])) " " code { (media_type) } }
                        (schema::fields(&content["schema"]))
                    }
                }
                (self.responses(contract))
            }
        }
    }

    fn parameters(&self, contract: &Value) -> Markup {
        let all = self.common.iter().chain(list(self.value, "/parameters"));
        let row = |parameter: &Value| {
            html! {
                td { code { (text(parameter, "/name")) } }
                td { (text(parameter, "/in")) @if parameter["required"] == true { ", required" } }
                td { (schema::kind(&parameter["schema"])) }
                td { (inline(text(parameter, "/description"))) }
            }
        };
        let rows: Vec<_> = all.map(|parameter| row(resolve(contract, parameter))).collect();
        html! {
            @if !rows.is_empty() { h4 { "Parameters" } }
            (table(&["Name", "In", "Type", ""], &rows))
        }
    }

    fn responses(&self, contract: &Value) -> Markup {
        let row = |status: &str, response: &Value| {
            let bodies = members(response.get("content")).map(|(_, content)| schema::kind(&content["schema"]));
            let headers: Vec<_> = members(response.get("headers")).map(|(name, _)| name.as_str()).collect();
            html! {
                td { (status) }
                td { (joined(bodies, ", ")) }
                td {
                    (inline(text(response, "/description")))
                    @if !headers.is_empty() { " " small { "(" (headers.join(", ")) ")" } }
                }
            }
        };
        let responses = members(self.value.get("responses"));
        let rows: Vec<_> = responses.map(|(status, response)| row(status, resolve(contract, response))).collect();
        html! {
            @if !rows.is_empty() { h4 { "Answers" } }
            (table(&["Status", "Body", ""], &rows))
        }
    }
}
