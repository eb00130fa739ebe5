//! Refusal of unknown names, with a suggestion.

use strsim::levenshtein;

use crate::error::Error;

/// So many names are listed; the rest is a number.
const LISTED: usize = 12;

/// The refusal of an unknown name: with the one that was probably meant, else with those that are known.
pub(crate) fn unknown(kind: &str, name: &str, known: &[String]) -> Error {
    let name = if name.is_empty() { "''" } else { name };
    if let Some(near) = nearest(name, known) {
        return Error::Usage(format!("unknown {kind} {name}: did you mean {near}?"));
    }
    let mut there = known.iter().take(LISTED).cloned().collect::<Vec<_>>();
    match known.len() {
        0 => there.push("none".into()),
        n if n > LISTED => there.push(format!("and {} more", n - LISTED)),
        _ => {}
    }
    Error::Usage(format!("unknown {kind} {name}; known: {}", there.join(", ")))
}

/// The known name that differs by a typing error: by a third of the last part's characters, at most three.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let last = name.rsplit('.').next().unwrap_or_default();
    let most = last.chars().count().div_ceil(3).min(3);
    let all = known.iter().map(|one| (levenshtein(&name.to_lowercase(), &one.to_lowercase()), one));
    let (slips, near) = all.min()?;
    (slips <= most).then_some(near.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let known = ["registry_reader", "billing_reader", "orders"].map(str::to_owned);
        for (name, near) in [
            ("registry_raeder", Some("registry_reader")),
            ("Orders", Some("orders")),
            ("order", Some("orders")),
            ("nobody", None),
            ("", None),
            ("orders.x", None),
        ] {
            assert_eq!(nearest(name, &known), near, "{name}");
        }
        let said = unknown("role", "nobody", &known).to_string();
        assert_eq!(said, "unknown role nobody; known: registry_reader, billing_reader, orders");
    }
}
