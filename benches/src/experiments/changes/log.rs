//! What the server's log says: every statement of every service with its values, and every error of everybody, whoever swallowed it.

use std::collections::BTreeMap;

use schema::impact::Statement;

/// Before each record: process, role, SQLSTATE.
pub const PREFIX: &str = "@%p|%u|%e| ";

/// An error that Postgres gave a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Error {
    /// Who got it.
    pub role: String,
    /// Which.
    pub sqlstate: String,
    /// In words.
    pub message: String,
    /// What was run.
    pub statement: String,
}

/// What was found in a piece of the log.
#[derive(Debug, Default)]
pub struct Read {
    /// Statements, each once for each pattern of nulls among its values.
    pub statements: Vec<Statement>,
    /// In the order they happened.
    pub errors: Vec<Error>,
}

/// Reads a piece of the log, of sessions whose role is of one of these services.
pub fn read(text: &str, ours: impl Fn(&str) -> bool) -> Read {
    let mut found = Read::default();
    let mut statements: BTreeMap<(String, String, String), Statement> = BTreeMap::new();
    // What each process said last: its DETAIL or STATEMENT comes as a record of its own.
    let mut executed: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut failed: BTreeMap<String, Error> = BTreeMap::new();
    for record in records(text) {
        let Some((process, role, sqlstate, level, message)) = parts(&record) else {
            continue;
        };
        if !ours(role) {
            continue;
        }
        match level {
            "LOG" => {
                // `execute s1: select …`; what comes by the simple protocol is begin, commit and the like.
                if let Some((_, sql)) = message.strip_prefix("execute ").and_then(|rest| rest.split_once(": ")) {
                    executed.insert(process.to_owned(), (role.to_owned(), sql.to_owned()));
                    note(&mut statements, role, sql, None);
                }
            }
            "DETAIL" => {
                if let (Some(values), Some((role, sql))) = (parameters(message), executed.get(process)) {
                    note(&mut statements, role, sql, Some(values_of(values)));
                }
            }
            "ERROR" | "FATAL" => {
                failed.insert(
                    process.to_owned(),
                    Error {
                        role: role.to_owned(),
                        sqlstate: sqlstate.to_owned(),
                        message: message.to_owned(),
                        statement: String::new(),
                    },
                );
                found.errors.extend(failed.get(process).cloned());
            }
            "STATEMENT" => {
                if let Some(mut error) = failed.remove(process)
                    && let Some(told) = found.errors.iter_mut().rev().find(|one| **one == error)
                {
                    message.clone_into(&mut error.statement);
                    *told = error;
                }
            }
            _ => {}
        }
    }
    found.statements = statements.into_values().collect();
    found
}

/// With values if it has any, else without: the entry without values goes when one with values comes.
fn note(
    statements: &mut BTreeMap<(String, String, String), Statement>,
    role: &str,
    sql: &str,
    values: Option<Vec<Option<String>>>,
) {
    let key = |pattern: String| (role.to_owned(), sql.to_owned(), pattern);
    let pattern = nulls(&values);
    if !pattern.is_empty() {
        statements.remove(&key(String::new()));
    } else if sql.contains("$1")
        && statements.range(key(String::new())..).next().is_some_and(|(found, _)| found.0 == role && found.1 == sql)
    {
        return;
    }
    let one = statements.entry(key(pattern)).or_insert_with(|| Statement {
        role: role.to_owned(),
        sql: sql.to_owned(),
        calls: 0,
        values,
    });
    one.calls += 1;
}

/// Which of the values are null: `v-v`.
pub fn nulls(values: &Option<Vec<Option<String>>>) -> String {
    let mark = |value: &Option<String>| if value.is_some() { 'v' } else { '-' };
    values.iter().flatten().map(mark).collect()
}

/// `$1 = 'it''s', $2 = NULL`.
fn values_of(text: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(" = ") {
        if let Some(quoted) = after.strip_prefix('\'') {
            let mut value = String::new();
            let mut tail = quoted;
            while let Some((piece, more)) = tail.split_once('\'') {
                value.push_str(piece);
                tail = more;
                match more.strip_prefix('\'') {
                    Some(more) => {
                        value.push('\'');
                        tail = more;
                    }
                    None => break,
                }
            }
            values.push(Some(value));
            rest = tail;
        } else {
            values.push(None);
            rest = after.strip_prefix("NULL").unwrap_or(after);
        }
    }
    values
}

/// Records, with their further lines, which begin with a tab.
fn records(text: &str) -> Vec<String> {
    let mut records: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix('\t'), records.last_mut()) {
            (Some(more), Some(last)) => {
                last.push('\n');
                last.push_str(more);
            }
            _ => records.push(line.to_owned()),
        }
    }
    records
}

/// Process, role, SQLSTATE, level, message.
fn parts(record: &str) -> Option<(&str, &str, &str, &str, &str)> {
    let (process, rest) = record.strip_prefix('@')?.split_once('|')?;
    let (role, rest) = rest.split_once('|')?;
    let (sqlstate, rest) = rest.split_once("| ")?;
    let (level, message) = rest.split_once(":  ")?;
    Some((process, role, sqlstate, level, message))
}

/// Newer releases begin a detail with a capital.
fn parameters(detail: &str) -> Option<&str> {
    let small = detail.strip_prefix("parameters: ");
    small.or_else(|| detail.strip_prefix("Parameters: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_values_and_errors() {
        let text = "@7|a_reader|00000| LOG:  execute s0: select\n\t1 where $1 = $2\n\
            @7|a_reader|00000| DETAIL:  parameters: $1 = 'it''s = $2', $2 = NULL\n\
            @8|postgres|42P01| ERROR:  not ours\n\
            @7|a_reader|00000| LOG:  execute s0: select\n\t1 where $1 = $2\n\
            @7|a_reader|00000| DETAIL:  Parameters: $1 = 'x', $2 = ''\n\
            @9|a_writer|42703| ERROR:  column p.name does not exist at character 8\n\
            @9|a_writer|42703| STATEMENT:  select p.name\n\
            @9|a_writer|00000| LOG:  execute <unnamed>: select now()\n";
        let read = read(text, |role| role.starts_with("a_"));
        let values: Vec<_> = read.statements.iter().map(|one| (one.sql.as_str(), one.values.clone())).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            values,
            [
                ("select\n1 where $1 = $2", Some(vec![some("it's = $2"), None])),
                ("select\n1 where $1 = $2", Some(vec![some("x"), some("")])),
                ("select now()", None),
            ]
        );
        assert_eq!(read.errors.len(), 1);
        assert_eq!((read.errors[0].sqlstate.as_str(), read.errors[0].statement.as_str()), ("42703", "select p.name"));
    }
}
