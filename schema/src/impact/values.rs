//! Values in the text form of Postgres: as a query returns them, and made up for a type.

use std::collections::BTreeMap;

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
