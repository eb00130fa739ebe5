//! The queue behind a change that waits: measured on the clone, with statements of every service arriving at a given rate.
//!
//! A transaction has read (or written) what the change must lock, and stays open. The change waits for it, at most its lock_timeout; statements whose
//! locks conflict with those of the change wait behind it. Who waits is read from pg_locks, not concluded from durations.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use postgres::Client;

use super::input::{Change, QueueOptions};
use super::probe::{Settings, becoming};
use super::report::{Impact, Queue, Waited};
use super::subject::Subject;
use crate::error::{Doing, Error, Result};
use crate::session::{address, connect_uncounted, identifier, value};

/// Sessions of all services: so many statements can wait in the server at once. What arrives while all of a service's sessions wait, waits for one of them, as
/// in a service's pool: its time counts from when it was due.
const SESSIONS: usize = 48;

/// An arrival that no session took within this time after it was due is late.
const LATE: Duration = Duration::from_millis(20);

/// Between two readings of pg_locks.
const LOOK: Duration = Duration::from_millis(3);

/// One statement that arrived.
struct Arrival {
    pid: i32,
    due: Instant,
    ended: Instant,
    failed: bool,
}

/// Who was seen waiting, and when.
type Seen = Mutex<Vec<(i32, Instant)>>;

pub(super) fn measure(
    url: &str,
    change: &Change,
    subjects: &[Subject<'_>],
    settings: &BTreeMap<String, Settings>,
    impact: &Impact,
    options: QueueOptions,
) -> Result<Queue> {
    let holds = holds(impact);
    let mut services: BTreeMap<&str, Vec<&Subject<'_>>> = BTreeMap::new();
    for subject in subjects {
        services.entry(&subject.service).or_default().push(subject);
    }
    let (mut holder, mut changing) = (connect(url)?, connect(url)?);
    let changer: i32 = changing.query_one("select pg_backend_pid()", &[]).doing("asking for a process id")?.get(0);
    let (seen, stop) = (Seen::default(), AtomicBool::new(false));
    let arrived: Mutex<BTreeMap<&str, Vec<Arrival>>> = Mutex::default();
    let mut workers = Vec::new();
    let most = sessions(&mut holder, services.len())?;
    let next: BTreeMap<&str, AtomicU32> = services.keys().map(|service| (*service, AtomicU32::new(0))).collect();
    let wanted = (options.rate * options.hold.as_secs_f64()).ceil() as usize + 1;
    for (service, of) in &services {
        for _ in 0..most.min(wanted).max(1) {
            workers.push((*service, of, connect(url)?));
        }
    }
    let mut observer = connect(url)?;
    let begin = format!("begin; {}", holds.iter().map(|(sql, _)| sql.as_str()).collect::<String>());
    holder.batch_execute(&begin).doing("holding what the change must lock")?;
    let start = Instant::now();
    let mut gave_up = Ok(false);
    std::thread::scope(|scope| {
        scope.spawn(|| watch(&mut observer, &seen, &stop));
        let change = scope.spawn(|| run_change(&mut changing, change, options));
        for (service, of, mut client) in workers {
            let (arrived, stop, next) = (&arrived, &stop, &next);
            scope.spawn(move || {
                let gap = Duration::from_secs_f64(1.0 / options.rate.max(0.1));
                let Some(next) = next.get(service) else {
                    return;
                };
                let list = work(&mut client, of, settings, (start, gap, next), stop);
                let mut all = arrived.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                all.entry(service).or_default().extend(list);
            });
        }
        std::thread::sleep(options.hold.saturating_sub(start.elapsed()));
        // Ends the transaction, and with it the change's wait.
        let ended = holder.batch_execute("rollback").doing("ending the holder's transaction");
        gave_up = change.join().unwrap_or_else(|_| Err(Error::Unavailable("the change's session ended".into())));
        gave_up = ended.and(std::mem::replace(&mut gave_up, Ok(false)));
        stop.store(true, Ordering::Relaxed);
    });
    let seen = seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let arrived = arrived.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let waits: Vec<_> = seen.iter().filter(|(pid, _)| *pid == changer).map(|(_, at)| *at).collect();
    let waited = waits.first().zip(waits.last()).map_or(Duration::ZERO, |(first, last)| *last - *first);
    Ok(Queue {
        held: holds.into_iter().map(|(_, words)| words).collect(),
        hold_ms: millis(options.hold),
        change_waited_ms: millis(waited),
        gave_up: gave_up?,
        services: arrived.into_iter().map(|(service, list)| summary(service, &list, &seen)).collect(),
    })
}

/// Sessions for each service, of those that the server has left.
fn sessions(client: &mut Client, services: usize) -> Result<usize> {
    let free: i64 = value(
        client,
        "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*) from pg_stat_activity where backend_type = 'client backend'",
    )?;
    // Some are left to others.
    Ok(usize::try_from(free / 2).unwrap_or(0).clamp(services, SESSIONS.max(services)) / services.max(1))
}

fn connect(url: &str) -> Result<Client> {
    let name = |config: &mut postgres::Config| {
        config.application_name("dba impact");
    };
    connect_uncounted(&address(url)?, name).doing("connecting to measure the queue")
}

/// What must be held for the change to wait: the weakest locks that conflict with its own. SQL, and words.
fn holds(impact: &Impact) -> Vec<(String, String)> {
    let locks = impact.steps.iter().flat_map(|step| &step.locks);
    let mut holds = Vec::new();
    for lock in locks {
        let (table, view) = (lock.kind == "table", lock.kind.ends_with("view"));
        let (sql, mode) = match lock.mode.as_str() {
            "AccessExclusiveLock" if table => {
                (format!("lock table only {} in access share mode;", lock.object), "read")
            }
            "AccessExclusiveLock" if view => (format!("select from {} limit 0;", lock.object), "read"),
            "ShareLock" | "ShareRowExclusiveLock" | "ExclusiveLock" if table => {
                (format!("lock table only {} in row exclusive mode;", lock.object), "written")
            }
            _ => continue,
        };
        holds.push((sql, format!("{} {mode}", lock.object)));
    }
    holds
}

/// Waits for its locks and is rolled back, or committed statement by statement where it can't be rolled back. Did it give up?
fn run_change(client: &mut Client, change: &Change, options: QueueOptions) -> Result<bool> {
    let timeout = options.lock_timeout.as_millis();
    let role = change.role.as_ref().map_or(String::new(), |role| format!("set role {};", identifier(role)));
    let begin = format!("reset search_path; set lock_timeout = {timeout}; {role} begin");
    client.batch_execute(&begin).doing("beginning the change")?;
    for sql in &change.statements {
        let mut done = client.execute(sql.as_str(), &[]);
        if done.as_ref().is_err_and(|error| state(error) == super::outside_clone::NO_TRANSACTION) {
            client.batch_execute("rollback").doing("rolling back")?;
            done = client.execute(sql.as_str(), &[]);
        }
        if let Err(error) = done {
            let gave_up = state(&error) == "55P03";
            let _ = client.batch_execute("rollback");
            return if gave_up { Ok(true) } else { Err(error).doing(sql.clone()) };
        }
    }
    client.batch_execute("rollback").doing("rolling back the change")?;
    Ok(false)
}

fn state(error: &postgres::Error) -> &str {
    error.code().map_or("", |code| code.code())
}

fn watch(client: &mut Client, seen: &Seen, stop: &AtomicBool) {
    let sql = "select distinct pid from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())";
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        let Ok(rows) = client.query(sql, &[]) else {
            return;
        };
        let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        seen.extend(rows.iter().map(|row| (row.get(0), now)));
        drop(seen);
        std::thread::sleep(LOOK);
    }
}

/// Runs the statements in turn, whoever of the service's sessions is free; each is due by the schedule, whatever waits. Those due before `stop` is set are all run.
fn work(
    client: &mut Client,
    subjects: &[&Subject<'_>],
    settings: &BTreeMap<String, Settings>,
    (start, gap, next): (Instant, Duration, &AtomicU32),
    stop: &AtomicBool,
) -> Vec<Arrival> {
    let mut list = Vec::new();
    let Ok(pid) = value(client, "select pg_backend_pid()") else {
        return list;
    };
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let due = start + gap * number;
        let early = due.saturating_duration_since(Instant::now());
        std::thread::sleep(early);
        let late = early.is_zero() && stop.load(Ordering::Relaxed) && Instant::now() > due + LATE;
        if stop.load(Ordering::Relaxed) && !late {
            return list;
        }
        let Some(subject) = subjects.get(number as usize % subjects.len().max(1)) else {
            return list;
        };
        let role = &subject.statement.role;
        let become_role = becoming(role, settings.get(role).into_iter().flatten());
        let sql = format!(
            "begin; {become_role} prepare dba_q {} as {}; explain execute dba_q{}; rollback; deallocate dba_q",
            subject.parameter_list(),
            subject.sql,
            subject.arguments()
        );
        let failed = client.batch_execute(&sql).is_err();
        list.push(Arrival { pid, due, ended: Instant::now(), failed });
        if failed && client.batch_execute("rollback; deallocate all").is_err() {
            return list;
        }
    }
}

fn summary(service: &str, list: &[Arrival], seen: &[(i32, Instant)]) -> Waited {
    // One that waited for a session waited behind that session's statement.
    let blocked = |one: &&Arrival| seen.iter().any(|(pid, at)| *pid == one.pid && (one.due..one.ended).contains(at));
    let (waiting, going): (Vec<_>, Vec<_>) = list.iter().partition(blocked);
    let mut waits: Vec<u64> = waiting.iter().map(|one| millis(one.ended - one.due)).collect();
    let together = waits.iter().sum();
    waits.extend(going.iter().map(|_| 0));
    waits.sort_unstable();
    let last = waits.len().saturating_sub(1);
    Waited {
        service: service.to_owned(),
        arrived: list.len(),
        blocked: waiting.len(),
        failed: list.iter().filter(|one| one.failed).count(),
        blocked_ms: together,
        p99_ms: waits.get((last * 99).div_ceil(100)).copied().unwrap_or(0),
        max_ms: waits.last().copied().unwrap_or(0),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
