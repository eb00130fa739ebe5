//! The threads that ask the server.

use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use super::view::Use;
use super::{Watching, ask};
use crate::blame::sample::Sampler;
use crate::blame::{Ledger, Sample};
use crate::coupling::Owners;
use crate::coupling::rates::{Counting, Rates};
use crate::error::{Doing, Result};
use crate::session::{address, connect_uncounted, connecting};

/// The shortest and the longest rest between two looks at the locks.
const GAP: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// How often sessions are read, at most.
const SESSIONS_EVERY: Duration = Duration::from_millis(500);

/// How often counters are read, at most.
const COUNTERS_EVERY: Duration = Duration::from_secs(2);

/// A question is repeated after so many times its own time: 0.4 % of a core for each of the two kinds that are asked all the time.
pub(super) const REST: u32 = 250;

/// After a lost connection.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long a question takes that costs the server nothing.
fn round_trip(client: &mut Client) -> Result<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        client.simple_query("").doing("asking nothing")?;
        least = least.min(began.elapsed());
    }
    Ok(least)
}

fn connect(url: &str) -> Result<Client> {
    // A network that is cut without a word is noticed, and shown: else the last figures would stand there as if they were new.
    let address = address(url)?.or("connect_timeout", "5").or("tcp_user_timeout", "10000");
    connect_uncounted(&address, |_| {}).map_err(|error| connecting(&address, error))
}

/// The connections that look at locks and sessions.
pub(super) struct Locks {
    sampler: Sampler,
    client: Client,
    round_trip: Duration,
}

impl Locks {
    /// Connects, and notes what this login can't see.
    pub(super) fn connect(url: &str, shared: &Watching) -> Result<Self> {
        let mut client = connect(url)?;
        let row = client
            .query_one(
                "select 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1), current_database()::text,
                    pg_catalog.pg_has_role('pg_read_all_stats', 'usage') or (select rolsuper from pg_catalog.pg_roles where rolname = current_user)",
                &[],
            )
            .doing("asking for the server's version")?;
        let sees: bool = row.get(2);
        shared.change(|view| {
            (view.server, view.database) = (row.get(0), row.get(1));
            view.notes.clear();
            if !sees {
                view.notes.push(
                    "this login is not a member of pg_monitor: it sees neither statements nor waits of other roles"
                        .into(),
                );
            }
        });
        let sampler = Sampler::new(connect(url)?)?;
        client
            .batch_execute(&format!(
                "set application_name = '{}'; set default_transaction_read_only = on",
                crate::blame::sample::APPLICATION_NAME
            ))
            .doing("setting up the session")?;
        let round_trip = round_trip(&mut client)?;
        Ok(Self { sampler, client, round_trip })
    }
}

/// Looks at locks and sessions until the process ends.
pub(super) fn locks(url: &str, shared: &Arc<Watching>, first: Locks) {
    let mut ledger = Ledger::new();
    let mut connected = Ok(first);
    loop {
        let ended = connected.and_then(|mut locks| look(&mut locks, shared, &mut ledger));
        if let Err(error) = ended {
            shared.change(|view| view.trouble = Some(error.to_string()));
            shared.publish();
        }
        thread::sleep(TRIED_AGAIN_AFTER);
        connected = Locks::connect(url, shared);
    }
}

/// Until the connection is lost.
fn look(locks: &mut Locks, shared: &Watching, ledger: &mut Ledger) -> Result<()> {
    let (mut sessions_at, mut second_at) = (Instant::now(), Instant::now());
    let (mut cost, began) = (Duration::ZERO, Instant::now());
    loop {
        let asked = Instant::now();
        let sample = locks.sampler.sample()?;
        ledger.observe(&sample, &locks.sampler);
        let took = asked.elapsed().saturating_sub(locks.round_trip);
        cost += took;
        let gap = (took * shared.rest).clamp(GAP[0], GAP[1]);
        if second_at.elapsed() >= Duration::from_secs(1) {
            second_at = Instant::now();
            let mut history = shared.history.lock().unwrap_or_else(PoisonError::into_inner);
            history.end_second(sample.at_us / 1000, ledger);
            *shared.booked.lock().unwrap_or_else(PoisonError::into_inner) = ledger.entries();
        }
        if sessions_at <= Instant::now() {
            let took = show(locks, shared, &sample, gap)?;
            cost += took;
            sessions_at = Instant::now() + (took * shared.rest).clamp(SESSIONS_EVERY, GAP[1]);
            let percent = cost.as_secs_f64() / began.elapsed().as_secs_f64().max(1.0) * 100.0;
            shared.change(|view| view.cost_percent = percent);
            shared.publish();
        }
        thread::sleep(gap);
    }
}

/// Reads the sessions: how long the server took.
fn show(locks: &mut Locks, shared: &Watching, sample: &Sample, gap: Duration) -> Result<Duration> {
    let asked = Instant::now();
    let sessions = ask::sessions(&mut locks.client, sample, &locks.sampler)?;
    // Three questions, or two.
    let took = asked.elapsed().saturating_sub(locks.round_trip * 2);
    shared.change(|view| {
        view.at_ms = sample.at_us / 1000;
        view.trouble = None;
        view.gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
        let mut services = sessions.services;
        // Who has no session now keeps its place in the picture.
        for (name, before) in &view.services {
            services.entry(name.clone()).or_default().calls_per_second = before.calls_per_second;
        }
        view.services = services;
        view.blocked = sessions.blocked;
        view.waits = sessions.waits;
        view.transactions = sessions.transactions;
        view.horizon = sessions.horizon;
    });
    Ok(took)
}

/// Reads the counters of statements until the process ends.
pub(super) fn counters(url: &str, owners: &Owners, shared: &Arc<Watching>) {
    loop {
        let ended = connect(url).and_then(|mut client| count(&mut client, owners, shared));
        let note = match ended {
            Ok(note) => note.to_owned(),
            Err(error) => format!("who uses whose tables isn't known: {error}"),
        };
        shared.note(note);
        thread::sleep(Duration::from_secs(30));
    }
}

/// Until the connection is lost, or the server turns out not to count: why.
fn count(client: &mut Client, owners: &Owners, shared: &Watching) -> Result<&'static str> {
    let superuser: bool = client
        .query_one("select rolsuper from pg_catalog.pg_roles where rolname = current_user", &[])
        .doing("asking for rights")?
        .get(0);
    if !superuser {
        shared.note("who uses whose tables is known to a superuser alone: connect as one to see it".into());
    }
    client
        .batch_execute(&format!("set application_name = '{}'", crate::blame::sample::APPLICATION_NAME))
        .doing("setting up the session")?;
    let mut counting = Counting::of(owners.clone());
    loop {
        let asked = Instant::now();
        let Some(rates) = counting.read(client, superuser)? else {
            return Ok(
                "this server doesn't count statements (pg_stat_statements): calls per second, and who uses whose tables, aren't known",
            );
        };
        let took = asked.elapsed();
        shared.change(|view| {
            let Rates { services, uses, .. } = rates;
            for (name, rate) in services {
                view.services.entry(name).or_default().calls_per_second = Some(rate);
            }
            view.uses =
                uses.into_iter().map(|((from, to), calls_per_second)| Use { from, to, calls_per_second }).collect();
        });
        thread::sleep((took * shared.rest).clamp(COUNTERS_EVERY, Duration::from_secs(60)));
    }
}
