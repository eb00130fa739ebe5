//! Known harms as switches: those of the scenarios, repeated until they are switched off. What they lock is rolled back, what they make
//! is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Failure;
use crate::data::{connect, failed};
use crate::experiments::scenario::{Scenario, Stage, choose, drop_schemas, sql};
use crate::measure::sessions::{Actor, Rounds, Session, Step, drop_login, make_login};

/// A harm ends by itself after this.
pub(super) const ENDS_AFTER: Duration = Duration::from_secs(60);

/// How often sessions that wait are ended until none is left.
const AGAIN: Duration = Duration::from_millis(20);

/// Of the organisations with the most APIs, which are those that are asked for most.
const HOLD: &str = "select from account.organisations o join registry.usage u on u.organisation_id = o.id \
    join profile.profiles p on p.organisation_id = o.id \
    where o.id in (select organisation_id from registry.usage order by apis desc limit 5) for update";

/// `for update` asks for the right to update.
const HOLDERS_GRANTS: [&str; 2] = [
    "grant usage on schema account, profile, registry to {role}",
    "grant select, update on account.organisations, profile.profiles, registry.usage to {role}",
];

/// A switch.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Harm {
    pub(super) name: &'static str,
    title: &'static str,
    does: &'static str,
    #[serde(skip)]
    setup: String,
    #[serde(skip)]
    actors: Vec<Actor>,
}

/// All of them.
///
/// # Errors
/// When a scenario of the lab can't be read.
pub(super) fn all() -> Result<Vec<Harm>, Failure> {
    let scenario =
        |id: &str| choose(&[id.to_owned()])?.pop().ok_or_else(|| Failure::usage(format!("No scenario {id}.")));
    let (month, ddl) = (scenario("S1")?, scenario("S8")?);
    let actors = |scenario: &Scenario, arm: &str, names: &[&str]| {
        let arm = scenario.arm(arm).ok_or_else(|| Failure::usage(format!("No arm {arm}.")))?;
        Ok::<_, Failure>(arm.actors.iter().filter(|of| names.contains(&of.name.as_str())).cloned().collect::<Vec<_>>())
    };
    let mut holder = Actor::session("holder", "lab_holder", &HOLDERS_GRANTS, &["begin", HOLD]);
    holder.script.extend([Step::Sleep(ENDS_AFTER), Step::Statement("rollback".into())]);
    let queue = |arm: &str| {
        Ok::<Vec<Actor>, Failure>(actors(&ddl, arm, &["report", "migration"])?.into_iter().map(again).collect())
    };
    Ok(vec![
        Harm {
            name: "hold-rows",
            title: "Hold rows",
            does: "A transaction locks the rows of the five largest organisations, and stays open.",
            setup: String::new(),
            actors: vec![holder],
        },
        Harm {
            name: "queue-ddl",
            title: "Queue an ALTER TABLE",
            does: "It waits behind a report of 2.5 s, and everybody who reads the table waits behind it.",
            setup: String::new(),
            actors: queue("an ALTER without a timeout")?,
        },
        Harm {
            name: "queue-ddl-timeout",
            title: "With lock_timeout",
            does: "The ALTER TABLE gives up after 100 ms, and tries again later.",
            setup: String::new(),
            actors: queue("lock_timeout of 100 ms, and again")?,
        },
        Harm {
            name: "month-end",
            title: "Month-end, counting",
            does: "Three sessions count the APIs of every organisation again and again: they take the processors.",
            setup: month.setup.clone(),
            actors: actors(&month, "counts every API", &["month-end"])?,
        },
        Harm {
            name: "month-end-counters",
            title: "Month-end, by counters",
            does: "They read the counters that are kept at write time: what this product does.",
            setup: month.setup.clone(),
            actors: actors(&month, "reads the counters", &["month-end"])?,
        },
    ])
}

/// Without end, and without leaving anything: an `ALTER TABLE` that has got its lock is rolled back.
fn again(mut actor: Actor) -> Actor {
    (actor.rounds, actor.start_ms) = (None, if actor.name == "report" { 0 } else { 200 });
    if actor.name == "migration" {
        actor.script.insert(0, Step::Statement("begin".into()));
        actor.script.push(Step::Statement("rollback".into()));
    }
    actor
}

/// Removes what a killed `lab up` may have left.
pub(super) fn clean(url: &str, harms: &[Harm]) -> Result<(), Failure> {
    drop_schemas(url)?;
    harms.iter().flat_map(Harm::roles).try_for_each(|role| drop_login(url, role))
}

impl Harm {
    fn roles(&self) -> impl Iterator<Item = &str> {
        self.actors.iter().filter_map(|actor| actor.role.as_deref())
    }

    /// Switches it on.
    ///
    /// # Errors
    /// When its SQL is refused: then nothing of it stays.
    pub(super) fn on(&self, stage: &Stage<'_>) -> Result<On, Failure> {
        let mut on = On {
            harm: self.clone(),
            url: stage.database_url.clone(),
            until: Instant::now() + ENDS_AFTER,
            over: Arc::default(),
            threads: Vec::new(),
        };
        match on.begin(stage) {
            Ok(()) => Ok(on),
            Err(failure) => {
                on.off()?;
                Err(failure)
            }
        }
    }
}

/// A harm that is switched on.
pub(super) struct On {
    pub(super) harm: Harm,
    url: String,
    pub(super) until: Instant,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Rounds>>,
}

impl On {
    fn begin(&mut self, stage: &Stage<'_>) -> Result<(), Failure> {
        drop_schemas(&self.url)?;
        sql(&self.url, stage, &self.harm.setup, "setting up")?;
        for actor in &self.harm.actors {
            make_login(&self.url, actor)?;
            for _ in 0..actor.sessions {
                let number = self.threads.len() as u64;
                let session = Session::open(actor, &self.url, stage.names(&stage.here()), number)?.ended_by(&self.over);
                let until = self.until;
                self.threads.push(std::thread::spawn(move || session.run(Instant::now(), until)));
            }
        }
        Ok(())
    }

    /// Ends its sessions, waiting ones too, and removes what it made.
    pub(super) fn off(self) -> Result<(), Failure> {
        self.over.store(true, Ordering::Relaxed);
        let roles: Vec<&str> = self.harm.roles().collect();
        let mut client = connect(&self.url)?;
        let end =
            "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where usename = any ($1)";
        loop {
            let ended = client.query(end, &[&roles]).map_err(|error| failed("ending a harm", &error))?;
            if ended.is_empty() && self.threads.iter().all(JoinHandle::is_finished) {
                break;
            }
            std::thread::sleep(AGAIN);
        }
        drop_schemas(&self.url)?;
        roles.into_iter().try_for_each(|role| drop_login(&self.url, role))
    }
}
