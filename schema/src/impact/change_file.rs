//! Change files as people have them: with psql's own lines, with parts for up and down, with bodies that contain semicolons.

use crate::error::{Error, Result};

/// What is to be run of a file.
pub(super) struct ChangeFile {
    pub(super) sql: String,
    /// The file says that it runs in no transaction.
    pub(super) per_statement: bool,
    /// What was left out.
    pub(super) notes: Vec<String>,
}

/// Lines of psql's that change nothing of what is run.
const HARMLESS: [&str; 12] =
    ["set", "unset", "echo", "qecho", "timing", "pset", "restrict", "unrestrict", "encoding", "x", "q", "prompt"];

/// Marks of the parts: dbmate, goose, sql-migrate.
const UP: [&str; 3] = ["migrate:up", "+goose up", "+migrate up"];
const DOWN: [&str; 3] = ["migrate:down", "+goose down", "+migrate down"];
const ALONE: [&str; 3] = ["transaction:false", "+goose no transaction", "notransaction"];

/// Leaves out what isn't SQL, and the way down.
pub(super) fn read(text: &str) -> Result<ChangeFile> {
    let mark = |line: &str, of: &[&str]| {
        let comment = line.trim().strip_prefix("--").map(|rest| rest.trim().to_ascii_lowercase());
        comment.is_some_and(|comment| of.iter().any(|one| comment.starts_with(one)))
    };
    let parts = text.lines().any(|line| mark(line, &UP));
    let (mut sql, mut notes, mut up, mut per_statement) = (String::new(), Vec::new(), !parts, false);
    for (number, (line, bare)) in text.lines().zip(&mask(text)).enumerate() {
        let number = number + 1;
        let lower = line.to_ascii_lowercase();
        per_statement |= line.trim_start().starts_with("--") && ALONE.iter().any(|one| lower.contains(one));
        if mark(line, &UP) {
            up = true;
        } else if parts && mark(line, &DOWN) {
            up = false;
            notes.push(format!("the part downwards, from line {number} on, was left out"));
        }
        if !up {
            sql.push('\n');
            continue;
        }
        if let Some(command) = bare.trim_start().strip_prefix('\\') {
            let word = command.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            if !HARMLESS.contains(&word) {
                return Err(Error::Usage(format!(
                    "line {number} is a command of psql's that can't be followed here (\\{command}): put into the change what it stands for"
                )));
            }
            notes.push(format!("line {number} was left out, because it is psql's own: \\{}", command.trim()));
            sql.push('\n');
            continue;
        }
        if let Some(variable) = variable(line, bare) {
            return Err(Error::Usage(format!(
                "line {number} uses a variable of psql's ({variable}), whose value is not known here: put the value in its place"
            )));
        }
        sql.push_str(line);
        sql.push('\n');
    }
    Ok(ChangeFile { sql, per_statement, notes })
}

/// `:name`, `:'name'`, `:"name"`; not `::type`, `:=` and the bounds of a slice. `bare`: the line with quoted text masked, character by character.
fn variable(line: &str, bare: &str) -> Option<String> {
    let chars: Vec<char> = bare.chars().collect();
    let is_name = |c: &char| c.is_ascii_alphabetic() || *c == '_';
    for at in 0..chars.len() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let free = before.is_none_or(|c| c.is_whitespace() || "(,=".contains(c));
        if chars[at] != ':' || !free {
            continue;
        }
        match chars.get(at + 1) {
            Some(c) if is_name(c) => {
                let name: String =
                    chars[at..].iter().take_while(|c| is_name(c) || **c == ':' || c.is_ascii_digit()).collect();
                return Some(name);
            }
            Some(quote @ ('\'' | '"')) => {
                let name: String = line.chars().skip(at + 2).take_while(|c| c != quote).collect();
                return Some(format!(":{quote}{name}{quote}"));
            }
            _ => {}
        }
    }
    None
}

/// The text's lines with spaces in place of what stands in quotes, dollar quotes and comments; the quotes stay.
fn mask(text: &str) -> Vec<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let dollar = (c == '$').then(|| rest[1..].find('$').map(|end| &rest[..end + 2])).flatten();
        let tag = dollar.filter(|tag| tag[1..tag.len() - 1].chars().all(|c| c.is_alphanumeric() || c == '_'));
        let (length, keep) = if let Some(tag) = tag {
            (rest[tag.len()..].find(tag).map_or(rest.len(), |end| end + 2 * tag.len()), 0)
        } else if c == '\'' || c == '"' {
            (rest[1..].find(c).map_or(rest.len(), |end| end + 2), 1)
        } else if rest.starts_with("--") {
            (rest.find('\n').unwrap_or(rest.len()), 0)
        } else if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |end| end + 2), 0)
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        for (at, c) in rest[..length].char_indices() {
            let edge = keep == 1 && (at == 0 || at + c.len_utf8() == length);
            out.push(if c == '\n' || edge { c } else { ' ' });
        }
        rest = &rest[length..];
    }
    out.split('\n').map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

/// Puts together again what was cut at semicolons within `begin atomic … end` and within parentheses (a rule of several statements).
pub(super) fn whole(split: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open: Option<String> = None;
    for part in split {
        let text = match open.take() {
            Some(before) => format!("{before};\n{part}"),
            None => part,
        };
        if is_open(&text) {
            open = Some(text);
        } else {
            found.push(text);
        }
    }
    // A `;` stays before the `end` that closes it; what is never closed is Postgres's to refuse.
    found.extend(open);
    found
}

fn is_open(text: &str) -> bool {
    let bare = mask(text).join("\n").to_ascii_lowercase();
    let (opened, closed) = (bare.matches('(').count(), bare.matches(')').count());
    if opened > closed {
        return true;
    }
    let words: Vec<_> =
        bare.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).collect();
    if !words.windows(2).any(|two| two == ["begin", "atomic"]) {
        return false;
    }
    let begins = words.iter().filter(|word| ["begin", "case"].contains(*word)).count();
    begins > words.iter().filter(|word| **word == "end").count()
}

#[cfg(test)]
mod tests {
    use super::{read, whole};

    fn sql(text: &str) -> Vec<String> {
        read(text).map(|read| read.sql.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
    }

    #[test]
    fn the_way_up_alone() {
        for (up, down) in [
            ("-- migrate:up", "-- migrate:down"),
            ("-- +goose Up", "-- +goose Down"),
            ("-- +migrate Up", "-- +migrate Down"),
        ] {
            let text = format!("{up}\ncreate table a ();\n{down}\ndrop table a;\n");
            let read = sql(&text).join(" ");
            assert!(read.contains("create table a") && !read.contains("drop"), "{read}");
        }
        assert!(read("-- +goose NO TRANSACTION\n-- +goose Up\nselect 1;").is_ok_and(|read| read.per_statement));
    }

    #[test]
    fn lines_of_psql_and_variables() {
        let kept = read("\\set ON_ERROR_STOP on\nselect '\\x' , ':no', a[1:2], b::int;\n").ok();
        assert!(kept.is_some_and(|read| read.notes.len() == 1 && read.sql.contains("select")));
        for (text, word) in
            [("select 1;\n\\i other.sql", "line 2"), ("grant x to :name;", ":name"), ("select :'a';", ":'a'")]
        {
            let refused = read(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(refused.contains(word), "{text}: {refused}");
        }
    }

    #[test]
    fn bodies_with_semicolons_stay_whole() {
        let cut = "create function f() returns int language sql begin atomic;select case when true then 1 end;end;create rule r as on insert to t do also (select 1;select 2);select 'begin atomic'";
        let cut = cut.replace("atomic;", "atomic ");
        let all = whole(cut.split(';').map(str::to_owned));
        assert_eq!(all.len(), 3, "{all:#?}");
    }
}
