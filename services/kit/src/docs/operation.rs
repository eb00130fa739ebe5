//! One operation on the page.

use std::fmt::Write;

use serde_json::Value;

use super::{anchor, escape, inline, members, paragraphs, resolve, schema, text};

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

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Operation<'_> {
    pub(super) fn html(&self, contract: &Value) -> String {
        let id = match text(self.value, "/operationId") {
            "" => format!("{}-{}", self.method, self.path),
            id => id.to_owned(),
        };
        let mut html = String::new();
        let _ = write!(
            html,
            "<details id=\"{}\"><summary><code><span class=\"m\">{}</span> {}</code> {}",
            anchor(&id),
            self.method,
            escape(self.path),
            inline(text(self.value, "/summary")),
        );
        match text(self.value, "/x-scope") {
            "" => {}
            scope => {
                let _ = write!(html, " <span class=\"s\">{}</span>", escape(scope));
            }
        }
        let _ = write!(
            html,
            "</summary>{}<p><code>{}</code></p>",
            paragraphs(text(self.value, "/description")),
            escape(&id)
        );
        html.push_str(&self.parameters(contract));
        if let Some(body) = self.value.get("requestBody") {
            let body = resolve(contract, body);
            let _ = write!(html, "<h4>Body</h4>{}", paragraphs(text(body, "/description")));
            for (media_type, content) in members(body.get("content")) {
                let _ = write!(html, "<p>{} <code>{}</code></p>", schema::kind(&content["schema"]), escape(media_type));
                html.push_str(&schema::fields(&content["schema"]));
            }
        }
        html.push_str(&self.responses(contract));
        html.push_str("</details>");
        html
    }

    fn parameters(&self, contract: &Value) -> String {
        let all = self.common.iter().chain(list(self.value, "/parameters"));
        let mut rows = String::new();
        for parameter in all.map(|parameter| resolve(contract, parameter)) {
            let required = if parameter["required"] == true { ", required" } else { "" };
            let _ = write!(
                rows,
                "<tr><td><code>{}</code></td><td>{}{required}</td><td>{}</td><td>{}</td></tr>",
                escape(text(parameter, "/name")),
                escape(text(parameter, "/in")),
                schema::kind(&parameter["schema"]),
                inline(text(parameter, "/description")),
            );
        }
        table("Parameters", &["Name", "In", "Type", ""], &rows)
    }

    fn responses(&self, contract: &Value) -> String {
        let mut rows = String::new();
        for (status, response) in members(self.value.get("responses")) {
            let response = resolve(contract, response);
            let body: Vec<_> =
                members(response.get("content")).map(|(_, content)| schema::kind(&content["schema"])).collect();
            let headers: Vec<_> = members(response.get("headers")).map(|(name, _)| escape(name)).collect();
            let headers =
                if headers.is_empty() { String::new() } else { format!(" <small>({})</small>", headers.join(", ")) };
            let _ = write!(
                rows,
                "<tr><td>{}</td><td>{}</td><td>{}{headers}</td></tr>",
                escape(status),
                body.join(", "),
                inline(text(response, "/description")),
            );
        }
        table("Answers", &["Status", "Body", ""], &rows)
    }
}

fn table(title: &str, heads: &[&str], rows: &str) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    format!(
        "<h4>{title}</h4><div class=\"t\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}
