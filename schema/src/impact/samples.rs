//! Values to execute a statement with: rows that are there, of the columns that its parameters are compared with or written to.

use std::collections::BTreeMap;

use postgres::types::{Kind, Type};
use postgres::{Client, SimpleQueryMessage};

use super::judge::Subject;
use super::probe::Probe;
use crate::error::{Doing, Result};

/// Values of a statement's parameters, in the text form of Postgres.
pub(super) type Values = Vec<Option<String>>;

/// So many different rows of a table are tried.
const ROWS: usize = 4;

struct Column {
    name: String,
    number: i16,
    kind: u32,
    unique: bool,
    refers: Option<(u32, i16)>,
}

struct Table {
    sql: String,
    name: String,
    kind: String,
    columns: Vec<Column>,
    rows: Option<Vec<Values>>,
}

/// Rows of the tables that statements use; read once, when they are first needed.
pub(super) struct Samples(BTreeMap<u32, Table>);

const COLUMNS: &str = "
select c.oid, format('%I.%I', n.nspname, c.relname), n.nspname || '.' || c.relname, c.relkind::text, a.attname::text, a.attnum, a.atttypid,
    exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey::int2[])), k.confrelid, k.confkey[1]
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join lateral (select confrelid, confkey from pg_constraint where contype = 'f' and conrelid = c.oid and conkey = array[a.attnum] limit 1) k on true
where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in ('pg_catalog', 'information_schema') order by 1, a.attnum";

/// Where a parameter's values come from.
enum Source {
    /// A column that it is compared with.
    Compared(u32, usize),
    /// A column that an insert writes it to.
    Written(u32, usize),
    /// `limit $1`, `offset $1`.
    Count(&'static str),
    Anywhere,
}

impl Samples {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let mut tables = BTreeMap::new();
        for row in client.query(COLUMNS, &[]).doing("reading columns")? {
            let table = tables.entry(row.get(0)).or_insert_with(|| Table {
                sql: row.get(1),
                name: row.get(2),
                kind: row.get(3),
                columns: Vec::new(),
                rows: None,
            });
            let refers: Option<u32> = row.get(8);
            table.columns.push(Column {
                name: row.get(4),
                number: row.get(5),
                kind: row.get(6),
                unique: row.get(7),
                refers: refers.zip(row.get(9)),
            });
        }
        Ok(Self(tables))
    }

    /// Lists of values to try a statement with, the likeliest first.
    pub(super) fn of(&mut self, probe: &mut Probe, subject: &Subject<'_>) -> Result<Vec<Values>> {
        let kinds = subject.parameters();
        if kinds.is_empty() {
            return Ok(vec![Vec::new()]);
        }
        let tokens = tokens(&subject.sql);
        let sources: Vec<_> =
            kinds.iter().enumerate().map(|(at, kind)| self.source(subject, &tokens, at + 1, kind)).collect();
        let mut lists = Vec::new();
        for fresh in [true, false] {
            for turn in 0..ROWS {
                let mut list = Vec::new();
                for (kind, source) in kinds.iter().zip(&sources) {
                    list.push(self.value(probe, kind, source, turn, fresh)?);
                }
                lists.push(list);
            }
        }
        lists.extend((0..5).map(|turn| kinds.iter().map(|kind| Some(default(kind, turn))).collect()));
        // Every value of small domains.
        for (at, kind) in kinds.iter().enumerate() {
            let labels: Vec<String> = match kind.kind() {
                Kind::Enum(labels) => labels.iter().take(12).cloned().collect(),
                _ if *kind == Type::BOOL => vec!["t".into(), "f".into()],
                _ => continue,
            };
            for label in labels {
                let mut list: Values = lists[0].clone();
                list[at] = Some(label);
                lists.push(list);
            }
        }
        let mut different: Vec<Values> = Vec::new();
        for list in lists {
            if !different.contains(&list) {
                different.push(list);
            }
        }
        Ok(different)
    }

    fn source(&self, subject: &Subject<'_>, tokens: &[String], number: usize, kind: &Type) -> Source {
        let parameter = format!("${number}");
        for write in subject.plan.writes.iter().filter(|write| write.insert) {
            let Some((oid, table)) = self.0.iter().find(|(_, table)| table.name == write.table) else {
                continue;
            };
            let at = write.expressions.iter().position(|text| self::tokens(text).contains(&parameter));
            let column = at.and_then(|at| {
                let attribute = i16::try_from(at + 1).ok()?;
                table.columns.iter().position(|column| column.number == attribute)
            });
            if let Some(column) = column {
                return Source::Written(*oid, column);
            }
        }
        let of = if let Kind::Array(of) = kind.kind() { of.oid() } else { kind.oid() };
        for (at, _) in tokens.iter().enumerate().filter(|(_, token)| **token == parameter) {
            match at.checked_sub(1).and_then(|at| tokens.get(at)).map(String::as_str) {
                Some("limit") => return Source::Count("10"),
                Some("offset") => return Source::Count("0"),
                _ => {}
            }
            let Some(name) = compared(tokens, at) else {
                continue;
            };
            let mut found: Vec<(bool, u32, usize)> = Vec::new();
            for oid in subject.wants.keys() {
                let Some(table) = self.0.get(oid) else {
                    continue;
                };
                let at = table.columns.iter().position(|column| column.name == name);
                found.extend(at.map(|at| (table.columns[at].kind != of, *oid, at)));
            }
            found.sort();
            if let Some((_, oid, column)) = found.first() {
                return Source::Compared(*oid, *column);
            }
        }
        Source::Anywhere
    }

    fn value(
        &mut self,
        probe: &mut Probe,
        kind: &Type,
        source: &Source,
        turn: usize,
        fresh: bool,
    ) -> Result<Option<String>> {
        let array = |value: String| match kind.kind() {
            Kind::Array(_) => format!("{{\"{}\"}}", value.replace('\\', "\\\\").replace('"', "\\\"")),
            _ => value,
        };
        let (oid, at) = match source {
            Source::Count(count) => return Ok(Some((*count).to_owned())),
            Source::Anywhere => return Ok(Some(default(kind, turn))),
            Source::Compared(oid, at) => (*oid, *at),
            Source::Written(oid, at) => {
                let column = self.0.get(oid).and_then(|table| table.columns.get(*at));
                match column.and_then(|column| column.refers) {
                    Some((parent, number)) => {
                        let columns = self.0.get(&parent).map(|table| &table.columns);
                        let place = columns.and_then(|all| all.iter().position(|one| one.number == number));
                        place.map_or((*oid, *at), |place| (parent, place))
                    }
                    None if fresh && column.is_some_and(|column| column.unique) => return Ok(Some(new(kind, turn))),
                    None => (*oid, *at),
                }
            }
        };
        let rows = self.rows(probe, oid)?;
        let found = match rows.len() {
            0 => Some(default(kind, turn)),
            n => rows[turn % n].get(at).cloned().flatten().map(array),
        };
        Ok(found)
    }

    fn rows(&mut self, probe: &mut Probe, oid: u32) -> Result<&[Values]> {
        let Some(table) = self.0.get_mut(&oid) else {
            return Ok(&[]);
        };
        if table.rows.is_none() {
            let list: Vec<_> =
                table.columns.iter().map(|column| format!("\"{}\"::text", column.name.replace('"', "\"\""))).collect();
            let list = list.join(", ");
            let sql = if table.kind == "p" {
                // Of each partition, the default one, too.
                format!(
                    "select {list} from (select *, row_number() over (partition by tableoid) as dba_number from {}) sampled where dba_number <= 2 limit 16",
                    table.sql
                )
            } else {
                format!("select {list} from (select *, row_number() over () as dba_number, count(*) over () as dba_count from (select * from {} limit 2000) few) sampled
                    where dba_number in (1, 2, dba_count / 2, dba_count)", table.sql)
            };
            table.rows = Some(probe.tried(|client| texts(client, &sql))?.map(|(_, rows)| rows).unwrap_or_default());
        }
        Ok(table.rows.as_deref().unwrap_or_default())
    }
}

/// Column names and rows of a query, as text.
pub(super) fn texts(
    client: &mut Client,
    sql: &str,
) -> std::result::Result<(Vec<String>, Vec<Values>), postgres::Error> {
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

/// Words, parameters, operators and other signs; words in lower case unless quoted, of `a.b` the last part.
fn tokens(sql: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let chars: Vec<char> = sql.chars().collect();
    let mut at = 0;
    let run = |from: usize, of: &dyn Fn(char) -> bool| chars[from..].iter().take_while(|c| of(**c)).count();
    while at < chars.len() {
        let c = chars[at];
        let length = match c {
            '\'' | '"' => run(at + 1, &|one| one != c) + 2,
            '$' => 1 + run(at + 1, &|one| one.is_ascii_digit()),
            _ if c.is_alphanumeric() || c == '_' => run(at, &|one| one.is_alphanumeric() || one == '_'),
            _ if "<>=~!@#%^&|?*/+-".contains(c) => run(at, &|one| "<>=~!@#%^&|?*/+-".contains(one)),
            _ => 1,
        };
        let text: String = chars[at..(at + length).min(chars.len())].iter().collect();
        at += length;
        match c {
            '"' => found.push(text.trim_matches('"').to_owned()),
            '.' => {
                found.pop();
            }
            _ if c.is_whitespace() => {}
            _ => found.push(text.to_lowercase()),
        }
    }
    found
}

/// The column that the parameter at this place is compared with, or that is set to it.
fn compared(tokens: &[String], at: usize) -> Option<String> {
    const OPERATORS: [&str; 14] =
        ["=", "<>", "!=", "<", ">", "<=", ">=", "like", "ilike", "in", "~", "~*", "between", "@>"];
    let word = |token: &String| token.starts_with(|c: char| c.is_alphabetic() || c == '_').then(|| token.clone());
    let mut back = at;
    while back > 0 {
        back -= 1;
        match tokens[back].as_str() {
            "(" | "any" | "all" | "[" | "array" | "," | "and" => {}
            other if other.starts_with('$') => {}
            other if OPERATORS.contains(&other) => {
                let before = tokens[..back].iter().rev().find(|token| !["not", ")"].contains(&token.as_str()));
                return before.and_then(word);
            }
            _ => break,
        }
    }
    let next = tokens.get(at + 1)?;
    if OPERATORS.contains(&next.as_str()) {
        let after = tokens[at + 2..].iter().find(|token| !["any", "(", "all"].contains(&token.as_str()));
        return after.and_then(word);
    }
    None
}

/// A value that is probably not in use.
fn new(kind: &Type, turn: usize) -> String {
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
        _ => ["x", "1", "UTC", "{}", "day"][turn % 5],
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{compared, tokens};

    #[test]
    fn the_column_that_a_parameter_is_about() {
        for (sql, column) in [
            ("select a from t where t.b = $1", Some("b")),
            ("select a from t where \"Big\" in ($1)", Some("Big")),
            ("update t set c = $1 where d = 4", Some("c")),
            ("select a from t where id = any ($1)", Some("id")),
            ("select a from t where $1 < e", Some("e")),
            ("select f($1)", None),
        ] {
            let tokens = tokens(sql);
            let at = tokens.iter().position(|token| token == "$1").unwrap_or_default();
            assert_eq!(compared(&tokens, at).as_deref(), column, "{sql}: {tokens:?}");
        }
    }
}
