//! Names and numbers as people read them.

use crate::result::text::capital;

/// An architecture as people call it.
#[must_use]
pub fn title(architecture: &str) -> String {
    // One that is named again has its number.
    let (name, number) = architecture.split_once(' ').map_or((architecture, ""), |(name, number)| (name, number));
    let title = match name {
        "api-centric" => "HTTP calls".into(),
        "self-contained" => "Commit log".into(),
        other => capital(&other.replace('-', " ")),
    };
    format!("{title} {number}").trim_end().to_owned()
}

/// Whether two columns are of one architecture, measured twice.
pub(super) fn is_the_same(one: &str, other: &str) -> bool {
    let name = |of: &str| of.split(' ').next().map(str::to_owned);
    name(one) == name(other)
}

/// Three digits that mean something.
pub(super) fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_again_keeps_its_name() {
        assert_eq!(["api-centric", "api-centric 2"].map(title), ["HTTP calls", "HTTP calls 2"]);
        assert!(is_the_same("api-centric", "api-centric 2") && !is_the_same("api-centric", "shared-database"));
    }
}
