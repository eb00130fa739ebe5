//! Waits that are planted: roles, a row, who holds it how long; and the lock loop that watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postgres::Client;
use schema::blame::sample::Sampler;
use schema::blame::{Entry, Ledger};

use crate::Failure;
use crate::data::{connect, failed};

const SET_UP: &str = "
    drop table if exists lab_rows;
    do $$ begin create role lab_holder; exception when duplicate_object then null; end $$;
    do $$ begin create role lab_waiter; exception when duplicate_object then null; end $$;
    do $$ begin create role lab_migration; exception when duplicate_object then null; end $$;
    create table lab_rows (id int primary key, n int);
    insert into lab_rows values (1, 0);
    alter table lab_rows owner to lab_migration;
    grant select, update on lab_rows to lab_holder, lab_waiter";

pub(super) const HOLDER: &str = "lab_holder";
pub(super) const WAITER: &str = "lab_waiter";
pub(super) const MIGRATION: &str = "lab_migration";

/// An interval on this process's clock with its uncertain ends: begun between the first two, ended between the others.
pub(super) struct Held {
    pub(super) possibly_from: Instant,
    pub(super) surely_from: Instant,
    pub(super) surely_to: Instant,
    pub(super) possibly_to: Instant,
}

pub(super) type Injected = (Vec<Held>, Vec<(Instant, Instant)>, Vec<Entry>);

/// Holds the row `hold` long, some 120 times, while `waiters` update it; what was held, what the waiters' updates took,
/// and what the ledger says.
pub(super) fn inject(url: &str, waiters: usize, hold: Duration) -> Result<Injected, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let watching = Watch::start(url)?;
    let updating: Vec<_> = (0..waiters)
        .map(|_| {
            let (client, stop) = (as_role(url, WAITER)?, Arc::clone(&stop));
            Ok(std::thread::spawn(move || update_until(client, &stop)))
        })
        .collect::<Result<_, Failure>>()?;
    let mut holder = as_role(url, HOLDER)?;
    let mut held = Vec::new();
    for round in 0..120_u64 {
        held.push(hold_once(&mut holder, hold)?);
        // Gaps of changing length, so that neither sampling nor waiters fall into step.
        std::thread::sleep(Duration::from_millis(60 + round * 37 % 80));
    }
    stop.store(true, Ordering::Relaxed);
    let waited = updating.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect();
    Ok((held, waited, watching.finish()?))
}

fn hold_once(holder: &mut Client, hold: Duration) -> Result<Held, Failure> {
    let failed = |error| failed("holding a row", &error);
    holder.batch_execute("begin").map_err(failed)?;
    let possibly_from = Instant::now();
    holder.batch_execute("update lab_rows set n = n + 1 where id = 1").map_err(failed)?;
    let surely_from = Instant::now();
    std::thread::sleep(hold);
    let surely_to = Instant::now();
    holder.batch_execute("commit").map_err(failed)?;
    Ok(Held { possibly_from, surely_from, surely_to, possibly_to: Instant::now() })
}

/// Updates the row every few milliseconds; when each began and ended.
fn update_until(mut client: Client, stop: &AtomicBool) -> Vec<(Instant, Instant)> {
    let mut spans = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        if client.batch_execute("update lab_rows set n = n + 1 where id = 1").is_err() {
            break;
        }
        let done = Instant::now();
        // An update that met no holder is no wait.
        if done - sent > Duration::from_millis(3) {
            spans.push((sent, done));
        }
        std::thread::sleep(Duration::from_millis(9));
    }
    spans
}

/// Seconds of overlap: with what was surely held, and with what was possibly held.
pub(super) fn overlap(held: &[Held], waited: &[(Instant, Instant)]) -> (f64, f64) {
    let common = |from: Instant, to: Instant, &(sent, done): &(Instant, Instant)| {
        to.min(done).saturating_duration_since(from.max(sent)).as_secs_f64()
    };
    let sum = |of: &dyn Fn(&Held) -> (Instant, Instant)| -> f64 {
        held.iter().map(|held| waited.iter().map(|span| common(of(held).0, of(held).1, span)).sum::<f64>()).sum()
    };
    (sum(&|held| (held.surely_from, held.surely_to)), sum(&|held| (held.possibly_from, held.possibly_to)))
}

/// The lock loop with the product's own sampler and ledger.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<Vec<Entry>, schema::Error>>,
}

impl Watch {
    pub(super) fn start(url: &str) -> Result<Self, Failure> {
        let mut sampler = Sampler::new(connect(url)?).map_err(could_not)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut ledger = Ledger::new();
            let mut round = 0_u64;
            while !stopped.load(Ordering::Relaxed) {
                let sample = sampler.sample()?;
                ledger.observe(&sample, &sampler);
                round += 1;
                std::thread::sleep(Duration::from_millis(10 + round * 7 % 21));
            }
            Ok(ledger.entries())
        });
        Ok(Self { stop, thread })
    }

    pub(super) fn finish(self) -> Result<Vec<Entry>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Failure::could_not_run("The lock loop ended early."))?.map_err(could_not)
    }
}

pub(super) fn set_up(url: &str) -> Result<(), Failure> {
    connect(url)?.batch_execute(SET_UP).map_err(|error| failed("setting up the ledger's test", &error))
}

/// A session whose role, as `pg_stat_activity` shows it, is this one: `set session authorization` changes `usename`
/// nowhere, so the session must log in as it.
pub(super) fn as_role(url: &str, role: &str) -> Result<Client, Failure> {
    let password = "only for a throw-away cluster";
    connect(url)?
        .batch_execute(&format!("alter role {role} login password '{password}'"))
        .map_err(|error| failed("making a login", &error))?;
    connect(&schema::session::address(url)?.as_login(role, Some(password)).url())
}

pub(super) fn in_background(mut client: Client, statement: &'static str) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        // Whether it succeeds doesn't matter: that it waited does.
        let _ = client.batch_execute(statement);
    })
}

pub(super) fn wait_for_waiters(url: &str, count: i64) -> Result<(), Failure> {
    let mut client = connect(url)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        let waiting: i64 = client
            .query_one("select count(distinct pid) from pg_catalog.pg_locks where not granted", &[])
            .map_err(|error| failed("counting waiters", &error))?
            .get(0);
        if waiting >= count {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(Failure::could_not_run("Nobody queued within ten seconds, so there is nothing to test."))
}

fn could_not(error: schema::Error) -> Failure {
    Failure::could_not_run(format!("{error}."))
}
