//! What a statement really does: executed in a savepoint that is rolled back, by its role, with values; its rows, what it writes, and the locks it takes.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;

use super::context::Context;
use super::locks::{self, Held};
use super::probe::{Probe, failure};
use super::report::Failure;
use super::shape::Shape;
use super::values::{Counts, Values, calls, counts, number, sets, texts};
use super::written::{Digest, Written, hash};
use crate::error::Result;
use crate::session::{OWN_PATH, literal};

/// The SQLSTATE of a statement that was ended because it took too long.
pub(super) const ENDLESS: &str = "57014";

/// The result of executing it once.
#[derive(Debug, Clone, Default)]
pub(super) struct Execution {
    pub(super) failure: Option<Failure>,
    rows: usize,
    /// By column.
    columns: Vec<Digest>,
    /// Of whole rows.
    whole: u64,
    writes: BTreeMap<u32, Written>,
    pub(super) locks: Held,
    /// OIDs of functions that were called.
    pub(super) functions: BTreeSet<u32>,
}

impl Execution {
    /// Tables that it wrote to, and whether it inserted, updated, deleted rows.
    pub(super) fn written(&self) -> impl Iterator<Item = (u32, [bool; 3])> {
        self.writes.iter().map(|(table, one)| (*table, one.counts.map(|count| count > 0)))
    }
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
pub(super) fn execute(probe: &mut Probe, context: &Context<'_>, become_role: &str, call: &str) -> Result<Execution> {
    let known = probe.counted.take();
    let done = attempt(&mut probe.client, context, become_role, call, known);
    probe.run("rollback to savepoint executed; release savepoint executed")?;
    match done {
        Ok((execution, counted)) => {
            probe.counted = Some(counted);
            Ok(execution)
        }
        Err(error) => Ok(Execution { failure: Some(failure(error)?), ..Execution::default() }),
    }
}

/// In three round trips, for it is done some twenty times with each statement: what is known before, the statement, what is known after.
fn attempt(
    client: &mut Client,
    context: &Context<'_>,
    become_role: &str,
    call: &str,
    known: Option<Counts>,
) -> std::result::Result<(Execution, Counts), postgres::Error> {
    // One that never ends must not keep us: it is UNKNOWN.
    let unknown = if known.is_none() { COUNTS } else { "select" };
    let before = sets(
        client,
        &format!(
            "savepoint executed; {MARK}; {}; {unknown}; set local statement_timeout = '10s'; {become_role}",
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
        &format!(
            "set constraints all immediate; reset session authorization; reset role; set local search_path = {OWN_PATH}; {asking}; {}; {COUNTS} {LOCKED}",
            context.calls
        ),
    )?;
    let mut execution =
        Execution { rows: rows.len(), columns: vec![Digest::default(); names.len()], ..Execution::default() };
    for row in &rows {
        execution.whole = execution.whole.wrapping_add(hash(row));
        execution.columns.iter_mut().zip(row).for_each(|(column, value)| column.add(value));
    }
    execution.locks = locks::of_rows(&set(&after, 4), context.map);
    let mut changed: BTreeMap<u32, [i64; 3]> = BTreeMap::new();
    for (table, (root, now)) in counts(&set(&after, 6)) {
        let was = written.insert(table, (root, now)).map_or([0; 3], |(_, was)| was);
        let sum = changed.entry(root).or_default();
        sum.iter_mut().zip(now).zip(was).for_each(|((sum, now), was)| *sum += now - was);
    }
    for (table, counts) in changed.into_iter().filter(|(_, counts)| counts.iter().any(|count| *count != 0)) {
        execution.writes.insert(table, Written::read(client, table, counts, mark)?);
    }
    let calls = calls(&set(&after, 5)).into_iter();
    execution.functions =
        calls.filter(|(oid, n)| called.get(oid).is_none_or(|was| was < n)).map(|(oid, _)| oid).collect();
    Ok((execution, written))
}

/// A statement as it was executed before the change: twice, so that what differs from one time to the next (a random number, a sequence) is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    pub(super) values: Values,
    /// One of the values is one that the change names, and that no row is known to have.
    pub(super) made_up: bool,
    pub(super) first: Execution,
    pub(super) second: Execution,
}

impl Sample {
    /// How the statement differs after the change, in words. `shapes`: its columns before and after. `any_rows`: which rows it returns is decided by its plan
    /// (a LIMIT without an order) and that plan is another; then the rows are told apart, second.
    pub(super) fn differs(
        &self,
        after: &Execution,
        shapes: (&Shape, &Shape),
        any_rows: bool,
        known: &BTreeSet<u32>,
    ) -> (Vec<String>, Option<String>) {
        let (first, second) = (&self.first, &self.second);
        let more = first.rows == second.rows && first.rows != after.rows;
        let number = || format!("returns {} rows, before the change {}{}", after.rows, first.rows, self.with());
        let mut words: Vec<_> = more.then(number).into_iter().collect();
        let mut others = if more { None } else { self.other_rows(after, shapes) };
        if !any_rows {
            words.extend(others.take());
        }
        words.extend(self.writes_other(after, known));
        (words, others)
    }

    fn other_rows(&self, after: &Execution, shapes: (&Shape, &Shape)) -> Option<String> {
        let (first, second) = (&self.first, &self.second);
        let columns = first.columns.len().min(after.columns.len());
        let same = |at: &usize| shapes.0.same(shapes.1, *at);
        let differs = |at: &usize| first.columns[*at].differs(&second.columns[*at], &after.columns[*at]);
        if let Some(at) = (0..columns).filter(same).find(differs) {
            return Some(format!("returns other values in column {} {}{}", at + 1, shapes.0.name(at), self.with()));
        }
        let all = first.columns.len() == after.columns.len() && (0..columns).all(|at| same(&at));
        let whole = first.whole == second.whole && first.whole != after.whole;
        (all && whole).then(|| format!("returns other rows{}", self.with()))
    }

    /// What it returns or writes differs each time (a time stamp) or isn't compared, and the change makes or alters what makes it: whether it is as before
    /// can't be seen. `used`: relations that the statement uses.
    pub(super) fn escapes(
        &self,
        makers: &BTreeSet<(u32, String)>,
        guards: &[(u32, String, bool)],
        used: &Held,
    ) -> bool {
        let made = |relation: u32, kind: &str| makers.contains(&(relation, kind.to_owned()));
        let fires = |(table, one): (&u32, &Written)| {
            let events = ["trigger insert", "trigger update", "trigger delete"].iter().zip(one.counts);
            events.filter(|(_, count)| *count > 0).any(|(kind, _)| made(*table, kind))
        };
        let given = |(table, one): (&u32, &Written)| {
            let varying = one.varying(self.second.writes.get(table));
            one.counts[0] > 0 && varying.iter().any(|number| made(*table, &format!("default {number}")))
        };
        let calls = |(oid, name, _): &(u32, String, bool)| {
            name.starts_with("function ") && (self.first.functions.contains(oid) || used.contains_key(oid))
        };
        let shows = self.first.columns.iter().zip(&self.second.columns).any(|(first, second)| first.sum != second.sum);
        let writes =
            || self.first.writes.iter().any(|(table, one)| !one.varying(self.second.writes.get(table)).is_empty());
        let altered = || {
            self.first.writes.iter().any(fires)
                || used.keys().any(|relation| made(*relation, "rule"))
                || guards.iter().any(calls)
        };
        self.first.writes.iter().any(given) || (shows || writes()) && altered()
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

    fn writes_other(&self, after: &Execution, known: &BTreeSet<u32>) -> Vec<String> {
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
            for name in was.other_columns(again, now, now_oid == oid) {
                words.push(format!("writes another value to column {name} of {}{}", was.table, self.with()));
            }
        }
        // To a table that the change itself makes: a log, say.
        let more = after.writes.iter().filter(|(oid, _)| !matched.contains(*oid) && known.contains(*oid));
        let more = more.filter(|(oid, _)| !self.first.writes.contains_key(*oid));
        words.extend(more.map(|(_, one)| format!("now writes to {}{}", one.table, self.with())));
        words
    }
}
