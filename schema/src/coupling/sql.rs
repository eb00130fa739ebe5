//! What is read from a statement's text before Postgres is asked: its first word, and literals that pg_stat_statements replaced.

use super::resolved::Resolved;

/// `interval '1 day'` is counted as `interval $1`, which is no SQL: `$1::interval` is.
pub(crate) fn typed_literals(sql: &str) -> String {
    const TYPES: [&str; 6] = ["interval", "date", "timestamptz", "timestamp", "time", "timetz"];
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        let (before, parameter) = rest.split_at(at);
        let end = 1 + parameter[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(parameter.len() - 1);
        let (parameter, after) = parameter.split_at(end);
        let word_start = before
            .trim_end()
            .rfind(|c: char| !(c.is_alphanumeric() || "_.\"".contains(c)))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = before[word_start..].trim_end();
        let typed = TYPES.iter().find(|kind| word.eq_ignore_ascii_case(kind));
        match typed {
            Some(kind) if parameter.len() > 1 => {
                text.push_str(&before[..word_start]);
                text.push_str(&format!("{parameter}::{kind}"));
            }
            _ => {
                text.push_str(before);
                text.push_str(parameter);
            }
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
fn after_comments(sql: &str) -> &str {
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

/// Statements that a function's body can't contain: those that use no table are resolved, the others unknown.
pub(crate) fn without_tables(sql: &str) -> Option<Resolved> {
    const CONTROL: &str = "begin start commit end rollback abort savepoint release set reset show discard deallocate listen \
        unlisten notify close fetch move checkpoint alter drop grant revoke comment vacuum analyze cluster \
        reindex reassign security";
    const UTILITY: &str = "truncate lock copy refresh call do execute prepare explain declare import";
    let is_in = |words: &str, first: &str| words.split(' ').any(|word| word == first);
    let mut words = after_comments(sql)
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '"' || c == '$'))
        .filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_ascii_lowercase();
    let defines = first == "create" && !fills(words.clone());
    if is_in(UTILITY, &first) || first == "create" && !defines {
        return Some(Resolved {
            unknown: vec![format!("{} is a utility statement", first.to_uppercase())],
            ..Resolved::default()
        });
    }
    if !(first.is_empty() || is_in(CONTROL, &first) || defines) {
        return None;
    }
    let mut done = Resolved { control: true, ..Resolved::default() };
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
        let as_sql = "select now() - $1::interval, x.date, $2 from t where at > $10::date and $3 = date";
        assert_eq!(typed_literals(as_counted), as_sql);
        assert_eq!(typed_literals("select $$ interval $$, 'é' || $1"), "select $$ interval $$, 'é' || $1");
    }

    #[test]
    fn what_touches_no_table_is_known_and_what_may_is_not() {
        let listens = without_tables("/* app */ listen \"Sales\"").unwrap_or_default();
        assert!(listens.control && listens.listens.contains("Sales"));
        let truncates = without_tables("-- tidy\ntruncate sales.orders").unwrap_or_default();
        assert!(!truncates.control && truncates.unknown.len() == 1);
        assert_eq!(without_tables("/* begin */ select 1"), None);
        let defines = |sql: &str| without_tables(sql).unwrap_or_default().control;
        assert!(
            defines("create view a as select 1") && defines("create table a (b int generated always as (1) stored)")
        );
        assert!(
            !defines("create temp table a as select * from b") && !defines("create materialized view a as table b")
        );
        assert_eq!(after_comments("-- only"), "");
    }
}
