//! Values of changes as text: before and after.

use std::collections::HashMap;

use serde_json::{Map, Value};
use uuid::Uuid;

/// Longer values are cut: a mail only announces the change, the service shows it in full.
const VALUE_CHARS_MAX: usize = 200;
/// Titles become subjects.
const TITLE_CHARS_MAX: usize = 180;

/// Names of what changes name by id alone.
#[derive(Debug, Default)]
pub struct Names {
    /// Domains and sub domains.
    pub places: HashMap<Uuid, String>,
    /// People.
    pub persons: HashMap<Uuid, String>,
}

impl Names {
    /// `Sales / Orders`, as far as it is known.
    pub fn place(&self, entity: &Value) -> String {
        let names: Vec<_> = ["domainId", "subDomainId"]
            .iter()
            .filter_map(|key| self.places.get(&id(entity, key)?))
            .map(|name| one_line(name, TITLE_CHARS_MAX / 4))
            .collect();
        if names.is_empty() { "another place".to_owned() } else { names.join(" / ") }
    }

    fn value(&self, key: &str, value: &Value, entity: &Value) -> String {
        match value {
            Value::Null => "none".to_owned(),
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            Value::Number(number) => match number.as_i64() {
                Some(cents) if key.ends_with("Cents") => money(cents, text(entity, "currency")),
                _ => number.to_string(),
            },
            Value::String(text) if key.ends_with("Id") => match text.parse::<Uuid>().ok() {
                Some(id) => {
                    let name = self.persons.get(&id).or_else(|| self.places.get(&id));
                    name.map_or_else(|| "another".to_owned(), |name| one_line(name, VALUE_CHARS_MAX))
                }
                None => one_line(text, VALUE_CHARS_MAX),
            },
            Value::String(text) => one_line(text, VALUE_CHARS_MAX),
            Value::Array(values) if values.is_empty() => "none".to_owned(),
            Value::Array(values) => {
                let all: Vec<_> = values.iter().map(|value| self.value("", value, entity)).collect();
                one_line(&all.join(", "), VALUE_CHARS_MAX)
            }
            Value::Object(map) => {
                version(map).or_else(|| excess(map)).unwrap_or_else(|| one_line(&value.to_string(), VALUE_CHARS_MAX))
            }
        }
    }

    /// One line for each key whose value changed: `name: orders → orders-v2`. In the order of the feed's keys.
    pub fn differences(&self, before: &Value, after: &Value) -> Vec<String> {
        let empty = Map::new();
        let (old, new) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        new.keys()
            .chain(gone)
            .filter(|key| old.get(*key).unwrap_or(&Value::Null) != new.get(*key).unwrap_or(&Value::Null))
            .map(|key| {
                let [was, is] = [(old, before), (new, after)]
                    .map(|(map, all)| self.value(key, map.get(key).unwrap_or(&Value::Null), all));
                format!("{}: {was} → {is}", label(key))
            })
            .collect()
    }
}

/// An API's version: `1.2 (production)`.
pub fn version(map: &Map<String, Value>) -> Option<String> {
    let number = |key| map.get(key).and_then(Value::as_i64);
    let status = map.get("status").and_then(Value::as_str)?;
    Some(format!("{}.{} ({status})", number("major")?, number("minor")?))
}

/// Something above a plan's limit: `apis 6 of 5`.
fn excess(map: &Map<String, Value>) -> Option<String> {
    let number = |key| map.get(key).and_then(Value::as_i64);
    let resource = map.get("resource").and_then(Value::as_str)?;
    Some(format!("{resource} {} of {}", number("used")?, number("limit")?))
}

/// `49.00 EUR`.
pub fn money(cents: i64, currency: &str) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02} {currency}", cents / 100, cents % 100)
}

/// A text field of a change's entity.
pub fn text<'a>(entity: &'a Value, key: &str) -> &'a str {
    entity.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// An id of a change's entity.
pub fn id(entity: &Value, key: &str) -> Option<Uuid> {
    entity.get(key)?.as_str()?.parse().ok()
}

/// `businessOwnerId` → `business owner`.
fn label(key: &str) -> String {
    let key = ["Id", "Cents", "At"].iter().find_map(|end| key.strip_suffix(end)).unwrap_or(key);
    let mut label = String::new();
    for letter in key.chars() {
        if letter.is_uppercase() {
            label.push(' ');
        }
        label.extend(letter.to_lowercase());
    }
    label
}

/// A title: one line, not too long for a subject.
pub fn title(text: &str) -> String {
    one_line(text, TITLE_CHARS_MAX)
}

/// Without line breaks, other control characters and marks of direction: what people typed can end up in headers of mails.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let is_break = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    // They would turn the rest of the line around, in a subject as in a list.
    let is_direction = |letter: &char| matches!(letter, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let kept = text.chars().filter(|letter| !is_direction(letter));
    let clean: String = kept.map(|letter| if is_break(letter) { ' ' } else { letter }).collect();
    let clean = clean.trim();
    match clean.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", clean[..end].trim_end()),
        None => clean.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_say_what_was_and_what_is() {
        let owner = Uuid::now_v7();
        let mut names = Names::default();
        names.persons.insert(owner, "Ada\r\nBcc: x".into());
        let before = json!({"name": "a", "title": "same", "tags": ["x"], "businessOwnerId": null, "versions": [{"major": 1, "minor": 0, "status": "qa"}]});
        let after = json!({"name": "b\r\nBcc: evil@example.com", "title": "same", "tags": [], "businessOwnerId": owner,
            "versions": [{"major": 1, "minor": 0, "status": "production"}]});
        assert_eq!(
            names.differences(&before, &after),
            [
                "name: a → b  Bcc: evil@example.com",
                "tags: x → none",
                "business owner: none → Ada  Bcc: x",
                "versions: 1.0 (qa) → 1.0 (production)",
            ]
        );
        assert_eq!(
            names.differences(
                &json!({"amountCents": 4900, "currency": "EUR"}),
                &json!({"amountCents": -5, "currency": "EUR"})
            ),
            ["amount: 49.00 EUR → -0.05 EUR"]
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(one_line(&"ü".repeat(300), 3), "üüü…");
        assert_eq!(one_line(" a\u{2028}b\0 ", 10), "a b");
        assert_eq!(one_line("a\u{202E}b\u{2069}\u{200F}c", 10), "abc");
    }
}
