//! Parts of the contract, and its few forms of text.

use maud::{Markup, html};
use serde_json::{Map, Value};

/// A text by JSON pointer; empty if there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The members of an object; none of anything else.
pub fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// A list by JSON pointer; empty if there is none.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What `$ref` points to within the contract, or the value itself.
pub fn resolve<'a>(contract: &'a Value, value: &'a Value) -> &'a Value {
    let target = text(value, "/$ref").strip_prefix('#').and_then(|pointer| contract.pointer(pointer));
    target.unwrap_or(value)
}

/// Letters and digits; everything else becomes a hyphen.
pub fn anchor(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// Paragraphs at blank lines, `code` in backticks; more of Markdown the contracts don't use.
pub fn paragraphs(text: &str) -> Markup {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|text| !text.is_empty());
    html! { @for text in paragraphs { p { (inline(text)) } } }
}

/// A text with `code` in backticks.
pub fn inline(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

/// Parts with something between them.
pub fn joined(parts: impl IntoIterator<Item = Markup>, between: &str) -> Markup {
    html! {
        @for (index, part) in parts.into_iter().enumerate() {
            @if index > 0 { (between) }
            (part)
        }
    }
}

/// A table that scrolls in itself; nothing without rows.
pub fn table(heads: &[&str], rows: &[Markup]) -> Markup {
    html! {
        @if !rows.is_empty() {
            div .t {
                table {
                    thead { tr { @for head in heads { th scope="col" { (head) } } } }
                    tbody { @for row in rows { tr { (row) } } }
                }
            }
        }
    }
}
