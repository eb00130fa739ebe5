//! One arm: its logins are made, all actors run at the same time while the lab observes, and all is restored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Arm;
use super::stage::{Stage, Workplace, hot};
use crate::Failure;
use crate::data::{connect, failed};
use crate::load::driver::{self, Load, Outcome, ServiceRecord, Settings};
use crate::load::operations::calls;
use crate::load::schedule::{ServiceWorkload, Zipf, poisson};
use crate::measure::sessions::{Actor, Rounds, Session, drop_login, make_login};
use crate::observe::{Observer, Seen};

/// From the last connection made to the first round.
const LEAD: Duration = Duration::from_millis(100);
/// Skew over organisations, as in the matrix.
const SKEW: f64 = 0.99;

/// What an arm showed.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// How long it was watched.
    pub seconds: f64,
    /// By actor.
    pub rounds: BTreeMap<String, Rounds>,
    /// What the lab saw meanwhile.
    pub seen: Seen,
    /// Results of its checks.
    pub checks: BTreeMap<String, f64>,
}

/// Plays an arm. `place` says where each actor's work goes; None leaves it out.
///
/// # Errors
/// When the arm's SQL is refused or a session can't be made: what its sessions meet afterwards is a result.
pub fn play(
    stage: &Stage<'_>,
    arm: &Arm,
    seconds: f64,
    seed: u64,
    place: &dyn Fn(&Actor) -> Option<Workplace>,
) -> Result<Played, Failure> {
    let actors: Vec<(&Actor, Workplace)> = arm.actors.iter().filter_map(|actor| Some((actor, place(actor)?))).collect();
    let databases: BTreeSet<&str> =
        actors.iter().map(|(_, place)| place.database_url.as_str()).chain([stage.database_url.as_str()]).collect();
    let prepared = prepare(stage, arm, &actors, &databases);
    let played = prepared.and_then(|()| act(stage, arm, seconds, seed, &actors));
    // Whatever happened, nothing of it stays.
    let gone = actors.iter().filter_map(|(actor, place)| drop_login(&place.database_url, actor.role.as_deref()?).err());
    let undone = databases.iter().filter_map(|url| sql(url, stage, &arm.undo, "undoing").err());
    let left = undone.chain(gone).last();
    match (played, left) {
        (Ok(_), Some(failure)) => Err(failure),
        (played, _) => played,
    }
}

fn prepare(
    stage: &Stage<'_>,
    arm: &Arm,
    actors: &[(&Actor, Workplace)],
    databases: &BTreeSet<&str>,
) -> Result<(), Failure> {
    for url in databases {
        sql(url, stage, &arm.setup, "setting up")?;
    }
    for (actor, place) in actors {
        make_login(&place.database_url, actor)?;
    }
    Ok(())
}

/// Runs SQL of a scenario as superuser.
pub fn sql(url: &str, stage: &Stage<'_>, text: &str, doing: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Ok(());
    }
    connect(url)?.batch_execute(&filled(stage, text)).map_err(|error| failed(doing, &error))
}

/// `{org}` and `{orgs}` as those who act at the usual place have them.
fn filled(stage: &Stage<'_>, text: &str) -> String {
    let (org, orgs) = stage.names(&stage.here());
    text.replace("{orgs}", &orgs).replace("{org}", &org)
}

fn act(
    stage: &Stage<'_>,
    arm: &Arm,
    seconds: f64,
    seed: u64,
    actors: &[(&Actor, Workplace)],
) -> Result<Played, Failure> {
    let length = Duration::from_secs_f64(seconds);
    let mut sessions = Vec::new();
    let mut loads = Vec::new();
    for (actor, place) in actors {
        if actor.service.is_some() {
            loads.push((actor.name.clone(), load(stage, actor, place, length, seed)?));
            continue;
        }
        for _ in 0..actor.sessions {
            let number = sessions.len() as u64;
            let session = Session::open(actor, &place.database_url, stage.names(place), number)?;
            sessions.push((actor.name.clone(), session));
        }
    }
    let observer = Observer::start(&stage.database_url, &stage.processes)?;
    let start = Instant::now() + LEAD;
    let (names, loads): (Vec<String>, Vec<Load>) = loads.into_iter().unzip();
    let driving = std::thread::spawn(move || drive(&loads));
    let acting: Vec<(String, JoinHandle<Rounds>)> = sessions
        .into_iter()
        .map(|(name, session)| (name, std::thread::spawn(move || session.run(start, start + length))))
        .collect();
    let early = || Failure::could_not_run("An actor of this arm ended early.");
    let mut played = Played::default();
    for (name, thread) in acting {
        let rounds = thread.join().map_err(|_| early())?;
        played.rounds.entry(name).or_default().add(&rounds);
    }
    let records = driving.join().map_err(|_| early())??;
    played.rounds.extend(names.into_iter().zip(records.iter().map(rounds)));
    played.seconds = start.elapsed().as_secs_f64();
    played.seen = observer.finish()?;
    let mut client = connect(&stage.database_url)?;
    for (name, query) in &arm.checks {
        let row = client
            .query_one(&format!("select ({})::float8", filled(stage, query)), &[])
            .map_err(|error| failed(&format!("checking {name}"), &error))?;
        played.checks.insert(name.clone(), row.get::<_, Option<f64>>(0).unwrap_or(0.0));
    }
    Ok(played)
}

/// The requests of an actor that asks a service, those for one organisation all of its place's hot one.
fn load(stage: &Stage<'_>, actor: &Actor, place: &Workplace, length: Duration, seed: u64) -> Result<Load, Failure> {
    let site =
        stage.site.ok_or_else(|| Failure::usage("This scenario asks services, and none run here.".to_owned()))?;
    let service = actor.service.clone().unwrap_or_default();
    let workload = ServiceWorkload { weight: 1.0, rate_per_s: None, endpoints: actor.endpoints.clone() };
    let endpoints: Vec<String> = actor.endpoints.iter().map(|of| of.name.clone()).collect();
    let skew = Zipf::new(place.organisations.len(), SKEW);
    let rate = actor.rate.unwrap_or(0.0);
    let mut arrivals = poisson(&workload, &actor.name, rate, length.as_nanos() as u64, &skew, seed);
    for arrival in &mut arrivals {
        let rank = arrival.organisation as usize % place.organisations.len().max(1);
        let of_rank = || place.organisations.get(rank).copied().unwrap_or(0);
        arrival.organisation = if actor.hot { hot(place) } else { of_rank() } as u32;
    }
    let written = Arc::clone(&place.written);
    Ok(Load {
        call: calls(&service, site.url(&service)?, &endpoints, site.data(), &written, site.salt())?,
        service,
        answered: Some(Arc::new(move |answer| written.answered(answer))),
        endpoints,
        arrivals: Arc::new(arrivals),
    })
}

/// Everything over HTTP goes through one driver, under one clock.
fn drive(loads: &[Load]) -> Result<Vec<ServiceRecord>, Failure> {
    let settings = Settings { settle: Duration::ZERO, ..Settings::default() };
    Ok(driver::run(loads, settings)?)
}

/// Requests as rounds.
fn rounds(record: &ServiceRecord) -> Rounds {
    let mut rounds = Rounds {
        times: record.all_responses(Settings::default().timeout),
        pool_ms: (record.server_timing.queue_ms + record.server_timing.pool_ms)
            / record.server_timing.answers.max(1) as f64,
        ..Rounds::default()
    };
    for (outcome, histogram) in &record.response {
        if *outcome == Outcome::Ok {
            rounds.good += histogram.count();
        } else {
            let name = serde_json::json!(outcome);
            let name = name.as_str().unwrap_or_default().to_owned();
            rounds.errors.insert(name, histogram.count());
        }
    }
    rounds
}
