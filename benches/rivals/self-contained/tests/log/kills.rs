//! Every part, service, database and the broker killed at random moments while things are written: nothing is lost, told twice or told less.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use behaviour::assert::eventually;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{Rng, SeedableRng};

use crate::copies::equal_of;
use crate::deployment::{Deployment, Victim};
use crate::ground::Ground;
use crate::people::{self, people, texts};
use crate::writers::{Desk, Ending, Writers};

/// A number from the environment.
pub fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// How often something is killed: `KILLS` in the environment.
pub fn kills() -> usize {
    number("KILLS", 21)
}

/// Whom, in which order: each once in every round, whose order is by chance; the same seed gives the same order.
pub fn order(chance: &mut SmallRng, all: &[Victim], kills: usize) -> Vec<Victim> {
    let mut order = Vec::new();
    while order.len() < kills {
        let mut round = all.to_vec();
        round.shuffle(chance);
        order.extend(round);
    }
    order.truncate(kills);
    order
}

/// Some moment of the next few steps of whatever is under way.
pub fn moment(chance: &mut SmallRng, within: Duration) {
    thread::sleep(within.mul_f64(chance.random()));
}

/// Changes that are made between two kills, if they can be made soon: else there would be little to lose.
const BETWEEN: usize = 4;
/// How soon: what was killed may be what they need.
const SOON: Duration = Duration::from_secs(5);

/// A few kills in any run of the tests; `KILLS=300 SEED=1` for more of them, which takes half an hour.
#[test]
fn nothing_is_lost_or_told_twice_whatever_is_killed() {
    let kills = number("KILLS", 7);
    let Some(deployment) = Deployment::apart(&["--schedule=false"]) else { return };
    let seed = number("SEED", 7);
    let desks: Vec<_> = (0..2).map(|_| Desk::new(&deployment)).collect();
    let writers = Writers::new(deployment.patient());
    let mut chance = SmallRng::seed_from_u64(seed as u64);
    let began = Instant::now();
    thread::scope(|scope| {
        let _ending = Ending(&writers);
        for desk in &desks {
            writers.start(scope, desk);
        }
        for victim in order(&mut chance, &Victim::all(), kills) {
            moment(&mut chance, Duration::from_secs(1));
            let (before, since) = (writers.made(), Instant::now());
            while writers.made() < before + BETWEEN && since.elapsed() < SOON {
                thread::sleep(Duration::from_millis(10));
            }
            println!("{:7.1} s: {victim:?}, {before} changes before", began.elapsed().as_secs_f64());
            deployment.kill(victim);
        }
    });
    let (wrote, count) = (began.elapsed(), deployment.recovered());
    let (made, told) = (writers.made(), told_once(&deployment.ground, &desks));
    println!(
        "{kills} kills (seed {seed}) in {wrote:.0?}, {made} changes answered, told once each: {told:?}, 0 lost, 0 twice, {count:?}"
    );
    assert!(told.values().all(|told| *told >= desks.len()), "of each service some");
    assert!(told.values().sum::<usize>() >= made, "each change that was answered is told");
}

#[test]
fn a_broker_that_was_killed_is_found_again() {
    let Some(ground) = Ground::with_node(&["profile", "registry"]) else { return };
    let (mut profile, mut registry) = (ground.connect("profile"), ground.connect("registry"));
    let _parts = [ground.relay("profile"), ground.ingester("registry")];
    let mut made = 0;
    let mut make = |count: usize| {
        people(&mut profile, made, made + count);
        made += count;
        made
    };
    let mut all_there = |count: usize| {
        eventually("all are there", || {
            (people::count(&mut registry, "select count(*) from published.persons") == count).then_some(())
        });
    };
    all_there(make(100));
    let node = ground.node.as_ref().unwrap();
    for round in 0..3 {
        // At first nothing is on its way, then much is.
        if round > 0 {
            make(2_000);
        }
        node.kill();
        let all = make(100);
        node.start_again();
        node.ready();
        let back = Instant::now();
        all_there(all);
        println!("up to date {:?} after the broker was back", back.elapsed());
    }
    equal_of(&ground, &["profile"], &["registry"]);
}

/// What of a service is told to whom: the kind of change, the kind of notification, and the column that names who is told.
const TOLD: [(&str, &str, &str, &str); 4] = [
    ("account", "OrganisationModified", "organisationModified", "login_id"),
    ("profile", "ProfileModified", "profileModified", "profile_id"),
    ("registry", "DomainModified", "domainModified", "profile_id"),
    ("billing", "PaymentFailed", "paymentFailed", "login_id"),
];

/// Waits until each of these changes was told to whom it concerns, and to each once; how many there are, by service.
fn told_once(ground: &Ground, desks: &[Desk]) -> BTreeMap<&'static str, usize> {
    let list = |ids: Vec<uuid::Uuid>| ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    let members = list(desks.iter().map(|desk| desk.tenant.member_profile).collect());
    let whom = list(desks.iter().flat_map(|desk| [desk.tenant.member_profile, desk.witness]).collect());
    let told = |(service, change, notification, who): (&'static str, &str, &str, &str)| {
        let of = if service == "profile" { format!("and c.entity_id in ({members})") } else { String::new() };
        let made = format!(
            "select c.request_id || ' ' || c.entity_id from {service}.changes c where c.kind = '{change}' {of}"
        );
        let told = format!(
            "select n.request_id || ' ' || n.entity_id from notification.notifications n
            where n.feed = '{service}' and n.kind = '{notification}' and n.{who} in ({whom})"
        );
        (service, each_once(ground, service, &made, &told))
    };
    TOLD.map(told).into()
}

fn each_once(ground: &Ground, service: &str, made: &str, notified: &str) -> usize {
    let all = texts(&mut ground.connect(service), made);
    let made: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(made.len(), all.len(), "{service}: each change can be told from the others");
    let mut told = Vec::new();
    let soon = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("all are told", || {
            told = texts(&mut ground.connect("notification"), notified);
            (told.len() >= made.len()).then_some(())
        });
    }));
    let once: BTreeSet<_> = told.iter().cloned().collect();
    assert!(soon.is_ok(), "{service}: not told: {:?}", made.difference(&once).collect::<Vec<_>>());
    assert_eq!((once.len(), &once), (told.len(), &made), "{service}: each once");
    told.len()
}
