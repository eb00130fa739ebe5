//! A JSON text with some of its values written in another way, before it is read: texts in NFC, whole numbers as such.
//!
//! Nothing else of it is touched: read as a value and written again, it would lose what is there twice.

use std::borrow::Cow;

use crate::nfc;

/// The body with its texts in NFC, but for those of the members `as_typed`. None where nothing changes.
pub(super) fn in_nfc(json: &[u8], as_typed: &[&str]) -> Option<Vec<u8>> {
    let escaped = json.windows(2).any(|two| two == b"\\u");
    // What most bodies are, told by a look at them.
    if !escaped && std::str::from_utf8(json).is_ok_and(|text| matches!(nfc(text), Cow::Borrowed(_))) {
        return None;
    }
    let (mut out, mut any) = (Vec::with_capacity(json.len()), false);
    let (mut last, mut member) = (None, None);
    for token in tokens(json) {
        match token {
            b":" => member = last.take(),
            b"," | b"{" => member = None,
            _ => {}
        }
        // What is no text after all is copied, and refused when it is read.
        let text: Option<String> = token.starts_with(b"\"").then(|| serde_json::from_slice(token).ok()).flatten();
        let kept = member.as_deref().is_some_and(|member| as_typed.contains(&member));
        match text.as_deref().map(nfc) {
            Some(Cow::Owned(text)) if !kept => {
                any = true;
                out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
            }
            _ => out.extend_from_slice(token),
        }
        last = text.or(last);
    }
    any.then_some(out)
}

/// The body with `7.0` written as `7`: JSON knows one kind of number, and 7.0 is a whole one. None if it holds no such number.
pub(super) fn with_whole_numbers(json: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut any) = (Vec::with_capacity(json.len()), false);
    for token in tokens(json) {
        match whole(token) {
            Some(whole) => {
                any = true;
                out.extend_from_slice(whole.to_string().as_bytes());
            }
            None => out.extend_from_slice(token),
        }
    }
    any.then_some(out)
}

/// The text cut into quoted texts, numbers and, of everything else, single bytes.
fn tokens(json: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = json;
    std::iter::from_fn(move || {
        let length = match rest.first()? {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => number_length(rest),
            _ => 1,
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// Of the text that begins here, both its quotes.
fn text_length(json: &[u8]) -> usize {
    let mut escaped = false;
    let end = json.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 2)
}

fn number_length(json: &[u8]) -> usize {
    let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    json.iter().take_while(|byte| part(byte)).count()
}

/// The value of a number that is whole, though it is written with a fraction or an exponent, or as `-0`. By its digits: as
/// a float, 999999999999.9999999 would be whole.
fn whole(token: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(token).ok().filter(|text| !text.starts_with('"'))?;
    if text != "-0" && !text.contains(['.', 'e', 'E']) {
        return None;
    }
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{before}{after}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    // So many zeros follow the last digit that isn't one; a negative number of them is a fraction.
    let zeros = exponent.parse::<i64>().ok()?.checked_add(i64::try_from(digits.len() - significant.len()).ok()?)?;
    let zeros = zeros.checked_sub(i64::try_from(after.len()).ok()?)?;
    // More digits than an i64 has fail to be read.
    let zeros = usize::try_from(zeros).ok().filter(|zeros| *zeros < 20)?;
    format!("{sign}{significant}{}", "0".repeat(zeros)).parse().ok()
}
