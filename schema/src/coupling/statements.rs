//! Statements of services: seen at run time, or declared in files.

use std::fs;
use std::path::{Path, PathBuf};

use postgres::Client;
use serde::{Deserialize, Serialize};

use crate::counters::{self, Counter};
use crate::error::{Doing, Error, Result, read_text};
use crate::roles;

/// Where a statement is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// It is in a file.
    Declared,
    /// The server has run it.
    Run,
    /// Both.
    Both,
}

impl Source {
    /// Of a thing known from both of these.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Both }
    }
}

/// A statement of a role.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Who runs it.
    pub role: String,
    /// Its text, with `$1` where values stand.
    pub sql: String,
    /// How often it was run; 0 where it is only declared.
    pub calls: i64,
    /// Rows it returned or changed, over all calls.
    pub rows: i64,
    /// Milliseconds it ran, over all calls.
    pub milliseconds: f64,
    /// Where it is known from.
    pub source: Source,
}

/// What the server has counted, and since when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Since the counters were reset, in seconds.
    pub seconds: f64,
    /// When that was.
    pub reset_at: String,
    /// How often rare statements were removed to make room; what they used is missing.
    pub evictions: i64,
    /// `pg_stat_statements.track`: `all` counts what runs inside functions, too.
    pub track: String,
}

/// Statements that the roles ran in the database of this connection, and what they are counted over. `None` if the server doesn't count
/// (`pg_stat_statements` is not installed in this database or not loaded).
pub fn from_pg_stat_statements(client: &mut Client) -> Result<Option<(Vec<Statement>, Window)>> {
    let doing = "reading pg_stat_statements";
    let schema = client
        .query_opt(
            "select format('%I', n.nspname), to_regclass(format('%I.pg_stat_statements_info', n.nspname)) is not null,
                coalesce(current_setting('pg_stat_statements.track', true), '')
             from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements'",
            &[],
        )
        .doing(doing)?;
    let Some(row) = schema else {
        return Ok(None);
    };
    let (schema, info, track): (String, bool, String) = (row.get(0), row.get(1), row.get(2));
    // Without the library the view is there and refuses: 55000.
    if track.is_empty() {
        return Ok(None);
    }
    let of_counter = |one: Counter| Statement {
        role: one.role,
        sql: one.sql,
        calls: one.calls,
        rows: one.rows,
        milliseconds: one.milliseconds,
        source: Source::Run,
    };
    let statements = counters::read(client, &schema, false)?.into_iter().map(of_counter).collect();
    let mut window = Window { track, ..Window::default() };
    if info {
        let sql = format!(
            "select extract(epoch from clock_timestamp() - stats_reset)::float8, stats_reset::text, dealloc from {schema}.pg_stat_statements_info"
        );
        let row = client.query_one(&sql, &[]).doing(doing)?;
        window.seconds = row.get(0);
        window.reset_at = row.get(1);
        window.evictions = row.get(2);
    }
    Ok(Some((statements, window)))
}

/// Statements from files: `path` is a file or a folder of `.sql` files, searched recursively.
///
/// Their role comes from a line `-- role: NAME` before them, else from the name of the file or of a folder above it, if that is one of `roles`.
pub fn from_files(path: &Path, roles: &[String]) -> Result<Vec<Statement>> {
    let mut found = Vec::new();
    for file in files(path)? {
        let text = read_text(&file)?;
        let names = file.ancestors().filter_map(|part| part.file_stem()?.to_str());
        let mut role = names.into_iter().find(|name| roles.iter().any(|role| role == name)).map(str::to_owned);
        for part in parts(&text) {
            if let Some(named) = part.role {
                role = Some(named.to_owned());
            }
            for statement in roles::statements(part.text, part.line) {
                let Some(role) = &role else {
                    return Err(Error::Usage(format!(
                        "{}, line {}: unknown role of the statement: name the file or its folder after a role of the server, or write `-- role: NAME` before it",
                        file.display(),
                        statement.line
                    )));
                };
                found.push(Statement {
                    role: role.clone(),
                    sql: statement.sql,
                    calls: 0,
                    rows: 0,
                    milliseconds: 0.0,
                    source: Source::Declared,
                });
            }
        }
    }
    Ok(found)
}

/// A part of a file whose statements are of one role.
struct Part<'a> {
    role: Option<&'a str>,
    line: usize,
    text: &'a str,
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = vec![Part { role: None, line: 1, text: "" }];
    let (mut start, mut at) = (0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if let Some(role) = line.trim().strip_prefix("-- role:") {
            if let Some(last) = parts.last_mut() {
                last.text = &text[start..at];
            }
            start = at + line.len();
            parts.push(Part { role: Some(role.trim()), line: number + 2, text: "" });
        }
        at += line.len();
    }
    if let Some(last) = parts.last_mut() {
        last.text = &text[start..];
    }
    parts
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error| Error::Usage(format!("can't read statements at {}: {error}", path.display()));
    if fs::metadata(path).map_err(unreadable)?.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        if entry.is_dir() {
            found.extend(files(&entry)?);
        } else if entry.extension().is_some_and(|kind| kind == "sql") {
            found.push(entry);
        }
    }
    found.sort();
    Ok(found)
}
