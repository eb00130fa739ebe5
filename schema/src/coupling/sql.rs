//! What is read from a statement's text before Postgres is asked: its first word, and literals that pg_stat_statements replaced.

use super::resolved::Resolved;

/// Types whose name may stand before a literal.
const TYPES: [&str; 40] = [
    "interval",
    "date",
    "timestamptz",
    "timestamp",
    "time",
    "timetz",
    "timestamp with time zone",
    "timestamp without time zone",
    "time with time zone",
    "time without time zone",
    "box",
    "point",
    "line",
    "lseg",
    "path",
    "polygon",
    "circle",
    "inet",
    "cidr",
    "macaddr",
    "uuid",
    "json",
    "jsonb",
    "xml",
    "bytea",
    "numeric",
    "text",
    "name",
    "money",
    "bool",
    "boolean",
    "int4range",
    "int8range",
    "numrange",
    "daterange",
    "tsrange",
    "tstzrange",
    "regclass",
    "regconfig",
    "tsquery",
];

/// The type's name that a text ends with, and where it begins: `timestamp with time zone`, `interval(3)`.
fn typed(before: &str) -> Option<(usize, &str)> {
    let text = before.trim_end();
    let name = match text.strip_suffix(')') {
        Some(open) => {
            let (name, digits) = open.rsplit_once('(')?;
            digits.trim().parse::<u8>().ok()?;
            name.trim_end()
        }
        None => text,
    };
    let lower = name.to_ascii_lowercase();
    let ends = |kind: &&&str| {
        let start = lower.strip_suffix(**kind);
        start.is_some_and(|start| !start.ends_with(|c: char| c.is_alphanumeric() || "_.\"".contains(c)))
    };
    let kind = TYPES.iter().filter(ends).max_by_key(|kind| kind.len())?;
    // `at time zone $1` ends with no type's name; `as date $1` is none of ours to judge.
    let start = name.len() - kind.len();
    Some((start, &text[start..]))
}

/// `interval '1 day'` is counted as `interval $1`, which is no SQL: `$1::interval` is. So with `extract(day from …)`.
pub(crate) fn typed_literals(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        let (before, parameter) = rest.split_at(at);
        let end = 1 + parameter[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(parameter.len() - 1);
        let (parameter, mut after) = parameter.split_at(end);
        let lower = before.to_ascii_lowercase();
        let field = after.trim_start().get(..5).filter(|word| word.eq_ignore_ascii_case("from "));
        match typed(before) {
            _ if parameter.len() == 1 => text.push_str(&format!("{before}{parameter}")),
            Some((start, kind)) => text.push_str(&format!("{}{parameter}::{kind}", &before[..start])),
            None if field.is_some() && lower.ends_with("extract(") => {
                let start = before.len() - "extract(".len();
                text.push_str(&format!("{}pg_catalog.extract({parameter},", &before[..start]));
                after = &after.trim_start()[4..];
            }
            None => text.push_str(&format!("{before}{parameter}")),
        }
        rest = after;
    }
    text + rest
}

/// `create table … as` and materialised views read what they are filled with.
fn fills<'a>(mut words: impl Iterator<Item = &'a str> + Clone) -> bool {
    const TABLE: [&str; 5] = ["table", "temp", "temporary", "unlogged", "materialized"];
    let what = words.next().unwrap_or_default().to_ascii_lowercase();
    let mut two = words.clone().zip(words.skip(1));
    let starts =
        |word: &str| ["select", "table", "values", "with", "execute"].contains(&word.to_ascii_lowercase().as_str());
    TABLE.contains(&what.as_str()) && two.any(|(a, b)| a.eq_ignore_ascii_case("as") && starts(b))
}

/// Without the comments that many clients put first to say where a statement comes from.
pub(crate) fn after_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let end = if rest.starts_with("--") {
            rest.find('\n')
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|at| at + 1)
        } else {
            return rest;
        };
        rest = end.map_or("", |at| rest[at + 1..].trim_start());
    }
}

/// What changes definitions, or maintains tables.
const DEFINES: &str = "alter drop grant revoke comment vacuum analyze cluster reindex reassign security";

fn is_in(words: &str, first: &str) -> bool {
    words.split(' ').any(|word| word == first)
}

/// Statements that a function's body can't contain: those that use no table are resolved, the others unknown.
pub(crate) fn without_tables(sql: &str) -> Option<Resolved> {
    const CONTROL: &str = "begin start commit end rollback abort savepoint release set reset show discard deallocate listen \
        unlisten notify close fetch move checkpoint";
    const UTILITY: &str = "truncate lock copy refresh call do execute prepare explain declare import";
    let mut words = after_comments(sql)
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '"' || c == '$'))
        .filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_ascii_lowercase();
    let defines = is_in(DEFINES, &first) || first == "create" && !fills(words.clone());
    if is_in(UTILITY, &first) || first == "create" && !defines {
        return Some(Resolved {
            unknown: vec![format!("{} is a utility statement", first.to_uppercase())],
            ..Resolved::default()
        });
    }
    if !(first.is_empty() || is_in(CONTROL, &first) || defines) {
        return None;
    }
    let mut done = Resolved { control: true, defines, ..Resolved::default() };
    let channel = words.next().map(|name| match name.strip_prefix('"') {
        Some(name) => name.trim_end_matches('"').to_owned(),
        None => name.to_ascii_lowercase(),
    });
    match first.as_str() {
        "listen" => done.listens.extend(channel),
        "notify" => done.notifies.extend(channel),
        _ => {}
    }
    Some(done)
}

#[cfg(test)]
mod tests {
    use super::{after_comments, typed_literals, without_tables};

    #[test]
    fn literals_of_a_type_become_casts() {
        let as_counted = "select now() - Interval $1, x.date, $2 from t where at > date $10 and $3 = date";
        let as_sql = "select now() - $1::Interval, x.date, $2 from t where at > $10::date and $3 = date";
        assert_eq!(typed_literals(as_counted), as_sql);
        assert_eq!(typed_literals("select $$ interval $$, 'é' || $1"), "select $$ interval $$, 'é' || $1");
        let as_counted = "select extract($1 from a), b at time zone $2 from t where a > timestamp with time zone $3 and a > timestamptz(3) $4 and i < interval $5 day and c <@ box $6 and my_date $7";
        let as_sql = "select pg_catalog.extract($1, a), b at time zone $2 from t where a > $3::timestamp with time zone and a > $4::timestamptz(3) and i < $5::interval day and c <@ $6::box and my_date $7";
        assert_eq!(typed_literals(as_counted), as_sql);
    }

    #[test]
    fn what_touches_no_table_is_known_and_what_may_is_not() {
        let listens = without_tables("/* app */ listen \"Sales\"").unwrap_or_default();
        assert!(listens.control && listens.listens.contains("Sales"));
        let truncates = without_tables("-- tidy\ntruncate sales.orders").unwrap_or_default();
        assert!(!truncates.control && truncates.unknown.len() == 1);
        assert_eq!(without_tables("/* begin */ select 1"), None);
        let defines = |sql: &str| without_tables(sql).unwrap_or_default().defines;
        assert!(
            defines("create view a as select 1") && defines("create table a (b int generated always as (1) stored)")
        );
        assert!(defines("alter table a add b int") && !defines("set a = 1"));
        assert!(
            !defines("create temp table a as select * from b") && !defines("create materialized view a as table b")
        );
        assert_eq!(after_comments("-- only"), "");
    }
}
