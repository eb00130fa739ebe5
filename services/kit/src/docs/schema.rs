//! Schemas on the page.

use maud::{Markup, html};
use serde_json::Value;

use super::text::{anchor, inline, joined, list, members, paragraphs, table, text};

/// One named schema with its fields.
pub(super) fn section(name: &str, schema: &Value) -> Markup {
    html! {
        h3 id={ "schema-" (anchor(name)) } { (name) }
        (paragraphs(text(schema, "/description")))
        p { (kind(schema)) }
        (fields(schema))
    }
}

/// A schema in a few words: a link to a named one, else its type, format and bounds.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(name) = text(schema, "/$ref").rsplit('/').next().filter(|name| !name.is_empty()) {
        return html! { a href={ "#schema-" (anchor(name)) } { (name) } };
    }
    for (key, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[key].as_array() {
            return joined(parts.iter().map(kind), between);
        }
    }
    let code = |value: &Value| html! { code { (plain(value)) } };
    if let Some(values) = schema["enum"].as_array() {
        return joined(values.iter().map(code), " · ");
    }
    if let Some(value) = schema.get("const") {
        return code(value);
    }
    let name = match &schema["type"] {
        Value::Array(types) => types.iter().map(plain).collect::<Vec<_>>().join(" or "),
        Value::String(name) if name == "array" => {
            return html! { "list of " (kind(&schema["items"])) (bounds(schema)) };
        }
        Value::String(name) => name.clone(),
        _ => "any".to_owned(),
    };
    let format = text(schema, "/format");
    html! { (name) @if !format.is_empty() { " (" (format) ")" } (bounds(schema)) }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn bounds(schema: &Value) -> String {
    let names = [
        ("minLength", "at least", " characters"),
        ("maxLength", "at most", " characters"),
        ("minItems", "at least", " items"),
        ("maxItems", "at most", " items"),
        ("minimum", "from", ""),
        ("maximum", "to", ""),
        ("default", "default", ""),
        ("pattern", "pattern", ""),
    ];
    let given = names.into_iter().filter_map(|(key, before, after)| Some((before, schema.get(key)?, after)));
    given.map(|(before, value, after)| format!(", {before} {}{after}", plain(value))).collect()
}

/// The table of an object's fields; nothing for anything else.
pub(super) fn fields(schema: &Value) -> Markup {
    let required = list(schema, "/required");
    let row = |(name, field): (&String, &Value)| {
        html! {
            td { code { (name) } }
            td { (kind(field)) }
            td { @if required.iter().any(|other| other == name) { "required" } }
            td { (inline(text(field, "/description"))) }
        }
    };
    let rows: Vec<_> = members(schema.get("properties")).map(row).collect();
    table(&["Field", "Type", "", ""], &rows)
}
