//! Telling a field that is null from one that is left out.

use serde::{Deserialize, Deserializer};

/// For `#[serde(default, deserialize_with = "present")]`: `Some` whenever the field stands in the body.
///
/// On `Option<String>` a null is then a wrong type (400); on `Option<Option<String>>` it is `Some(None)`.
pub fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The patched value: what was sent, else what is there.
pub fn or_present<T: Clone>(sent: &Option<T>, there: &T) -> T {
    sent.as_ref().unwrap_or(there).clone()
}
