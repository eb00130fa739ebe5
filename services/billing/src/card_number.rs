//! Card numbers must not get in: finding one in whatever a body holds.

use serde_json::Value;

/// Lengths a card number can have.
const LENGTHS: std::ops::RangeInclusive<usize> = 13..=19;

/// Whether any string, key or number of the value holds a card number.
pub fn holds_card_number(value: &Value) -> bool {
    match value {
        Value::String(text) => in_text(text),
        Value::Number(number) => in_text(&number.to_string()),
        Value::Array(items) => items.iter().any(holds_card_number),
        Value::Object(members) => members.iter().any(|(key, member)| in_text(key) || holds_card_number(member)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Whether some stretch of 13 to 19 digits, spaces and dashes between them allowed, passes Luhn.
pub fn in_text(text: &str) -> bool {
    let mut digits: Vec<u8> = Vec::new();
    for c in text.chars() {
        match c.to_digit(10) {
            Some(digit) => digits.push(digit as u8),
            None if is_separator(c) => {}
            None => {
                if in_digits(&digits) {
                    return true;
                }
                digits.clear();
            }
        }
    }
    in_digits(&digits)
}

/// What people, and spreadsheets, put between the groups of a card number.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '.' | '\u{2010}'..='\u{2015}' | '\u{ad}' | '\u{200b}')
}

fn in_digits(digits: &[u8]) -> bool {
    // A number may stand in a longer row of digits (with its check code behind it), so every stretch is looked at. That
    // also refuses some digits that are no card's; no token of the provider's is so rich in them.
    LENGTHS.flat_map(|length| digits.windows(length)).any(passes_luhn)
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit) * 2) {
            (0, _) => u32::from(*digit),
            (_, twice) => twice / 10 + twice % 10,
        })
        .sum();
    // Zeros alone pass, and are no card's number.
    sum > 0 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn card_numbers_are_found_however_they_are_written() {
        for text in [
            "4242424242424242",
            "4242 4242 4242 4242",
            "4242-4242-4242-4242",
            "4242  4242\t4242\u{a0}4242",
            "4242.4242.4242.4242",
            "378282246310005",
            "3782 822463 10005",
            "6011111111111117",
            "4222222222222",
            "my card is 5555 5555 5555 4444, thanks",
            "pm_4242424242424242",
        ] {
            assert!(in_text(text), "{text}");
        }
        for value in [
            json!({ "paymentMethodToken": "4242424242424242" }),
            json!({ "paymentMethodToken": 4242424242424242_u64 }),
            json!({ "a": [{ "b": ["x", "4242 4242 4242 4242"] }] }),
            json!({ "4242424242424242": true }),
        ] {
            assert!(holds_card_number(&value), "{value}");
        }
    }

    #[test]
    fn tokens_are_not_card_numbers() {
        for text in ["", "pm_card_visa", "4000000000000", "424242424242", "0000000000000000", "pm_1Nabc4242DEF4242ghij"]
        {
            assert!(!in_text(text), "{text}");
        }
    }
}
