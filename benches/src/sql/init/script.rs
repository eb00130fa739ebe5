//! A statement as a script of pgbench: its parameters drawn from rows that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use postgres::SimpleQueryMessage;
use schema::impact::{Drawn, Drivable};
use schema::session::identifier;

use super::columns;
use super::range::ranges;
use crate::Failure;
use crate::data::{connect, failed};

/// Rows that values are drawn from.
const ROWS: usize = 200;
/// Of so many first ones of a table.
const FROM: usize = 20_000;

/// Rows of tables: by table, and by column the values.
#[derive(Default)]
pub struct Rows(BTreeMap<String, BTreeMap<String, Vec<Option<String>>>>);

impl Rows {
    fn of(&mut self, url: &str, table: &str, wanted: &BTreeSet<&str>) -> Result<(), Failure> {
        let missing = |known: &BTreeMap<_, _>| wanted.iter().any(|column| !known.contains_key(*column));
        if self.0.get(table).is_some_and(|known| !missing(known)) {
            return Ok(());
        }
        let doing = format!("reading rows of {table}");
        let known = self.0.get(table).map(|known| known.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let columns: BTreeSet<String> = wanted.iter().map(|column| (*column).to_owned()).chain(known).collect();
        let list: Vec<String> =
            columns.iter().map(|column| format!("{}::pg_catalog.text", identifier(column))).collect();
        // Over the usual search path, which functions of a view may need: so all of ours is named with its schema.
        let sql = format!(
            "select {} from (select * from {table} limit {FROM}) few order by pg_catalog.random() limit {ROWS}",
            list.join(", ")
        );
        let mut values: BTreeMap<String, Vec<Option<String>>> =
            columns.iter().map(|name| (name.clone(), vec![])).collect();
        for message in connect(url)?.simple_query(&sql).map_err(|error| failed(&doing, &error))? {
            if let SimpleQueryMessage::Row(row) = message {
                for (at, column) in columns.iter().enumerate() {
                    values.entry(column.clone()).or_default().push(row.get(at).map(str::to_owned));
                }
            }
        }
        self.0.insert(table.to_owned(), values);
        Ok(())
    }

    fn values(&self, table: &str, column: &str) -> &[Option<String>] {
        self.0.get(table).and_then(|known| known.get(column)).map_or(&[], Vec::as_slice)
    }
}

/// The script; or why there is none.
pub fn script(one: &Drivable, rows: &mut Rows, url: &str) -> Result<Result<String, String>, Failure> {
    if names_a_variable(&one.sql) {
        return Ok(Err("a colon before a name is a variable in a script".into()));
    }
    let mut text = String::new();
    let mut drawn: BTreeMap<&str, String> = BTreeMap::new();
    let ranges = ranges(one);
    for (number, (table, wanted)) in columns(one).into_iter().enumerate() {
        rows.of(url, table, &wanted)?;
        let first = wanted.first().map_or("", |column| *column);
        let count = rows.values(table, first).len();
        if count == 0 {
            return Ok(Err(format!("{table} has no row to draw values from")));
        }
        // One draw for a table: values of one statement come from the same row.
        let variable = format!("row{}", number + 1);
        let _ = writeln!(text, "\\set {variable} random(1, {count})");
        let bounds = |(lower, _): &(usize, usize)| matches!(one.parameters.get(*lower), Some((_, Drawn::Column { table: of, .. })) if of == table);
        if ranges.iter().any(bounds) {
            // Of a range the other bound is another row's.
            let _ = writeln!(text, "\\set other{variable} random(1, {count})");
        }
        drawn.insert(table, variable);
    }
    let mut values = Vec::new();
    for (number, (kind, source)) in one.parameters.iter().enumerate() {
        values.push(match source {
            Drawn::Fixed(value) => format!("{}::{kind}", literal(value)),
            Drawn::New => match new(kind) {
                Some(value) => value,
                None => return Ok(Err(format!("new values of type {kind} can't be made up"))),
            },
            Drawn::Column { table, column } => {
                let all = rows.values(table, column).iter();
                let element = |value: &Option<String>| match value {
                    None => "null".to_owned(),
                    Some(value) if is_array(kind) => {
                        literal(&format!("{{\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\"")))
                    }
                    Some(value) => literal(value),
                };
                let list: Vec<String> = all.map(element).collect();
                let variable = drawn.get(table.as_str()).map_or("row1", String::as_str);
                let list = list.join(", ");
                let value = |variable: &str| format!("((array[{list}]::text[])[:{variable}])::{kind}");
                let first_of =
                    |end: &str| format!("{end}({}, {})", value(variable), value(&format!("other{variable}")));
                match ranges.iter().find(|(lower, upper)| [*lower, *upper].contains(&number)) {
                    Some((lower, _)) if *lower == number => first_of("least"),
                    Some(_) => first_of("greatest"),
                    None => value(variable),
                }
            }
        });
    }
    let sql = with_values(&one.sql, &values);
    Ok(Ok(format!("{text}{};\n", sql.trim().trim_end_matches(';'))))
}

/// Postgres's names of array types begin so.
fn is_array(kind: &str) -> bool {
    kind.rsplit('.').next().is_some_and(|name| name.trim_start_matches('"').starts_with('_'))
}

/// A value that isn't there yet, of the clock: pgbench draws the same ones in each cell of a replicate, so the second cell's would be there.
fn new(kind: &str) -> Option<String> {
    let number = "((extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::int8 % 1147483647 + 1000000000)";
    match kind {
        "uuid" => Some("pg_catalog.gen_random_uuid()".to_owned()),
        "int4" | "int8" | "numeric" => Some(format!("{number}::{kind}")),
        "text" | "varchar" | "bpchar" => Some(format!("('lab' || {number}::text)::{kind}")),
        _ => None,
    }
}

/// A literal in which pgbench finds no variable: of a colon only its number is written.
fn literal(value: &str) -> String {
    format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "\\'").replace(':', "\\x3a").replace('\n', "\\n"))
}

/// Puts values where the parameters are, outside of quotes.
fn with_values(sql: &str, values: &[String]) -> String {
    let mut text = String::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\'' | '"' => rest[1..].find(c).map_or(rest.len(), |end| end + 2),
            '$' => 1 + rest[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - 1),
            c => c.len_utf8(),
        };
        let value = (c == '$').then(|| rest[1..length].parse::<usize>().ok()).flatten();
        match value.and_then(|number| values.get(number.checked_sub(1)?)) {
            Some(value) => text.push_str(value),
            None => text.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    text
}

/// `:name`, but not `::type`.
fn names_a_variable(sql: &str) -> bool {
    sql.replace("::", "").split(':').skip(1).any(|after| after.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_parameters_were() {
        let values = ["1".to_owned(), "'b'".to_owned()];
        assert_eq!(
            with_values("select $2, '$1', \"$1\" from t where a = $1 and b > $3", &values),
            "select 'b', '$1', \"$1\" from t where a = 1 and b > $3"
        );
    }

    #[test]
    fn no_value_is_a_variable() {
        assert_eq!(literal("it's 12:a"), "E'it\\'s 12\\x3aa'");
        assert!(names_a_variable("select a[1:n]") && !names_a_variable("select a::text, '12:30'"));
    }
}
