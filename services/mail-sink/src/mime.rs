//! Reads what mail programs write: folded and encoded header fields, `multipart` with plain text and HTML, quoted-printable, base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a person would see of a mail.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
}

pub(crate) fn parse(raw: &[u8]) -> Parsed {
    let (headers, body) = split(raw);
    let mut parsed =
        Parsed { headers: headers.iter().map(|(n, v)| (n.clone(), words(v))).collect(), ..Parsed::default() };
    collect(&headers, body, &mut parsed, 0);
    parsed
}

/// Nested deeper than this is nobody's mail.
const DEPTH_MAX: usize = 8;

fn collect(headers: &[(String, String)], body: &[u8], parsed: &mut Parsed, depth: usize) {
    let kind = field(headers, "Content-Type").unwrap_or("text/plain");
    let lower = kind.to_ascii_lowercase();
    if lower.starts_with("multipart/") && depth < DEPTH_MAX {
        let Some(boundary) = parameter(kind, "boundary") else {
            return;
        };
        for part in parts(body, &boundary) {
            let (headers, body) = split(part);
            collect(&headers, body, parsed, depth + 1);
        }
        return;
    }
    let decoded = decode(field(headers, "Content-Transfer-Encoding").unwrap_or("7bit"), body);
    let slot = if lower.starts_with("text/html") { &mut parsed.html } else { &mut parsed.text };
    slot.get_or_insert_with(|| String::from_utf8_lossy(&decoded).replace("\r\n", "\n"));
}

/// Header fields (unfolded) and body.
fn split(raw: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let (head, body) = match find(raw, b"\r\n\r\n") {
        Some(at) => (&raw[..at], &raw[at + 4..]),
        None if raw.starts_with(b"\r\n") => (&raw[..0], &raw[2..]),
        None => (raw, &raw[raw.len()..]),
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in String::from_utf8_lossy(head).split("\r\n") {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    (headers, body)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn field<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// `boundary` of `multipart/alternative; boundary="x"`.
fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mark = format!("--{boundary}").into_bytes();
    let mut found = Vec::new();
    let mut rest = match find(body, &mark) {
        Some(at) => &body[at + mark.len()..],
        None => return found,
    };
    while let Some(start) = find(rest, b"\r\n") {
        let content = &rest[start + 2..];
        let Some(end) = find(content, &mark) else {
            break;
        };
        found.push(content[..end].strip_suffix(b"\r\n").unwrap_or(&content[..end]));
        rest = &content[end + mark.len()..];
        if rest.starts_with(b"--") {
            break;
        }
    }
    found
}

fn decode(encoding: &str, body: &[u8]) -> Vec<u8> {
    if encoding.eq_ignore_ascii_case("base64") {
        let compact: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        return STANDARD.decode(compact).unwrap_or_else(|_| body.to_vec());
    }
    if encoding.eq_ignore_ascii_case("quoted-printable") {
        return quoted_printable(body, false);
    }
    body.to_vec()
}

/// `=C3=BC` and soft line ends; in header fields `_` is a space.
fn quoted_printable(body: &[u8], in_header: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        match (byte, body.get(at + 1), body.get(at + 2)) {
            (b'=', Some(b'\r'), Some(b'\n')) => at += 3,
            (b'=', Some(&high), Some(&low)) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
                out.push(digit(high) << 4 | digit(low));
                at += 3;
            }
            (b'_', _, _) if in_header => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Encoded words (RFC 2047) of a header field; the space between two of them isn't text.
fn words(value: &str) -> String {
    let (mut out, mut rest, mut after_word) = (String::new(), value, false);
    while let Some(start) = rest.find("=?") {
        let Some((decoded, length)) = word(&rest[start..]) else {
            out.push_str(&rest[..start + 2]);
            rest = &rest[start + 2..];
            after_word = false;
            continue;
        };
        if !(after_word && rest[..start].trim().is_empty()) {
            out.push_str(&rest[..start]);
        }
        out.push_str(&decoded);
        rest = &rest[start + length..];
        after_word = true;
    }
    out.push_str(rest);
    out
}

fn word(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix("=?")?;
    let (charset, rest) = inner.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let end = rest.find("?=")?;
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(&rest[..end]).ok()?,
        "Q" | "q" => quoted_printable(&rest.as_bytes()[..end], true),
        _ => return None,
    };
    let length = 2 + charset.len() + 1 + encoding.len() + 1 + end + 2;
    Some((String::from_utf8_lossy(&bytes).into_owned(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_lose_the_space_between_them() {
        assert_eq!(words("=?utf-8?B?w7w=?= =?utf-8?Q?=C3=A4_b?= c"), "üä b c");
        assert_eq!(words("a =?utf-8?B?w7w=?= b"), "a ü b");
        assert_eq!(words("1 =? 2"), "1 =? 2");
    }

    #[test]
    fn both_parts_are_found_and_decoded() {
        let raw = b"Subject: a\r\n b\r\nContent-Type: multipart/alternative; boundary=\"x\"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC =\r\nx\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nPGI+\r\n--x--\r\n";
        let parsed = parse(raw);
        assert_eq!(parsed.headers[0], ("Subject".into(), "a b".into()));
        assert_eq!(parsed.text.as_deref(), Some("ü x"));
        assert_eq!(parsed.html.as_deref(), Some("<b>"));
    }
}
