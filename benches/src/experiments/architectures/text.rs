//! Names and numbers as people read them.

use crate::result::text::capital;

/// An architecture as people call it.
#[must_use]
pub fn title(architecture: &str) -> String {
    match architecture {
        "api-centric" => "HTTP calls".into(),
        "self-contained" => "Commit log".into(),
        other => capital(&other.replace('-', " ")),
    }
}

/// Three digits that mean something.
pub(super) fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
