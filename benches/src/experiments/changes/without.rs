//! The same database without published views: readers hold rights on the tables, and their statements spell out what a view would have said for them.
//!
//! A statement is rewritten as a careful person would have written it: each view's name becomes the view's own query, with only those of its columns
//! that the statement names.

use std::collections::BTreeMap;

use postgres::Client;

use crate::Failure;
use crate::data::failed;

/// A published view.
#[derive(Clone, Debug)]
pub struct View {
    /// Names of its columns.
    columns: Vec<String>,
    /// Its query: for each part of a union the expressions, in the order of the columns, and what follows them.
    arms: Vec<(Vec<String>, String)>,
}

/// All published views, by name.
pub fn views(client: &mut Client) -> Result<BTreeMap<String, View>, Failure> {
    let rows = client
        .query(
            "select c.relname::text, pg_get_viewdef(c.oid),
                 array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 order by a.attnum)
             from pg_class c where c.relnamespace = 'published'::regnamespace and c.relkind = 'v'",
            &[],
        )
        .map_err(|error| failed("reading the views", &error))?;
    Ok(rows
        .iter()
        .map(|row| {
            let definition: String = row.get(1);
            (row.get(0), View { columns: row.get(2), arms: arms(&definition) })
        })
        .collect())
}

/// Gives every reader of a view the right to read the tables below it, and drops the views.
pub fn drop_views(client: &mut Client) -> Result<(), Failure> {
    client
        .batch_execute(
            "do $$ declare r record; begin
                 for r in select distinct t.oid::regclass as below, n.nspname, g.grantee::regrole as reader
                     from pg_class v
                     cross join lateral aclexplode(v.relacl) g
                     join pg_rewrite w on w.ev_class = v.oid
                     join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> v.oid
                     join pg_class t on t.oid = d.refobjid
                     join pg_namespace n on n.oid = t.relnamespace
                     where v.relnamespace = 'published'::regnamespace and v.relkind = 'v' and g.grantee <> v.relowner
                 loop
                     execute format('grant usage on schema %I to %s; grant select on %s to %s', r.nspname, r.reader, r.below, r.reader);
                 end loop;
                 for r in select oid::regclass as name from pg_class where relnamespace = 'published'::regnamespace and relkind = 'v' loop
                     execute format('drop view %s', r.name);
                 end loop;
             end $$",
        )
        .map_err(|error| failed("taking the views away", &error))
}

/// The statement with every view's name replaced.
pub fn rewrite(sql: &str, views: &BTreeMap<String, View>) -> String {
    let mut out = String::new();
    let mut rest = sql;
    while let Some((at, length, name)) = next_view(rest) {
        let after = &rest[at + length..];
        out.push_str(&rest[..at]);
        match views.get(name) {
            None => out.push_str(&rest[at..at + length]),
            // A column of it: the subquery below has the view's name.
            Some(_) if after.starts_with('.') => out.push_str(&format!("\"{name}\"")),
            Some(view) => {
                out.push_str(&view.subquery(sql));
                if !named(after) {
                    out.push_str(&format!(" as \"{name}\""));
                }
            }
        }
        rest = after;
    }
    out + rest
}

/// Where the next `published.name` or `"published"."name"` begins, its length, and the name.
fn next_view(sql: &str) -> Option<(usize, usize, &str)> {
    let (at, quoted) = [("\"published\".\"", true), ("published.", false)]
        .into_iter()
        .filter_map(|(text, quoted)| Some((sql.find(text)?, quoted)))
        .min()?;
    let start = at + if quoted { "\"published\".\"".len() } else { "published.".len() };
    let tail = sql.get(start..)?;
    let end = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len());
    Some((at, start - at + end + usize::from(quoted), &tail[..end]))
}

/// Does a name of its own follow?
fn named(after: &str) -> bool {
    const KEYWORDS: [&str; 19] = [
        "on",
        "where",
        "join",
        "left",
        "right",
        "inner",
        "full",
        "cross",
        "natural",
        "group",
        "order",
        "limit",
        "offset",
        "union",
        "for",
        "using",
        "returning",
        "having",
        "except",
    ];
    let word: String =
        after.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || ['_', '"'].contains(c)).collect();
    !word.is_empty() && !KEYWORDS.contains(&word.to_ascii_lowercase().as_str())
}

impl View {
    /// `(select … )`, with the columns that `sql` names.
    fn subquery(&self, sql: &str) -> String {
        let used: Vec<usize> = (0..self.columns.len()).filter(|index| names(sql, &self.columns[*index])).collect();
        let arm = |(expressions, rest): &(Vec<String>, String)| {
            let mut list: Vec<String> = used
                .iter()
                .filter_map(|index| Some(format!("{} as \"{}\"", expressions.get(*index)?, self.columns[*index])))
                .collect();
            if list.is_empty() {
                list.push("1 as nothing".to_owned());
            }
            format!("select {} {rest}", list.join(", "))
        };
        format!("({})", self.arms.iter().map(arm).collect::<Vec<_>>().join(" union all "))
    }
}

/// Does the text hold this word?
fn names(sql: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    sql.match_indices(word).any(|(at, _)| !sql[..at].ends_with(part) && !sql[at + word.len()..].starts_with(part))
}

/// The parts of a view's query, as Postgres prints it.
fn arms(definition: &str) -> Vec<(Vec<String>, String)> {
    definition.trim().trim_end_matches(';').split("UNION ALL").map(arm).collect()
}

fn arm(text: &str) -> (Vec<String>, String) {
    let text = text.trim();
    let body = text.strip_prefix("SELECT").unwrap_or(text);
    let (mut depth, mut quoted, mut start) = (0_usize, false, 0);
    let mut expressions = Vec::new();
    let mut end = body.len();
    for (at, c) in body.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                expressions.push(plain(&body[start..at]));
                start = at + 1;
            }
            'F' if depth == 0 && body[at..].starts_with("FROM ") => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    expressions.push(plain(&body[start..end]));
    (expressions, body[end..].trim().to_owned())
}

/// Without its own name.
fn plain(expression: &str) -> String {
    let expression = expression.trim();
    expression.rsplit_once(" AS ").map_or(expression, |(before, _)| before).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn persons() -> BTreeMap<String, View> {
        let view = View {
            columns: ["organisation_id", "id", "name", "kind"].map(str::to_owned).to_vec(),
            arms: arms(
                " SELECT p.organisation_id,\n    p.id,\n    lower(p.a, ', '::text) AS name,\n    'api, x'::text AS kind\n   FROM profile.profiles p\n  WHERE (p.deleted_at IS NULL)\n\
                 UNION ALL\n SELECT q.o, q.i, q.n, 'd'::text AS kind\n   FROM q;",
            ),
        };
        BTreeMap::from([("persons".to_owned(), view)])
    }

    #[test]
    fn a_view_becomes_its_query_with_the_columns_that_are_named() {
        let rewritten = rewrite("select p.name from published.persons p where p.id = $1", &persons());
        assert_eq!(
            rewritten,
            "select p.name from (select p.id as \"id\", lower(p.a, ', '::text) as \"name\" FROM profile.profiles p\n  WHERE (p.deleted_at IS NULL) \
             union all select q.i as \"id\", q.n as \"name\" FROM q) p where p.id = $1"
        );
    }

    #[test]
    fn a_name_of_its_own_is_kept_or_given() {
        let sql = "SELECT \"published\".\"persons\".\"id\" FROM \"published\".\"persons\" WHERE \"published\".\"persons\".\"id\" = $1";
        let rewritten = rewrite(sql, &persons());
        assert!(rewritten.starts_with("SELECT \"persons\".\"id\" FROM (select "), "{rewritten}");
        assert!(rewritten.ends_with(") as \"persons\" WHERE \"persons\".\"id\" = $1"), "{rewritten}");
        assert!(rewrite("exists (select 1 from published.persons)", &persons()).ends_with("FROM q) as \"persons\")"));
        assert_eq!(rewrite("select * from published.unknown", &persons()), "select * from published.unknown");
    }
}
