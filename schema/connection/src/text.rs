//! The two forms of a connection string, URL and `keyword=value`, as libpq reads and as we write them. Nothing of the text is in an
//! error: what stands at the wrong place may be a password.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::Error;

/// All that has a meaning in a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

type Pairs = Vec<(String, String)>;

/// Parameters and their values as they stand there; a later one of the same name counts.
pub(crate) fn pairs(text: &str) -> Result<Pairs, Error> {
    let text = text.trim();
    let rest = ["postgresql://", "postgres://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match rest {
        Some(rest) => url(rest),
        None if text.contains("://") && !text.contains('=') => Err(bad("its scheme isn't postgresql")),
        None => words(text),
    }
}

fn bad(why: &str) -> Error {
    Error::Usage(format!(
        "not a connection string: {why}. Expected postgresql://user@host:port/database or host=… port=… user=… dbname=…; in a URL any \
         of / @ : ? # % within a user name or password is percent-encoded (%2F %40 %3A %3F %23 %25)"
    ))
}

fn url(rest: &str) -> Result<Pairs, Error> {
    let mut pairs = Pairs::new();
    let mut push = |name: &str, value: &str| {
        if !value.is_empty() {
            pairs.push((name.to_owned(), decoded(value)?));
        }
        Ok::<(), Error>(())
    };
    let user_ends = rest.find(['@', '/']).filter(|at| rest[*at..].starts_with('@'));
    let rest = match user_ends.map(|at| (&rest[..at], &rest[at + 1..])) {
        Some((user, rest)) => {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            push("user", user)?;
            push("password", password)?;
            rest
        }
        None => rest,
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = host_and_port(host)?;
        names.push(name);
        ports.push(port);
    }
    for (name, values) in [("host", names), ("port", ports)] {
        // All of them empty: not given.
        push(name, if values.iter().all(|one| one.is_empty()) { String::new() } else { values.join(",") }.as_str())?;
    }
    push("dbname", database)?;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| bad("a parameter after the ? has no value"))?;
        let (name, value) = (decoded(name)?, decoded(value)?);
        // As JDBC writes it.
        let jdbc = name == "ssl" && value == "true";
        pairs.push(if jdbc { ("sslmode".to_owned(), "require".to_owned()) } else { (name, value) });
    }
    Ok(pairs)
}

fn host_and_port(host: &str) -> Result<(&str, &str), Error> {
    let Some(inner) = host.strip_prefix('[') else {
        return Ok(host.split_once(':').unwrap_or((host, "")));
    };
    let (name, rest) = inner.split_once(']').ok_or_else(|| bad("a [ isn't closed"))?;
    match rest.strip_prefix(':') {
        _ if name.is_empty() => Err(bad("there is no address between [ and ]")),
        Some(port) => Ok((name, port)),
        None if rest.is_empty() => Ok((name, "")),
        None => Err(bad("expected a port after ]")),
    }
}

fn decoded(text: &str) -> Result<String, Error> {
    let digits = |at: usize| text.get(at + 1..at + 3).is_some_and(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
    if !text.match_indices('%').all(|(at, _)| digits(at)) {
        return Err(bad("a % isn't followed by two hexadecimal digits"));
    }
    let text = percent_decode_str(text).decode_utf8().map_err(|_| bad("what is percent-encoded isn't UTF-8"))?;
    if text.contains('\0') { Err(bad("%00 is in it")) } else { Ok(text.into_owned()) }
}

/// `keyword = value` with single quotes and backslashes.
fn words(text: &str) -> Result<Pairs, Error> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let unassigned = || bad("a word without = is in it (a value with blanks stands between single quotes)");
        let (name, value) = rest.split_once('=').ok_or_else(unassigned)?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(unassigned());
        }
        let (value, after) = value_of(value.trim_start())?;
        pairs.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// A value, and what follows it.
fn value_of(text: &str) -> Result<(String, &str), Error> {
    let quoted = text.strip_prefix('\'');
    let inner = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted.is_some() => return Ok((value, &inner[at + 1..])),
            c if quoted.is_none() && c.is_whitespace() => return Ok((value, &inner[at..])),
            c => value.push(c),
        }
    }
    if quoted.is_some() { Err(bad("a ' isn't closed")) } else { Ok((value, "")) }
}

/// As it stands in a URL.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A host as it stands in a URL.
pub(crate) fn encoded_host(name: &str) -> String {
    // An address of IPv6.
    if name.contains(':') && !name.starts_with(['/', '@']) { format!("[{name}]") } else { encoded(name) }
}

/// `keyword='value'`.
pub(crate) fn word(name: &str, value: &str) -> String {
    format!("{name}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
