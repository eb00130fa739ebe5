//! Bodies: whatever is wrong with one is a 4xx that names the field, never a 5xx and never taken.

use serde_json::{Map, Value, json};

use super::Table;
use super::contract::Operation;
use crate::assert::{names_field, problem, problem_at};
use crate::http::{Call, Response};

pub(super) const JSON: &str = "application/json";
/// Stands in a body where text that JSON can't hold is to be put afterwards.
const MARK: &str = "@@mark@@";

impl Table<'_> {
    /// Every operation with a body.
    pub fn bodies(&self) {
        self.each("bodies", |operation| {
            if let (Some(schema), Some(body)) = (&operation.body, self.body(operation)) {
                self.malformed(operation);
                self.media(operation, &body);
                self.members(operation, schema, &body, &[]);
            }
        });
    }

    /// A call of which everything but the body would be accepted.
    pub(super) fn call(&self, operation: &Operation) -> Call {
        let call = self.bare(operation, &self.path(operation, &[]));
        self.permitted(operation, self.matched(operation, call))
    }

    /// The members of an object of the body, and of the objects in it.
    fn members(&self, operation: &Operation, schema: &Value, body: &Value, at: &[&str]) {
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        self.expect_field(operation, &replaced(body, at, "unknownMember", Some(json!(1))), at, "unknownMember", &[400]);
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            self.expect_field(operation, &replaced(body, at, name, None), at, name, &[400, 422]);
        }
        for (name, schema) in properties {
            let kinds = kinds(schema);
            for (kind, value) in samples() {
                let number = kind == "integer" && kinds.contains(&"number");
                if !number && !kinds.contains(&kind) {
                    self.expect_field(operation, &replaced(body, at, name, Some(value)), at, name, &[400, 422]);
                }
            }
            if kinds.contains(&"string") {
                self.texts(operation, schema, body, at, name);
            }
            if kinds.contains(&"object") {
                let inner: Vec<&str> = at.iter().copied().chain([name.as_str()]).collect();
                self.members(operation, schema, body, &inner);
                // Its members by position, which serde would take for the object.
                let object = inner.iter().fold(body, |object, key| &object[*key]);
                let list: Vec<&Value> = object.as_object().into_iter().flat_map(Map::values).collect();
                let by_position = replaced(body, at, name, Some(json!(list)));
                self.expect_field(operation, &by_position, at, name, &[400]);
            }
            if kinds.contains(&"array") && kinds_of_items(schema).contains(&"string") {
                self.items(operation, body, at, name);
            }
        }
    }

    /// Texts that no database should meet.
    fn texts(&self, operation: &Operation, schema: &Value, body: &Value, at: &[&str], name: &str) {
        let plain = schema.get("format").is_none_or(|format| format != "uuid") && schema.get("enum").is_none();
        let long = replaced(body, at, name, Some(json!("x".repeat(10_000))));
        self.expect_field(operation, &long, at, name, &[400, 422]);
        let nul = replaced(body, at, name, Some(json!("a\u{0}b")));
        self.expect_field(operation, &nul, at, name, if plain { &[422] } else { &[400, 422] });
        let marked = replaced(body, at, name, Some(json!(MARK))).to_string();
        for escape in ["\\ud800", "\\udc00x", "\\ud800\\ud800", "\\u12", "\\x"] {
            let text = marked.replace(MARK, escape).into_bytes();
            let answer = self.refused(self.call(operation).body(JSON, text));
            assert!([400, 422].contains(&answer.status), "{escape}: {}", answer.describe());
            // The last two are no JSON at all.
            if escape.len() > 4 {
                let field = at.iter().copied().chain([name]).collect::<Vec<_>>().join(".");
                named(&answer, &field, escape);
            }
        }
        for bytes in [&b"\xff"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\0"] {
            problem(&self.send(self.call(operation).body(JSON, spliced(&marked, bytes))), 400);
        }
    }

    /// The same in the items of a list of texts.
    fn items(&self, operation: &Operation, body: &Value, at: &[&str], name: &str) {
        for (text, statuses) in [("a\u{0}b".to_owned(), &[422][..]), ("x".repeat(10_000), &[400, 422])] {
            self.expect_field(operation, &replaced(body, at, name, Some(json!([text]))), at, name, statuses);
        }
        self.expect_field(operation, &replaced(body, at, name, Some(json!([1]))), at, name, &[400, 422]);
    }

    /// Sends a body that is wrong in one field.
    fn expect_field(&self, operation: &Operation, body: &Value, at: &[&str], name: &str, statuses: &[u16]) {
        let answer = self.refused(self.call(operation).json(body));
        let field = at.iter().copied().chain([name]).collect::<Vec<_>>().join(".");
        let sent: String = body.to_string().chars().take(300).collect();
        assert!(
            statuses.contains(&answer.status),
            "expected {statuses:?} for {field} in {sent}: {}",
            answer.describe()
        );
        named(&answer, &field, &sent);
    }
}

/// Panics unless the field, or a part of it, is named. An unknown member may be named alone.
fn named(answer: &Response, field: &str, sent: &str) {
    let problem = answer.json();
    let part = |name: &str| name.starts_with(&format!("{field}[")) || name.starts_with(&format!("{field}."));
    let parts =
        problem["errors"].as_array().into_iter().flatten().filter_map(|error| error["field"].as_str()).any(part);
    if !parts && !names_field(&problem, field) {
        println!("sent: {sent}");
        problem_at(answer, answer.status, field);
    }
}

/// One value of each JSON type.
fn samples() -> [(&'static str, Value); 6] {
    [
        ("null", Value::Null),
        ("boolean", json!(true)),
        ("integer", json!(7)),
        ("string", json!("text")),
        ("array", json!([])),
        ("object", json!({})),
    ]
}

/// The JSON types a schema takes; an enum or const without `type` takes those of its values.
fn kinds(schema: &Value) -> Vec<&str> {
    if let Some(choices) = ["oneOf", "anyOf"].iter().find_map(|key| schema[key].as_array()) {
        return choices.iter().flat_map(kinds).collect();
    }
    match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ if schema["enum"][0].is_string() || schema["const"].is_string() => vec!["string"],
        _ => panic!("a property without type: {schema}"),
    }
}

fn kinds_of_items(schema: &Value) -> Vec<&str> {
    if schema["items"].is_object() { kinds(&schema["items"]) } else { Vec::new() }
}

/// The body with one member of the object at `at` replaced, or left out. Objects on the way are made where missing.
fn replaced(body: &Value, at: &[&str], name: &str, value: Option<Value>) -> Value {
    let mut body = body.clone();
    let mut object = &mut body;
    for key in at {
        let members = object.as_object_mut().expect("the example fits its schema");
        object = members.entry(*key).or_insert_with(|| Value::Object(Map::new()));
    }
    let members = object.as_object_mut().expect("the example fits its schema");
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.shift_remove(name),
    };
    body
}

/// The text with its mark replaced by bytes.
fn spliced(text: &str, bytes: &[u8]) -> Vec<u8> {
    let (before, after) = text.split_once(MARK).expect("the text is marked");
    [before.as_bytes(), bytes, after.as_bytes()].concat()
}
