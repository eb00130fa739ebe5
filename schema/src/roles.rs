//! `db-roles.sql`, parsed as little as possible: sections, statements, and which roles it creates. What a statement *means* is left to Postgres.

use std::path::Path;

use crate::embedded::{DATABASE, ROLES};
use crate::error::{Error, Result, read_text};
use crate::session::identifier;

/// Everyone who can log in.
pub const LOGINS: &[&str] = &[
    "govrnanza_admin",
    "account_reader",
    "account_writer",
    "profile_reader",
    "profile_writer",
    "registry_reader",
    "registry_writer",
    "billing_reader",
    "billing_writer",
    "notification_reader",
    "notification_writer",
    "lab_monitor",
];

/// One statement of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it starts, counted from 1.
    pub line: usize,
    /// Without the semicolon and what follows it.
    pub sql: String,
    /// The comment that ends its line, if any.
    pub reason: Option<String>,
}

impl Statement {
    /// The role that this statement makes.
    #[must_use]
    pub fn creates_role(&self) -> Option<String> {
        match words(&self.sql).as_slice() {
            [create, kind, name, ..] if create == "create" && ["role", "user", "group"].contains(&kind.as_str()) => {
                (name != "mapping").then(|| name.clone())
            }
            _ => None,
        }
    }

    /// The schema that this statement makes, and its owner where it names one.
    #[must_use]
    pub fn creates_schema(&self) -> Option<(String, Option<String>)> {
        let all = words(&self.sql);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let rest = match all.as_slice() {
            ["create", "schema", "if", "not", "exists", rest @ ..] | ["create", "schema", rest @ ..] => rest,
            _ => return None,
        };
        match rest {
            ["authorization", owner, ..] => Some(((*owner).to_owned(), Some((*owner).to_owned()))),
            [name, "authorization", owner, ..] => Some(((*name).to_owned(), Some((*owner).to_owned()))),
            [name, ..] => Some(((*name).to_owned(), None)),
            [] => None,
        }
    }

    /// The same for a role that exists, for the embedded file: `create role x …` becomes `alter role x …`.
    #[must_use]
    pub fn altering(&self) -> String {
        match self.creates_role() {
            Some(_) => self.sql.replacen("create role ", "alter role ", 1),
            None => self.sql.clone(),
        }
    }

    /// Is it about rights on the database itself, which a clone doesn't have?
    #[must_use]
    pub fn of_database(&self, database: &str) -> bool {
        self.sql.contains(&format!(" on database {} ", identifier(database)))
    }
}

/// The file's text.
#[derive(Debug, Clone)]
pub struct RolesFile {
    text: String,
}

impl Default for RolesFile {
    fn default() -> Self {
        Self { text: ROLES.to_owned() }
    }
}

impl RolesFile {
    /// Another text than the embedded one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// Reads a file; one without sections is one of roles.
    ///
    /// # Errors
    /// [`Error::Usage`] where it can't be read, or makes no role: then there is nothing to compare.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        let sections = text.lines().any(|line| line.starts_with("-- == "));
        let file = Self::new(if sections { text } else { format!("-- == roles ==\n{text}") });
        let block = |statement: &Statement| words(&statement.sql).first().is_some_and(|word| word == "do");
        let blocks = file.section("roles", DATABASE).iter().any(block);
        if file.managed().is_empty() && file.administrator().is_empty() && !blocks {
            return Err(Error::Usage(format!(
                "{} creates no role: expected `create role …`, without sections or in section `-- == roles ==`",
                path.display()
            )));
        }
        Ok(file)
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Statements of the named section, in order, with `database` instead of `govrnanza`.
    #[must_use]
    pub fn section(&self, name: &str, database: &str) -> Vec<Statement> {
        let header = format!("-- == {name} ==");
        let mut line = 0;
        let mut inside = String::new();
        let mut first = None;
        for text in self.text.lines() {
            line += 1;
            if text.starts_with("-- == ") {
                if first.is_some() {
                    break;
                }
                if text == header {
                    first = Some(line);
                }
            } else if first.is_some() {
                // `pg_dumpall` writes these for psql.
                if !(text.starts_with("\\restrict ") || text.starts_with("\\unrestrict ")) {
                    inside.push_str(text);
                }
                inside.push('\n');
            }
        }
        let mut found = statements(&inside, first.unwrap_or_default() + 1);
        if database != DATABASE {
            for statement in &mut found {
                let there = format!(" on database {} ", identifier(database));
                statement.sql = statement.sql.replace(" on database govrnanza ", &there);
            }
        }
        found
    }

    /// All sections that `dba apply` runs.
    #[must_use]
    pub fn applied(&self, database: &str) -> Vec<Statement> {
        ["roles", "foundation", "services"].iter().flat_map(|name| self.section(name, database)).collect()
    }

    /// The role that runs `dba apply`; empty where the file names none.
    #[must_use]
    pub fn administrator(&self) -> String {
        let section = self.section("administrator", DATABASE);
        section.iter().find_map(Statement::creates_role).unwrap_or_default()
    }

    /// Roles that `dba apply` manages: those the file makes, the administrator itself apart.
    #[must_use]
    pub fn managed(&self) -> Vec<String> {
        let section = self.section("roles", DATABASE);
        section.iter().filter_map(Statement::creates_role).collect()
    }
}

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
