//! Splits SQL into statements and words: comments, quotes and dollar quotes, nothing else of the grammar.

use super::Statement;

/// Words of a statement, names as the catalogue has them: in lower case where they aren't quoted, without their quotes otherwise. Strings and signs are one
/// word each.
#[must_use]
pub fn words(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' | '\'' => quoted(rest, c),
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        let word = &rest[..length];
        found.push(match c {
            '"' => word.trim_matches('"').replace("\"\"", "\""),
            '\'' => word.to_owned(),
            _ => word.to_lowercase(),
        });
        rest = rest[length..].trim_start();
    }
    found
}

/// Bytes of the quoted text that `text` begins with; a doubled quote stands for one.
fn quoted(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(end) = text[at..].find(quote) {
        at += end + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// Splits SQL at its semicolons, without comments. Knows comments (nested ones, too), quotes and dollar quotes, nothing else.
#[must_use]
pub fn statements(sql: &str, first_line: usize) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    let (mut current, mut start, mut line) = (String::new(), first_line, first_line);
    let mut rest = sql;
    let mut ended_on = 0;
    while let Some(c) = rest.chars().next() {
        let taken = if rest.starts_with("--") {
            let length = rest.find('\n').unwrap_or(rest.len());
            if ended_on == line
                && current.trim().is_empty()
                && let Some(last) = found.last_mut()
            {
                last.reason = Some(rest[2..length].trim().to_owned());
            }
            rest = &rest[length..];
            continue;
        } else if rest.starts_with("/*") {
            let length = block_comment(rest);
            line += rest[..length].matches('\n').count();
            if !current.is_empty() {
                current.push(' ');
            }
            rest = &rest[length..];
            continue;
        } else if c == '\'' && escapes(&current) {
            escaped_string(rest)
        } else if c == '\'' || c == '"' {
            rest[1..].find(c).map_or(rest.len(), |end| end + 2)
        } else if let Some(tag) = dollar_tag(rest) {
            rest[tag.len()..].find(tag).map_or(rest.len(), |end| end + 2 * tag.len())
        } else if c == ';' {
            let sql = current.trim().to_owned();
            current.clear();
            if !sql.is_empty() {
                found.push(Statement { line: start, sql, reason: None });
            }
            ended_on = line;
            rest = &rest[1..];
            continue;
        } else {
            c.len_utf8()
        };
        let piece = &rest[..taken];
        if current.trim().is_empty() && !c.is_whitespace() {
            start = line;
        }
        line += piece.matches('\n').count();
        current.push_str(piece);
        rest = &rest[taken..];
    }
    if !current.trim().is_empty() {
        found.push(Statement { line: start, sql: current.trim().to_owned(), reason: None });
    }
    found
}

/// Bytes of the comment that `text` begins with; comments hold comments.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        if here.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Is the quote that follows one of `E'…'`?
fn escapes(before: &str) -> bool {
    let mut back = before.chars().rev();
    matches!(back.next(), Some('e' | 'E')) && !back.next().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$')
}

/// Bytes of the string that `text` begins with, where a backslash takes the next character with it.
fn escaped_string(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            '\'' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn dollar_tag(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let end = inner.find('$')?;
    inner[..end].chars().all(|c| c.is_alphanumeric() || c == '_').then(|| &text[..end + 2])
}
