//! Values in the text form of Postgres: as a query returns them, and made up for a type.

use std::collections::{BTreeMap, BTreeSet};

use postgres::types::{Kind, Type};
use postgres::{Client, SimpleQueryMessage};

/// Values of a statement's parameters or of a row, in the text form of Postgres.
pub(super) type Values = Vec<Option<String>>;

/// By table: the table that it is a partition of, and what was written to it.
pub(super) type Counts = BTreeMap<u32, (u32, [i64; 3])>;

/// Column names and rows of a query, as text.
pub(super) fn texts(client: &mut Client, sql: &str) -> Result<(Vec<String>, Vec<Values>), postgres::Error> {
    let (mut names, mut rows) = (Vec::new(), Vec::new());
    for message in client.simple_query(sql)? {
        match message {
            SimpleQueryMessage::Row(row) => {
                rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
            }
            SimpleQueryMessage::RowDescription(columns) => {
                names = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            _ => {}
        }
    }
    Ok((names, rows))
}

/// The rows of each statement of a text, in one round trip; a statement without rows has none.
pub(super) fn sets(client: &mut Client, sql: &str) -> Result<Vec<Vec<Values>>, postgres::Error> {
    let (mut done, mut rows) = (Vec::new(), Vec::new());
    for message in client.simple_query(sql)? {
        match message {
            SimpleQueryMessage::Row(row) => {
                rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
            }
            SimpleQueryMessage::CommandComplete(_) => done.push(std::mem::take(&mut rows)),
            _ => {}
        }
    }
    Ok(done)
}

/// A field as a number, 0 where it is none.
pub(super) fn number<T: std::str::FromStr + Default>(row: &Values, at: usize) -> T {
    row.get(at).and_then(Option::as_deref).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The rows of what counts rows that were written.
pub(super) fn counts(rows: &[Values]) -> Counts {
    rows.iter()
        .map(|row| (number(row, 0), (number(row, 1), [number(row, 2), number(row, 3), number(row, 4)])))
        .collect()
}

/// The rows of what tells which functions were called.
pub(super) fn calls(rows: &[Values]) -> BTreeMap<u32, i64> {
    rows.iter().map(|row| (number(row, 0), number(row, 1))).collect()
}

/// A value that is probably not in use.
pub(super) fn new(kind: &Type, turn: usize) -> String {
    match kind.kind() {
        Kind::Domain(base) => return new(base, turn),
        Kind::Simple => {}
        _ => return default(kind, turn),
    }
    match kind.name() {
        "int2" => format!("{}", 31000 + turn),
        "int4" | "int8" | "numeric" => format!("{}", 1_987_654_000 + turn),
        "text" | "varchar" | "bpchar" | "citext" => format!("dba{turn}"),
        "uuid" => format!("dbadbadb-0000-4000-8000-00000000000{turn}"),
        _ => default(kind, turn),
    }
}

/// Some value of a type.
pub(super) fn default(kind: &Type, turn: usize) -> String {
    match kind.kind() {
        Kind::Domain(base) => return default(base, turn),
        Kind::Enum(labels) => return labels.get(turn % labels.len().max(1)).cloned().unwrap_or_default(),
        Kind::Array(of) => return format!("{{{}}}", default(of, turn)),
        Kind::Range(_) => return "empty".into(),
        _ => {}
    }
    let text = match kind.name() {
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "oid" => return (turn + 1).to_string(),
        "bool" => ["t", "f"][turn % 2],
        "uuid" => "00000000-0000-4000-8000-000000000001",
        "date" => "2024-01-02",
        "timestamp" | "timestamptz" => "2024-01-02 03:04:05",
        "time" | "timetz" => "03:04:05",
        "interval" => "1 day",
        "json" | "jsonb" => "{}",
        "bytea" => "\\x00",
        "inet" | "cidr" => "10.0.0.1",
        "bit" | "varbit" => "1010",
        "xml" => "<a/>",
        "point" => "(1,1)",
        "box" | "lseg" | "path" => "((0,0),(1,1))",
        "jsonpath" => "$",
        "regconfig" | "regdictionary" => "simple",
        "regclass" => "pg_class",
        "regtype" => "int4",
        _ => ["x", "1", "UTC", "{}", "day"][turn % 5],
    };
    text.to_owned()
}

/// So many words, and so many numbers of a change are tried.
const NAMED: usize = 8;

/// Words and numbers that a change names: what it lets pass or not is decided by values next to these.
#[derive(Debug, Default)]
pub(super) struct Named {
    words: Vec<String>,
    numbers: Vec<i64>,
}

impl Named {
    pub(super) fn of(statements: &[String]) -> Self {
        let mut named = Self::default();
        for sql in statements {
            // Between quotes, those doubled within a body, too.
            let pieces: Vec<_> = sql.split('\'').filter(|piece| !piece.is_empty()).collect();
            let between = pieces.iter().skip(usize::from(!sql.starts_with('\'')));
            named.words.extend(
                between
                    .filter(|piece| piece.len() <= 40 && piece.contains(char::is_alphanumeric))
                    .map(|piece| (*piece).to_owned()),
            );
            let parts: Vec<_> = sql.split(|c: char| !(c.is_alphanumeric() || "_$-".contains(c))).collect();
            named.numbers.extend(parts.iter().filter_map(|part| part.parse::<i64>().ok()));
        }
        let mut seen = BTreeSet::new();
        named.words.retain(|word| seen.insert(word.clone()));
        named.words.truncate(NAMED);
        let mut seen = BTreeSet::new();
        named.numbers.retain(|number| seen.insert(*number));
        named.numbers.truncate(NAMED);
        named
    }

    /// Values of a type at and next to these.
    pub(super) fn values(&self, kind: &Type) -> Vec<String> {
        if let Kind::Domain(base) = kind.kind() {
            return self.values(base);
        }
        let next = |number: &i64| [*number, number.saturating_add(1), number.saturating_sub(1)];
        match kind.name() {
            "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" => {
                self.numbers.iter().flat_map(next).map(|number| number.to_string()).collect()
            }
            "text" | "varchar" | "bpchar" | "citext" => {
                let words = self.words.iter().flat_map(|word| [word.clone(), format!("{word}x")]);
                let lengths = self.numbers.iter().filter(|number| (0..100).contains(*number)).flat_map(next);
                words.chain(lengths.map(|length| "x".repeat(usize::try_from(length).unwrap_or_default()))).collect()
            }
            "date" | "timestamp" | "timestamptz" | "time" | "uuid" | "inet" | "json" | "jsonb" => self.words.clone(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use postgres::types::Type;

    use super::Named;

    #[test]
    fn values_that_a_change_names() {
        let sql = "alter table t1 add check (state in ('new', 'it''s') and length(code) < 3 and id > -5 and $1 = 7)";
        let named = Named::of(&[sql.to_owned()]);
        assert!(named.words.starts_with(&["new".into()]), "{named:?}");
        assert_eq!(named.numbers, [3, -5, 7]);
        let texts = named.values(&Type::TEXT);
        for value in ["new", "newx", "xxx", "xx", "xxxx"] {
            assert!(texts.iter().any(|one| one == value), "{value}: {texts:?}");
        }
        assert_eq!(named.values(&Type::INT4), ["3", "4", "2", "-5", "-4", "-6", "7", "8", "6"]);
        assert!(named.values(&Type::UUID_ARRAY).is_empty());
    }
}
