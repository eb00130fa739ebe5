//! A sample of a database's rows: so many of each table, and with each row those that its foreign keys refer to.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use postgres::{Client, Row};

use crate::error::{Doing, Error, Result};
use crate::session::{Session, literal};

/// Tables of which rows are missing: how many there are in the sample, and about how many in all.
pub type Partial = BTreeMap<String, (u64, u64)>;

/// Keys that are asked for at once.
const TOGETHER: usize = 500;

/// Tables with rows of their own, that no extension brings: name, as SQL writes it; columns; estimated rows; the tables that it is a partition of.
const TABLES: &str = "
select format('%s.%s', quote_ident(n.nspname), quote_ident(c.relname)), (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
    where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''), c.reltuples::float8,
    array(select format('%s.%s', quote_ident(m.nspname), quote_ident(r.relname)) from pg_partition_ancestors(c.oid) a join pg_class r on r.oid = a.relid
        join pg_namespace m on m.oid = r.relnamespace where c.relispartition)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.oid >= 16384 and c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema')
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') order by 1";

/// Foreign keys: child, parent, each as `from` takes it; columns of both; types of the parent's; columns to copy of the parent; operators that compare
/// the parent's column with the child's.
const KEYS: &str = "
select concat(case a.relkind when 'r' then 'only ' end, format('%s.%s', quote_ident(an.nspname), quote_ident(a.relname))),
    concat(case b.relkind when 'r' then 'only ' end, format('%s.%s', quote_ident(bn.nspname), quote_ident(b.relname))),
    array(select quote_ident(attname) from unnest(k.conkey) with ordinality c(number, at) join pg_attribute on attrelid = k.conrelid and attnum = number order by at),
    array(select quote_ident(attname) from unnest(k.confkey) with ordinality c(number, at) join pg_attribute on attrelid = k.confrelid and attnum = number order by at),
    array(select format_type(atttypid, atttypmod) from unnest(k.confkey) with ordinality c(number, at) join pg_attribute on attrelid = k.confrelid and attnum = number order by at),
    (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute where attrelid = b.oid and attnum > 0 and not attisdropped and attgenerated = ''),
    array(select format('operator(%I.%s)', s.nspname, o.oprname) from unnest(k.conpfeqop) with ordinality c(number, at) join pg_operator o on o.oid = number
        join pg_namespace s on s.oid = o.oprnamespace order by at)
from pg_constraint k join pg_class a on a.oid = k.conrelid join pg_namespace an on an.oid = a.relnamespace join pg_class b on b.oid = k.confrelid
join pg_namespace bn on bn.oid = b.relnamespace where k.contype = 'f' and k.conparentid = 0 and a.oid >= 16384 order by k.oid";

const SEQUENCES: &str = "
select format('%s.%s', quote_ident(n.nspname), quote_ident(c.relname)) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'S' and c.oid >= 16384";

/// Materialized views that hold rows.
const POPULATED: &str = "
select format('%s.%s', quote_ident(n.nspname), quote_ident(c.relname)) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and c.relispopulated and c.oid >= 16384 order by c.oid";

const DOING: &str = "copying a sample of rows";

/// A session that sees one state of the database and can't change it, and the snapshot's name for others.
pub(super) fn snapshot(url: &str) -> Result<(Session, String)> {
    let mut source = Session::connect_uncounted(url)?;
    source.run("begin isolation level repeatable read read only", "beginning a snapshot")?;
    let snapshot = source.value("select pg_export_snapshot()")?;
    Ok((source, snapshot))
}

/// Copies at most `rows` rows of each table, and all that these refer to, into tables that are there and have no keys yet.
pub(super) fn rows(source: &mut Session, target: &mut Session, rows: u64) -> Result<Partial> {
    let (source, target) = (&mut source.client, &mut target.client);
    let mut copied = Vec::new();
    for row in source.query(TABLES, &[]).doing(DOING)? {
        let (name, columns, about): (String, Option<String>, f64) = (row.get(0), row.get(1), row.get(2));
        let Some(columns) = columns else { continue };
        let more = format!("select count(*) from (select from only {name} limit {rows} + 1) few");
        let has: i64 = source.query_one(&more, &[]).doing(DOING)?.get(0);
        let whole = u64::try_from(has).unwrap_or_default() <= rows;
        let from = format!("select {columns} from only {name}");
        // From all over the table where it is known to be much larger; its first rows where that finds none.
        let part = 200.0 * rows as f64 / about.max(1.0);
        let mut done = 0;
        if !whole && part < 100.0 {
            done = copy(
                source,
                target,
                &format!("{from} tablesample system ({part}) repeatable (7) limit {rows}"),
                (&name, &columns),
            )?;
        }
        if done == 0 {
            copy(source, target, &format!("{from} limit {rows}"), (&name, &columns))?;
        }
        if !whole {
            copied.push((name, about, row.get::<_, Vec<String>>(3)));
        }
    }
    parents(source, target)?;
    let mut partial = Partial::new();
    for (name, about, above) in copied {
        let held: i64 = target.query_one(&format!("select count(*) from only {name}"), &[]).doing(DOING)?.get(0);
        let held = u64::try_from(held).unwrap_or_default();
        for table in above.into_iter().chain([name]) {
            let sum = partial.entry(table).or_default();
            *sum = (sum.0 + held, sum.1 + (about.max(0.0) as u64).max(held));
        }
    }
    Ok(partial)
}

/// Rows that a query of one session returns, into a table of the other.
fn copy(source: &mut Client, target: &mut Client, query: &str, (table, columns): (&str, &str)) -> Result<u64> {
    let mut from = source.copy_out(&format!("copy ({query}) to stdout")).doing(DOING)?;
    let mut to = target.copy_in(&format!("copy {table} ({columns}) from stdin")).doing(DOING)?;
    io::copy(&mut from, &mut to).map_err(|error| Error::Unavailable(format!("{DOING}: {error}")))?;
    to.finish().doing(DOING)
}

/// Until no row refers to one that is missing: keys may lead around in circles.
fn parents(source: &mut Client, target: &mut Client) -> Result<()> {
    let keys: Vec<Key> = source.query(KEYS, &[]).doing(DOING)?.iter().map(Key::of).collect();
    // A key that isn't validated may refer to nothing.
    let mut asked: Vec<BTreeSet<Vec<String>>> = vec![BTreeSet::new(); keys.len()];
    loop {
        let mut more = false;
        for (key, asked) in keys.iter().zip(&mut asked) {
            let missing: Vec<_> = key.missing(target)?.into_iter().filter(|one| asked.insert(one.clone())).collect();
            for some in missing.chunks(TOGETHER) {
                more = true;
                copy(source, target, &key.parents(some), (key.parent.trim_start_matches("only "), &key.copied))?;
            }
        }
        if !more {
            return Ok(());
        }
    }
}

struct Key {
    child: String,
    parent: String,
    columns: Vec<Column>,
    copied: String,
}

/// One of a key.
struct Column {
    child: String,
    parent: String,
    /// Of the parent's.
    kind: String,
    /// The key's own: equal by any other may be what isn't equal for it.
    operator: String,
}

impl Key {
    fn of(row: &Row) -> Self {
        let [of_child, of_parent, types, operators] = [2, 3, 4, 6].map(|at| row.get::<_, Vec<String>>(at));
        let all = of_child.into_iter().zip(of_parent).zip(types).zip(operators);
        let columns = all.map(|(((child, parent), kind), operator)| Column { child, parent, kind, operator });
        Self { child: row.get(0), parent: row.get(1), columns: columns.collect(), copied: row.get(5) }
    }

    /// What rows of the sample refer to and it doesn't have.
    fn missing(&self, target: &mut Client) -> Result<Vec<Vec<String>>> {
        let list = |of: &dyn Fn(&Column) -> String, between: &str| {
            self.columns.iter().map(of).collect::<Vec<_>>().join(between)
        };
        let sql = format!(
            "select distinct array[{}] from {} c where {} and not exists (select from {} p where {})",
            list(&|of| format!("c.{}::text", of.child), ", "),
            self.child,
            list(&|of| format!("c.{} is not null", of.child), " and "),
            self.parent,
            list(&|of| format!("p.{} {} c.{}", of.parent, of.operator, of.child), " and ")
        );
        Ok(target.query(&sql, &[]).doing(DOING)?.iter().map(|row| row.get(0)).collect())
    }

    /// The query for these rows of the parent.
    fn parents(&self, keys: &[Vec<String>]) -> String {
        let row = |key: &Vec<String>| {
            let columns = key.iter().zip(&self.columns);
            let equal =
                columns.map(|(value, of)| format!("{} {} {}::{}", of.parent, of.operator, literal(value), of.kind));
            format!("({})", equal.collect::<Vec<_>>().join(" and "))
        };
        let rows: Vec<_> = keys.iter().map(row).collect();
        format!("select {} from {} where {}", self.copied, self.parent, rows.join(" or "))
    }
}

/// What is done once the keys and indexes are there: sequences as they are, materialized views of the sample, statistics.
pub(super) fn finish(source: &mut Session, target: &mut Session) -> Result<()> {
    for sequence in source.texts(SEQUENCES)? {
        let set = format!(
            "select format('select setval(%L, %s, %L)', {}, last_value, is_called) from {sequence}",
            literal(&sequence)
        );
        let set: String = source.value(&set)?;
        target.run(&set, DOING)?;
    }
    let mut left = source.texts(POPULATED)?;
    // Nothing of ours is asked here any more, and functions of views and indexes may need the usual search path.
    target.run("reset search_path", DOING)?;
    // One may read another.
    while !left.is_empty() {
        let had = left.len();
        left.retain(|view| target.run(&format!("refresh materialized view {view}"), DOING).is_err());
        if left.len() == had {
            return Err(Error::Unavailable(format!("{DOING}: {} can't be filled from a sample", left.join(", "))));
        }
    }
    target.run("analyze", "analysing the copy")
}
