//! What a statement really does: executed in a savepoint that is rolled back, by its role, with values; its rows, what it writes, and the locks it takes.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use postgres::Client;

use super::context::Context;
use super::locks::{self, Held};
use super::probe::{Probe, failure};
use super::report::Failure;
use super::shape::Shape;
use super::values::{Counts, Values, calls, counts, number, sets, texts};
use crate::error::Result;
use crate::session::literal;

/// Rows of larger tables are counted and not compared: that would read the table once for each statement.
const COMPARED_BYTES: i64 = 32 << 20;

/// The SQLSTATE of a statement that was ended because it took too long.
pub(super) const ENDLESS: &str = "57014";

/// The result of executing it once.
#[derive(Debug, Clone, Default)]
pub(super) struct Deed {
    pub(super) failure: Option<Failure>,
    rows: usize,
    /// By column: the sum of hashes, whatever the order of the rows.
    columns: Vec<u64>,
    /// Of whole rows.
    whole: u64,
    writes: BTreeMap<u32, Written>,
    pub(super) locks: Held,
    /// OIDs of functions that were called.
    pub(super) functions: BTreeSet<u32>,
}

impl Deed {
    /// Tables that it wrote to, and whether it put rows there: inserted or updated some.
    pub(super) fn written(&self) -> impl Iterator<Item = (u32, bool)> {
        self.writes.iter().map(|(table, one)| (*table, one.counts[0] + one.counts[1] > 0))
    }
}

/// What was written to a table; to a partition: to the table it is part of.
#[derive(Debug, Clone, Default)]
struct Written {
    table: String,
    /// Inserted, updated, deleted.
    counts: [i64; 3],
    /// Number, name and type of a column; sum of the hashes of what the new rows hold.
    values: Vec<(i16, String, u32, String)>,
}

/// The last transaction of this session so far; asking begins one where there is none.
const MARK: &str = "select greatest(pg_current_xact_id()::text::bigint & 4294967295, max(transactionid::text::bigint)) from pg_locks where pid = pg_backend_pid() and locktype = 'transactionid'";

/// Table, the table that it is a partition of, rows inserted, updated, deleted by this session's transaction, those that were rolled back included.
const COUNTS: &str = "
select c.oid, coalesce(pg_partition_root(c.oid), c.oid)::oid, pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid), pg_stat_get_xact_tuples_deleted(c.oid)
from pg_class c where c.oid >= 16384 and c.relkind in ('r', 'm')
    and pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid) > 0";

/// The same of tables that are locked: whoever writes has a lock, and a schema may have a thousand tables.
const LOCKED: &str = "and c.oid in (select l.relation from pg_locks l where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.mode <> 'AccessShareLock')";

/// SQL that tells SQL: which functions that Postgres didn't bring were called, and how often. Where there are none it asks nothing, for it is asked often.
pub(super) const CALLS: &str = "select case when exists (select from pg_proc where oid >= 16384) then 'select oid, pg_stat_get_xact_function_calls(oid) from pg_proc where oid >= 16384 and pg_stat_get_xact_function_calls(oid) > 0' else 'select' end";

/// SQL that executes a prepared statement with these values.
pub(super) fn call(name: &str, values: &Values) -> String {
    if values.is_empty() {
        return format!("execute {name}");
    }
    let list: Vec<_> = values.iter().map(|value| value.as_deref().map_or("null".into(), literal)).collect();
    format!("execute {name}({})", list.join(", "))
}

/// Executes a prepared statement in the transaction that the probe is in. `become_role` is SQL.
pub(super) fn execute(probe: &mut Probe, context: &Context<'_>, become_role: &str, call: &str) -> Result<Deed> {
    let known = probe.counted.take();
    let done = attempt(&mut probe.client, context, become_role, call, known);
    probe.run("rollback to savepoint deed; release savepoint deed")?;
    match done {
        Ok((deed, counted)) => {
            probe.counted = Some(counted);
            Ok(deed)
        }
        Err(error) => Ok(Deed { failure: Some(failure(error)?), ..Deed::default() }),
    }
}

/// In three round trips, for it is done some twenty times with each statement: what is known before, the statement, what is known after.
fn attempt(
    client: &mut Client,
    context: &Context<'_>,
    become_role: &str,
    call: &str,
    known: Option<Counts>,
) -> std::result::Result<(Deed, Counts), postgres::Error> {
    // One that never ends must not keep us: it is UNKNOWN.
    let unknown = if known.is_none() { COUNTS } else { "select" };
    let before = sets(
        client,
        &format!(
            "savepoint deed; {MARK}; {}; {unknown}; set local statement_timeout = '10s'; {become_role}",
            context.calls
        ),
    )?;
    let set = |sets: &[Vec<Values>], at: usize| sets.get(at).cloned().unwrap_or_default();
    let mark: i64 = set(&before, 1).first().map(|row| number(row, 0)).unwrap_or_default();
    let called = calls(&set(&before, 2));
    let mut written = known.unwrap_or_else(|| counts(&set(&before, 3)));
    let (names, rows) = texts(client, call)?;
    let asking = locks::asking(context.pid);
    let after = sets(
        client,
        &format!("reset role; set constraints all immediate; {asking}; {}; {COUNTS} {LOCKED}", context.calls),
    )?;
    let mut deed = Deed { rows: rows.len(), columns: vec![0; names.len()], ..Deed::default() };
    for row in &rows {
        deed.whole = deed.whole.wrapping_add(hash(row));
        for (sum, value) in deed.columns.iter_mut().zip(row) {
            *sum = sum.wrapping_add(hash(value));
        }
    }
    deed.locks = locks::of_rows(&set(&after, 2), context.map);
    let mut changed: BTreeMap<u32, [i64; 3]> = BTreeMap::new();
    for (table, (root, now)) in counts(&set(&after, 4)) {
        let was = written.insert(table, (root, now)).map_or([0; 3], |(_, was)| was);
        let sum = changed.entry(root).or_default();
        sum.iter_mut().zip(now).zip(was).for_each(|((sum, now), was)| *sum += now - was);
    }
    for (table, counts) in changed.into_iter().filter(|(_, counts)| counts.iter().any(|count| *count != 0)) {
        deed.writes.insert(table, written_to(client, table, counts, mark)?);
    }
    let calls = calls(&set(&after, 3)).into_iter();
    deed.functions = calls.filter(|(oid, n)| called.get(oid).is_none_or(|was| was < n)).map(|(oid, _)| oid).collect();
    Ok((deed, written))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The rows that this savepoint has made: those of a transaction after `mark`.
fn written_to(
    client: &mut Client,
    table: u32,
    counts: [i64; 3],
    mark: i64,
) -> std::result::Result<Written, postgres::Error> {
    let row = client.query_one(
        "select (select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace where c.oid = $1), coalesce((select sum(pg_relation_size(relid)) from pg_partition_tree($1::oid::regclass)), pg_relation_size($1::oid))::bigint",
        &[&table],
    )?;
    let mut written = Written { table: row.get(0), counts, values: Vec::new() };
    if row.get::<_, i64>(1) > COMPARED_BYTES || counts[0] + counts[1] == 0 {
        return Ok(written);
    }
    let columns = client.query(
        "select attnum, attname::text, atttypid from pg_attribute where attrelid = $1 and attnum > 0 and not attisdropped order by 1",
        &[&table],
    )?;
    let sums: Vec<_> = columns
        .iter()
        .map(|row| {
            format!(
                "sum(hashtextextended(coalesce(\"{}\"::text, 'null'), 7)::numeric)",
                row.get::<_, String>(1).replace('"', "\"\"")
            )
        })
        .collect();
    if sums.is_empty() {
        return Ok(written);
    }
    let sql = format!("select {} from {} where xmin::text::bigint > {mark}", sums.join(", "), written.table);
    let (_, rows) = texts(client, &sql)?;
    let sums = rows.into_iter().next().unwrap_or_default();
    written.values = columns
        .iter()
        .zip(sums)
        .map(|(row, sum)| (row.get(0), row.get(1), row.get(2), sum.unwrap_or_default()))
        .collect();
    Ok(written)
}

/// A statement as it was executed before the change: twice, so that what differs from one time to the next (a random number, a sequence) is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    pub(super) values: Values,
    /// One of the values is one that the change names, and that no row is known to have.
    pub(super) made_up: bool,
    pub(super) first: Deed,
    pub(super) second: Deed,
}

impl Sample {
    /// How the statement differs after the change, in words. `shapes`: its columns before and after; `rows`: which rows it returns is decided by its plan
    /// (a LIMIT without an order) and that plan is another.
    pub(super) fn differs(
        &self,
        after: &Deed,
        shapes: (&Shape, &Shape),
        any_rows: bool,
        known: &BTreeSet<u32>,
    ) -> Vec<String> {
        let (first, second) = (&self.first, &self.second);
        let mut words = Vec::new();
        if first.rows == second.rows && first.rows != after.rows {
            words.push(format!("returns {} rows, before the change {}{}", after.rows, first.rows, self.with()));
        } else if !any_rows {
            let columns = first.columns.len().min(after.columns.len());
            let stable = |at: usize| first.columns[at] == second.columns[at] && shapes.0.same(shapes.1, at);
            let other = (0..columns).find(|at| stable(*at) && first.columns[*at] != after.columns[*at]);
            let all = first.columns.len() == after.columns.len() && (0..columns).all(|at| shapes.0.same(shapes.1, at));
            if let Some(at) = other {
                let name = shapes.0.name(at);
                words.push(format!("returns other values in column {} {name}{}", at + 1, self.with()));
            } else if all && first.whole == second.whole && first.whole != after.whole {
                words.push(format!("returns other rows{}", self.with()));
            }
        }
        words.extend(self.writes_other(after, known));
        words
    }

    /// What it writes to one of these tables differs each time (a time stamp), so it can't be compared.
    pub(super) fn varies(&self, tables: &BTreeSet<u32>) -> bool {
        self.first
            .writes
            .iter()
            .filter(|(table, _)| tables.contains(table))
            .any(|(table, one)| self.second.writes.get(table).is_some_and(|again| again.values != one.values))
    }

    /// It writes values that are made up: whether its service ever does isn't known.
    pub(super) fn writes_made_up(&self) -> bool {
        self.made_up && !self.first.writes.is_empty()
    }

    pub(super) fn with(&self) -> String {
        if self.values.is_empty() {
            return String::new();
        }
        let list: Vec<_> = self.values.iter().map(|value| value.as_deref().unwrap_or("null")).collect();
        format!(" (with {})", list.join(", "))
    }

    fn writes_other(&self, after: &Deed, known: &BTreeSet<u32>) -> Vec<String> {
        let mut words = Vec::new();
        let mut matched = BTreeSet::new();
        for (oid, was) in &self.first.writes {
            let Some(again) = self.second.writes.get(oid) else {
                continue;
            };
            let by_name = || after.writes.iter().find(|(_, one)| one.table == was.table);
            let Some((now_oid, now)) = after.writes.get_key_value(oid).or_else(by_name) else {
                words.push(format!("no longer writes to {}{}", was.table, self.with()));
                continue;
            };
            matched.insert(*now_oid);
            if was.counts == again.counts && was.counts != now.counts {
                let [inserted, updated, deleted] = now.counts;
                let [i, u, d] = was.counts;
                words.push(format!(
                    "inserts {inserted}, updates {updated}, deletes {deleted} rows of {}, before the change {i}, {u}, {d}{}",
                    was.table,
                    self.with()
                ));
                continue;
            }
            for (column, second) in was.values.iter().zip(&again.values) {
                let same = |one: &&(i16, String, u32, String)| {
                    one.2 == column.2 && if now_oid == oid { one.0 == column.0 } else { one.1 == column.1 }
                };
                let other = now.values.iter().find(same).is_some_and(|one| one.3 != column.3);
                if column.3 == second.3 && other {
                    words.push(format!("writes another value to column {} of {}{}", column.1, was.table, self.with()));
                }
            }
        }
        // To a table that the change itself makes: a log, say.
        let more = after.writes.iter().filter(|(oid, _)| !matched.contains(*oid) && known.contains(*oid));
        let more = more.filter(|(oid, _)| !self.first.writes.contains_key(*oid));
        words.extend(more.map(|(_, one)| format!("now writes to {}{}", one.table, self.with())));
        words
    }
}
