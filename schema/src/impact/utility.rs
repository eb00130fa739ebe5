//! Statements that Postgres doesn't plan: another statement stands for them (of a cursor its query, of `copy` an insert), or they are executed as they are.

use postgres::Client;
use postgres::error::SqlState;

use super::report::Failure;
use super::values::Values;
use super::words::first_word;
use crate::own_path::aside;
use crate::session::literal;

/// How such a statement is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Utility {
    /// By what it contains.
    As(String),
    /// By an insert of the same columns, and by copying no row.
    CopyFrom { table: String, columns: Option<String> },
    /// By executing it.
    Executed,
}

/// `None`: it can't be judged here.
pub(super) fn of(sql: &str) -> Option<Utility> {
    let lower = sql.to_ascii_lowercase();
    let after = |mark: &str| lower.find(mark).map(|at| sql[at + mark.len()..].trim().to_owned());
    match first_word(&lower) {
        "declare" => after(" for ").map(Utility::As),
        "prepare" => after(" as ").map(Utility::As),
        "explain" => {
            let mut rest = sql["explain".len()..].trim_start();
            if rest.starts_with('(') {
                rest = rest[rest.find(')')? + 1..].trim_start();
            }
            for word in ["analyze", "verbose"] {
                if first_word(rest).eq_ignore_ascii_case(word) {
                    rest = rest[word.len()..].trim_start();
                }
            }
            Some(Utility::As(rest.to_owned()))
        }
        "copy" => copy(sql["copy".len()..].trim_start()),
        "call" | "refresh" | "truncate" | "lock" | "do" | "create" => Some(Utility::Executed),
        _ => None,
    }
}

/// Files and programs of the server are not for us to write or run.
fn copy(rest: &str) -> Option<Utility> {
    let lower = rest.to_ascii_lowercase();
    if rest.starts_with('(') {
        let end = lower.rfind(" to ")?;
        let query = rest[1..end].trim_end().strip_suffix(')')?;
        return lower[end..].contains("stdout").then(|| Utility::As(query.to_owned()));
    }
    let (from, to) = (lower.find(" from stdin"), lower.find(" to stdout"));
    let head = rest[..from.or(to)?].trim_end();
    let (table, columns) = match head.split_once('(') {
        Some((table, columns)) => (table.trim_end(), Some(columns.trim_end().strip_suffix(')')?.to_owned())),
        None => (head, None),
    };
    let table = table.to_owned();
    Some(match from {
        Some(_) => Utility::CopyFrom { table, columns },
        None => Utility::As(format!("select {} from {table}", columns.as_deref().unwrap_or("*"))),
    })
}

/// `copy` into a table: the columns that it fills where it names none.
#[derive(Debug, Clone)]
pub(super) struct CopyFrom {
    sql: String,
    table: String,
    unnamed: Option<Vec<String>>,
}

/// Over the path of whoever named it.
const TABLE: &str = "select pg_catalog.to_regclass($1::pg_catalog.text)::pg_catalog.oid";

const FILLED: &str = "
select quote_ident(attname) from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped and attgenerated = '' order by attnum";

fn filled(client: &mut Client, table: &str) -> Result<Vec<String>, postgres::Error> {
    let table: Option<u32> = client.query_one(TABLE, &[&table])?.get(0);
    let rows = aside(client, |client| client.query(FILLED, &[&table]))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

impl CopyFrom {
    /// Reads what it fills, as the session's role; and the insert that stands for it.
    pub(super) fn read(
        client: &mut Client,
        sql: &str,
        table: &str,
        columns: Option<&str>,
    ) -> Result<(Self, String), postgres::Error> {
        let unnamed = if columns.is_some() { None } else { Some(filled(client, table)?) };
        let list =
            columns.map_or_else(|| unnamed.iter().flatten().cloned().collect::<Vec<_>>().join(", "), str::to_owned);
        let count = list.split(',').count();
        let places: Vec<_> = (1..=count).map(|at| format!("${at}")).collect();
        let insert = format!("insert into {table} ({list}) values ({})", places.join(", "));
        let one = Self { sql: sql.to_owned(), table: table.to_owned(), unnamed };
        one.copy_nothing(client)?;
        Ok((one, insert))
    }

    fn copy_nothing(&self, client: &mut Client) -> Result<(), postgres::Error> {
        client.copy_in(&self.sql)?.finish()?;
        Ok(())
    }

    /// After the change, as the session's role.
    pub(super) fn refused(&self, client: &mut Client) -> Result<Option<Failure>, postgres::Error> {
        self.copy_nothing(client)?;
        let Some(was) = &self.unnamed else {
            return Ok(None);
        };
        let is = filled(client, &self.table)?;
        Ok((is.len() != was.len()).then(|| Failure {
            sqlstate: SqlState::BAD_COPY_FILE_FORMAT.code().into(),
            message: format!(
                "it names no columns and {} now has {} of them, before the change {}",
                self.table,
                is.len(),
                was.len()
            ),
            detail: None,
        }))
    }
}

/// The statement with values in place of its parameters.
pub(super) fn with_values(sql: &str, values: &Values) -> String {
    let mut text = sql.to_owned();
    // `$12` before `$1`.
    for (at, value) in values.iter().enumerate().rev() {
        let value = value.as_deref().map_or("null".into(), literal);
        text = text.replace(&format!("${}", at + 1), &value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Utility, of, with_values};

    #[test]
    fn what_stands_for_a_statement() {
        let instead = |text: &str| Some(Utility::As(text.to_owned()));
        let from = |table: &str, columns: Option<&str>| {
            Some(Utility::CopyFrom { table: table.into(), columns: columns.map(str::to_owned) })
        };
        for (sql, judged) in [
            ("declare c no scroll cursor with hold for select 1 for update", instead("select 1 for update")),
            ("explain (analyze, buffers) select 1", instead("select 1")),
            ("EXPLAIN ANALYZE VERBOSE update t set a = 1", instead("update t set a = 1")),
            ("prepare q (int) as select $1", instead("select $1")),
            ("copy (select a from t) to stdout", instead("select a from t")),
            ("COPY s.t TO STDOUT (format csv)", instead("select * from s.t")),
            ("copy s.t (a, b) to stdout", instead("select a, b from s.t")),
            ("copy s.t(a, b) from stdin with (format csv)", from("s.t", Some("a, b"))),
            ("copy t from stdin", from("t", None)),
            ("copy t from '/etc/passwd'", None),
            ("copy t to program 'mail'", None),
            ("call tidy($1)", Some(Utility::Executed)),
            ("execute q(1)", None),
        ] {
            assert_eq!(of(sql), judged, "{sql}");
        }
        let values: Vec<_> = (1..=10).map(|at| Some(format!("v{at}"))).collect();
        assert_eq!(with_values("call f($1, $10)", &values), "call f('v1', 'v10')");
    }
}
