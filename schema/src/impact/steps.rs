//! Runs the change and observes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use postgres::Client;

use super::input::{Change, LIVE_LOCK_TIMEOUT, On};
use super::locks::{self, Held, Map};
use super::outside_clone;
use super::probe::{Probe, failure};
use super::report::{Failure, Refused, Scan, Step};
use super::words::first_word;
use crate::error::{Doing, Error, Result};
use crate::session::{OWN_PATH, address, connect_uncounted, identifier, value};
use crate::shell_command::ShellCommand;

/// The result of running it.
#[derive(Debug, Default)]
pub(super) struct Ran {
    pub(super) steps: Vec<Step>,
    pub(super) refused: Option<Refused>,
    /// Every lock, by relation and mode, and for how many milliseconds it was held.
    pub(super) held: BTreeMap<u32, BTreeMap<locks::Mode, f64>>,
    /// Milliseconds from the first statement to the end of the last.
    pub(super) total_ms: f64,
    /// Tables of which it may have written rows itself.
    pub(super) wrote: BTreeSet<u32>,
    /// Tables that a `using` of the change has computed anew.
    pub(super) computed: BTreeSet<u32>,
}

impl Ran {
    /// Notes what is held from `at` (milliseconds since the start) on.
    fn note(&mut self, held: &Held, at: f64) {
        for (relation, modes) in held {
            let known = self.held.entry(*relation).or_default();
            for mode in modes {
                known.entry(*mode).or_insert(at);
            }
        }
    }

    /// From "held since" to "held for": until the end of the transaction, so long as its locks are.
    fn settle(&mut self) {
        for since in self.held.values_mut().flat_map(BTreeMap::values_mut) {
            *since = self.total_ms - *since;
        }
    }
}

/// Runs it in the transaction that the probe is in.
pub(super) fn in_transaction(probe: &mut Probe, change: &Change, map: &Map, on: On, set: &str) -> Result<Ran> {
    let mut ran = Ran::default();
    let pid: i32 = value(&mut probe.client, "select pg_backend_pid()")?;
    let (mut before, counted) = (Held::new(), written(&mut probe.client)?);
    probe.run(set)?;
    if let Some(role) = &change.role {
        probe.run(&format!("set local role {}", identifier(role)))?;
    }
    for sql in &change.statements {
        if on == On::Live {
            let most = LIVE_LOCK_TIMEOUT.as_millis();
            probe.run(&format!("set local lock_timeout = {most}"))?;
        }
        probe.run("set local client_min_messages = debug1")?;
        let (scanned, files) = probe.aside(|client| Ok((scans(client)?, files(client)?)))?;
        probe.said();
        let at = ran.total_ms;
        let started = Instant::now();
        let done = probe.client.execute(sql.as_str(), &[]);
        let ms = started.elapsed().as_secs_f64() * 1e3;
        ran.total_ms += ms;
        let said = probe.said();
        let mut step = step(sql, ms, said);
        if let Err(error) = done {
            let failure = failure(error)?;
            if on == On::Live && failure.sqlstate == "55P03" {
                return Err(Error::Unavailable(format!(
                    "another session holds a lock that the change needs, and it waited {} ms at most; nothing was changed: {sql}",
                    LIVE_LOCK_TIMEOUT.as_millis()
                )));
            }
            ran.refused = Some(Refused { sql: sql.clone(), failure });
            ran.steps.push(step);
            return Ok(ran);
        }
        probe.run("set local client_min_messages = notice")?;
        let (held, is, scans) = probe.aside(|client| {
            let held = locks::held(client, pid, map).doing("reading locks")?;
            Ok((held, locks::relations(client).doing("reading relations")?, scans(client)?))
        })?;
        step.locks = locks::new_locks(&before, &held, map, &is);
        step.rewrites = rewritten(&files, &is);
        ran.computed.extend(computed(sql, &files, &is));
        step.scans = scanned_since(&scanned, &scans, &is);
        ran.note(&held, at);
        if first_word(sql).eq_ignore_ascii_case("truncate") {
            let emptied = held.iter().filter(|(relation, modes)| modes.contains(&8) && !before.contains_key(relation));
            ran.wrote.extend(emptied.map(|(relation, _)| *relation));
        }
        before = held;
        ran.steps.push(step);
    }
    ran.settle();
    // What the change set for itself doesn't concern the statements, or us.
    probe.run(&format!(
        "reset session authorization; reset role; set local search_path = {OWN_PATH}; set local statement_timeout = 0"
    ))?;
    ran.wrote.extend(more(&counted, &written(&mut probe.client)?));
    let most = match on {
        On::Clone => 0,
        On::Live => LIVE_LOCK_TIMEOUT.as_millis(),
    };
    probe.run(&format!("set local lock_timeout = {most}"))?;
    Ok(ran)
}

/// Runs it statement by statement, each committed: on a clone that is thrown away. Locks are those seen from outside while it ran.
pub(super) fn committing(probe: &mut Probe, change: &Change, map: &Map, url: &str, set: &str) -> Result<Ran> {
    let mut ran = Ran::default();
    let pid: i32 = value(&mut probe.client, "select pg_backend_pid()")?;
    let counted = counted(&mut probe.client)?;
    // Between the statements the search path is the change's.
    let mut beside = connect_uncounted(&address(url)?, |_| {}).doing("connecting to see what was committed")?;
    probe.run(set)?;
    if let Some(role) = &change.role {
        probe.run(&format!("set role {}", identifier(role)))?;
    }
    for sql in &change.statements {
        probe.run("set client_min_messages = debug1")?;
        let files = files(&mut beside)?;
        probe.said();
        let (mut done, mut ms, mut seen) = (Ok(Ok(())), 0.0, Ok(Held::new()));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let observer = scope.spawn(|| watch(url, pid, map, &stop));
            let started = Instant::now();
            done = outside_clone::execute(&mut probe.client, sql);
            ms = started.elapsed().as_secs_f64() * 1e3;
            stop.store(true, Ordering::Relaxed);
            seen = observer.join().unwrap_or_else(|_| Err(Error::Unavailable("the observer of locks ended".into())));
        });
        ran.total_ms += ms;
        let said = probe.said();
        let mut step = step(sql, ms, said);
        if let Err(failure) = done? {
            ran.refused = Some(Refused { sql: sql.clone(), failure });
            ran.steps.push(step);
            break;
        }
        probe.run("set client_min_messages = notice")?;
        let (is, held) = (locks::relations(&mut beside).doing("reading relations")?, seen?);
        step.locks = locks::new_locks(&Held::new(), &held, map, &is);
        step.rewrites = rewritten(&files, &is);
        ran.computed.extend(computed(sql, &files, &is));
        for (relation, modes) in held {
            let known = ran.held.entry(relation).or_default();
            modes.into_iter().for_each(|mode| {
                *known.entry(mode).or_default() += ms;
            });
        }
        ran.steps.push(step);
    }
    probe.run(&format!(
        "reset session authorization; reset role; set search_path = {OWN_PATH}; reset statement_timeout; reset lock_timeout"
    ))?;
    ran.wrote = more(&counted, &self::counted(&mut probe.client)?);
    Ok(ran)
}

/// Runs a command that makes the change, in sessions of its own. Whom its locks are in the way of isn't seen.
pub(super) fn by_command(probe: &mut Probe, command: &ShellCommand, url: &str) -> Result<Ran> {
    let (files, counted) = (files(&mut probe.client)?, counted(&mut probe.client)?);
    let started = Instant::now();
    let done = command.run(url)?;
    let ms = started.elapsed().as_secs_f64() * 1e3;
    let mut ran = Ran { total_ms: ms, ..Ran::default() };
    ran.wrote = more(&counted, &self::counted(&mut probe.client)?);
    let mut step = step(&command.shell, ms, Vec::new());
    step.rewrites = rewritten(&files, &locks::relations(&mut probe.client).doing("reading relations")?);
    ran.steps.push(step);
    if let Err(message) = done {
        let failure = Failure { sqlstate: "command".into(), message, detail: None };
        ran.refused = Some(Refused { sql: command.shell.clone(), failure });
    }
    Ok(ran)
}

/// What another session holds, seen until it stops.
fn watch(url: &str, pid: i32, map: &Map, stop: &AtomicBool) -> Result<Held> {
    let mut client = connect_uncounted(&address(url)?, |_| {}).doing("connecting to watch the change")?;
    let mut seen = Held::new();
    while !stop.load(Ordering::Relaxed) {
        for (relation, modes) in locks::held(&mut client, pid, map).doing("reading locks")? {
            seen.entry(relation).or_default().extend(modes);
        }
    }
    Ok(seen)
}

fn step(sql: &str, ms: f64, said: Vec<String>) -> Step {
    Step {
        sql: sql.to_owned(),
        ms: (ms * 1e3).round() / 1e3,
        locks: Vec::new(),
        rewrites: Vec::new(),
        scans: Vec::new(),
        said,
    }
}

/// Relations whose file has changed; a view has none.
fn rewritten(before: &BTreeMap<u32, u32>, is: &Map) -> Vec<String> {
    let mut names: Vec<_> = is
        .iter()
        .filter(|(relation, now)| now.kind != "toast" && before.get(relation).is_some_and(|file| *file != now.file))
        .map(|(_, now)| format!("{} {}", now.kind, now.name))
        .collect();
    names.sort();
    names
}

/// Tables that this statement rewrites, if it says how values are computed.
fn computed(sql: &str, before: &BTreeMap<u32, u32>, is: &Map) -> Vec<u32> {
    let says = sql.split_whitespace().any(|word| word.eq_ignore_ascii_case("using"));
    let new = |(table, file): &(&u32, &u32)| says && is.get(*table).is_some_and(|now| now.file != **file);
    before.iter().filter(new).map(|(table, _)| *table).collect()
}

fn files(client: &mut Client) -> Result<BTreeMap<u32, u32>> {
    let map = locks::relations(client).doing("reading relations")?;
    Ok(map.into_iter().map(|(relation, one)| (relation, one.file)).collect())
}

/// Rows written to tables; those of a partition count for the table that it is part of, too.
const WRITTEN: &str = "
select t, sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint from pg_stat_%s_tables, unnest(array[relid, pg_partition_root(relid)]) t where t is not null group by 1";

/// How many rows of each table this transaction has written.
fn written(client: &mut Client) -> Result<BTreeMap<u32, i64>> {
    let rows = client.query(&WRITTEN.replace("%s", "xact_user"), &[]).doing("reading what was written")?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Tables of which more was written; one that is new counts from nothing.
fn more(was: &BTreeMap<u32, i64>, now: &BTreeMap<u32, i64>) -> BTreeSet<u32> {
    let of = |table: &u32| was.get(table).copied().unwrap_or(0);
    now.iter().filter(|(table, rows)| **rows > of(table)).map(|(table, _)| *table).collect()
}

/// How many rows of each table were ever written. A session that has ended has told all of it. In no transaction.
fn counted(client: &mut Client) -> Result<BTreeMap<u32, i64>> {
    // What this session has written itself must be told, too, before it is compared.
    for sql in ["select pg_stat_force_next_flush()", "select pg_stat_clear_snapshot()"] {
        client.batch_execute(sql).doing("reading what was written")?;
    }
    let rows = client.query(&WRITTEN.replace("%s", "user"), &[]).doing("reading what was written")?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Rows read of each table by this transaction.
fn scans(client: &mut Client) -> Result<BTreeMap<u32, i64>> {
    let sql = "select relid, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables";
    let rows = client.query(sql, &[]).doing("reading what was scanned")?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn scanned_since(before: &BTreeMap<u32, i64>, after: &BTreeMap<u32, i64>, is: &Map) -> Vec<Scan> {
    let read = |relation: &u32, rows: &i64| rows - before.get(relation).copied().unwrap_or(0);
    after
        .iter()
        .filter(|(relation, rows)| read(relation, rows) > 0)
        .filter_map(|(relation, rows)| Some(Scan { table: is.get(relation)?.name.clone(), rows: read(relation, rows) }))
        .collect()
}
