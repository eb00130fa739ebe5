//! What the page shows of sessions, transactions and the vacuum horizon, asked of the server.

use std::collections::{BTreeMap, BTreeSet};

use postgres::{Client, Row};

use super::view::{Holder, Service, Session, Wait, Waits};
use crate::blame::sample::APPLICATION_NAME;
use crate::blame::watch::cause;
use crate::blame::{Roles, Sample};
use crate::coupling::owners::stem;
use crate::error::{Doing, Result};

/// Transactions and holders of the horizon that are shown.
const SHOWN: usize = 8;

/// Blocked sessions that are shown: a page of more is of no use to anybody.
const BLOCKED_SHOWN: usize = 200;

const SESSIONS: &str = "
    select pid, coalesce(usename::text, '') as role, coalesce(application_name, '') as application, coalesce(state, '') as state,
        coalesce(wait_event_type, '') as wait_type, coalesce(wait_event, '') as wait, left(coalesce(query, ''), 300) as statement,
        extract(epoch from pg_catalog.clock_timestamp() - xact_start)::float8 as transaction_s,
        greatest(pg_catalog.age(backend_xid), pg_catalog.age(backend_xmin))::int8 as holds
    from pg_catalog.pg_stat_activity
    where backend_type = 'client backend' and application_name <> $1
        and (datname = pg_catalog.current_database() or pid = any ($2))";

const HOLDERS: &str = "
    select 'replication slot ' || slot_name::text, greatest(pg_catalog.age(xmin), pg_catalog.age(catalog_xmin))::int8
    from pg_catalog.pg_replication_slots where xmin is not null or catalog_xmin is not null
    union all select 'prepared transaction ' || gid, pg_catalog.age(transaction)::int8 from pg_catalog.pg_prepared_xacts
    union all select 'standby ' || application_name, pg_catalog.age(backend_xmin)::int8 from pg_catalog.pg_stat_replication where backend_xmin is not null";

/// What is asked twice a second.
#[derive(Debug, Default)]
pub struct Sessions {
    pub services: BTreeMap<String, Service>,
    pub blocked: Vec<Session>,
    pub waits: Vec<Waits>,
    pub transactions: Vec<Session>,
    pub horizon: Vec<Holder>,
}

/// One session as the server lists it.
struct Line {
    session: Session,
    wait: String,
    lock: bool,
    holds: Option<i64>,
}

fn line(row: &Row) -> Line {
    let role: String = row.get("role");
    let (wait_type, wait): (String, String) = (row.get("wait_type"), row.get("wait"));
    let session = Session {
        pid: row.get("pid"),
        service: stem(&role).to_owned(),
        role,
        application: row.get("application"),
        state: row.get("state"),
        statement: row.get("statement"),
        transaction_s: row.get("transaction_s"),
        waits: None,
    };
    let what = match session.state.as_str() {
        "active" if wait_type.is_empty() => "running".to_owned(),
        "active" => format!("{wait_type}: {wait}"),
        other => other.to_owned(),
    };
    Line { session, wait: what, lock: wait_type == "Lock", holds: row.get("holds") }
}

/// Asks for all sessions of the database, and those that take part in `sample`.
///
/// # Errors
/// [`crate::Error::Database`] when the connection is gone.
pub fn sessions(client: &mut Client, sample: &Sample, roles: &impl Roles) -> Result<Sessions> {
    let taking_part: BTreeSet<i32> = sample
        .waiters
        .values()
        .filter(|waiter| !waiter.blockers.is_empty())
        .flat_map(|waiter| waiter.blockers.iter().copied().chain([waiter.pid]))
        .collect();
    let pids: Vec<i32> = taking_part.iter().copied().collect();
    let rows = client.query(SESSIONS, &[&APPLICATION_NAME, &pids]).doing("reading pg_stat_activity")?;
    let lines: BTreeMap<i32, Line> = rows.iter().map(line).map(|line| (line.session.pid, line)).collect();
    let mut answer = Sessions::default();
    let mut waits: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in lines.values() {
        let service = answer.services.entry(line.session.service.clone()).or_default();
        service.sessions += 1;
        service.active += usize::from(line.session.state == "active");
        service.waiting += usize::from(line.lock);
        service.idle_in_transaction += usize::from(line.session.state.starts_with("idle in transaction"));
        if line.session.state != "idle" {
            *waits.entry((line.session.service.clone(), line.wait.clone())).or_default() += 1;
        }
    }
    let mut counted: Vec<_> =
        waits.into_iter().map(|((service, what), sessions)| Waits { service, what, sessions }).collect();
    counted.sort_by(|a, b| b.sessions.cmp(&a.sessions).then_with(|| a.cmp(b)));
    answer.waits = counted;
    let names = relations(client, sample)?;
    answer.blocked = taking_part
        .iter()
        .take(BLOCKED_SHOWN)
        .map(|pid| {
            let mut session = lines.get(pid).map(|line| line.session.clone()).unwrap_or_else(|| {
                let role = roles.role(*pid);
                Session { pid: *pid, service: stem(&role).to_owned(), role, ..Session::default() }
            });
            session.waits = sample.waiters.get(pid).filter(|waiter| !waiter.blockers.is_empty()).map(|waiter| Wait {
                cause: cause(sample.cause(waiter)),
                mode: waiter.mode.clone(),
                relation: waiter.relation.and_then(|oid| names.get(&oid).cloned()),
                seconds: waiter.wait_start_us.map_or(0.0, |start| (sample.at_us - start).max(0) as f64 / 1e6),
                blockers: waiter.blockers.clone(),
            });
            session
        })
        .collect();
    let mut open: Vec<_> =
        lines.values().map(|line| &line.session).filter(|session| session.transaction_s.is_some()).cloned().collect();
    open.sort_by(|a, b| b.transaction_s.unwrap_or(0.0).total_cmp(&a.transaction_s.unwrap_or(0.0)));
    open.truncate(SHOWN);
    answer.transactions = open;
    answer.horizon = holders(client, &lines)?;
    Ok(answer)
}

fn relations(client: &mut Client, sample: &Sample) -> Result<BTreeMap<u32, String>> {
    let oids: Vec<u32> = sample.waiters.values().filter_map(|waiter| waiter.relation).collect();
    if oids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = client
        .query("select oid, oid::regclass::text from pg_catalog.pg_class where oid = any ($1)", &[&oids])
        .doing("reading names of tables")?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn holders(client: &mut Client, lines: &BTreeMap<i32, Line>) -> Result<Vec<Holder>> {
    let rows = client.query(HOLDERS, &[]).doing("reading what holds the vacuum horizon")?;
    let mut all: Vec<_> = rows
        .iter()
        .filter_map(|row| Some(Holder { what: row.get(0), transactions: row.get::<_, Option<i64>>(1)? }))
        .collect();
    all.extend(lines.values().filter_map(|line| {
        let Session { pid, role, .. } = &line.session;
        Some(Holder { what: format!("session {pid} of {role}"), transactions: line.holds? })
    }));
    // What began just now holds nothing back that matters.
    all.retain(|holder| holder.transactions > 0);
    all.sort_by_key(|holder| -holder.transactions);
    all.truncate(SHOWN);
    Ok(all)
}
