//! The one character that Postgres keeps nowhere.

use serde_json::Value;

use super::Invalid;

/// Postgres keeps no NUL in text or jsonb: the field that holds one is named here, once for all services.
pub(super) fn find_nul(value: &Value, path: &mut String, invalid: &mut Invalid) {
    let mut nul = |path: &str| {
        invalid.add(path, "nul", "must not hold the character NUL");
    };
    match value {
        Value::String(text) if text.contains('\0') => nul(path),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let length = path.len();
                path.push_str(&format!("[{index}]"));
                find_nul(item, path, invalid);
                path.truncate(length);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(&key.replace('\0', "\u{fffd}"));
                if key.contains('\0') {
                    invalid.add(path.as_str(), "nul", "must not hold the character NUL");
                }
                find_nul(member, path, invalid);
                path.truncate(length);
            }
        }
        _ => {}
    }
}
