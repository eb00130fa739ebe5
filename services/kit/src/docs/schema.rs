//! Schemas on the page.

use std::fmt::Write;

use serde_json::Value;

use super::{anchor, escape, inline, members, paragraphs, text};

/// One named schema with its fields.
pub(super) fn section(name: &str, schema: &Value) -> String {
    format!(
        "<h3 id=\"schema-{}\">{}</h3>{}<p>{}</p>{}",
        anchor(name),
        escape(name),
        paragraphs(text(schema, "/description")),
        kind(schema),
        fields(schema)
    )
}

/// A schema in a few words: a link to a named one, else its type, format and bounds.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = text(schema, "/$ref").rsplit('/').next().filter(|name| !name.is_empty()) {
        return format!("<a href=\"#schema-{}\">{}</a>", anchor(name), escape(name));
    }
    for (key, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[key].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(between);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|value| format!("<code>{}</code>", escape(&plain(value)))).collect();
        return values.join(" · ");
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", escape(&plain(value)));
    }
    let name = match &schema["type"] {
        Value::Array(types) => types.iter().map(plain).collect::<Vec<_>>().join(" or "),
        Value::String(name) if name == "array" => {
            return format!("list of {}{}", kind(&schema["items"]), bounds(schema));
        }
        Value::String(name) => name.clone(),
        _ => "any".to_owned(),
    };
    let format = match text(schema, "/format") {
        "" => String::new(),
        format => format!(" ({})", escape(format)),
    };
    format!("{}{format}{}", escape(&name), bounds(schema))
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
    let mut text = String::new();
    for (key, before, after) in names {
        if let Some(value) = schema.get(key) {
            let _ = write!(text, ", {before} {}{after}", escape(&plain(value)));
        }
    }
    text
}

/// The table of an object's fields; nothing for anything else.
pub(super) fn fields(schema: &Value) -> String {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let mut rows = String::new();
    for (name, field) in members(schema.get("properties")) {
        let must = if required.iter().any(|other| other == name) { "required" } else { "" };
        let _ = write!(
            rows,
            "<tr><td><code>{}</code></td><td>{}</td><td>{must}</td><td>{}</td></tr>",
            escape(name),
            kind(field),
            inline(text(field, "/description")),
        );
    }
    if rows.is_empty() {
        return rows;
    }
    let heads = "<th scope=\"col\">Field</th><th scope=\"col\">Type</th><th></th><th></th>";
    format!("<div class=\"t\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>")
}
