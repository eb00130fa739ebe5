//! Every part, service, database and the broker killed at random moments while things are written: nothing is lost, told twice or told less.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use behaviour::assert::eventually;
use behaviour::http::Call;
use behaviour::{Response, Services, Tenant, json};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::copies::equal_of;
use crate::deployment::{Deployment, Victim};
use crate::ground::Ground;
use crate::people::{self, people, texts};

/// How long a writer waits for one thing: meanwhile all that it depends on may be killed again and again.
const PATIENCE: Duration = Duration::from_secs(600);

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

#[test]
#[ignore = "takes minutes: KILLS=60, and --ignored"]
fn nothing_is_lost_or_told_twice_whatever_is_killed() {
    let kills = kills();
    let Some(deployment) = Deployment::apart(&["--schedule=false"]) else { return };
    let seed = number("SEED", 7);
    let tenants: Vec<_> = (0..2).map(|_| deployment.world.tenant("enterprise")).collect();
    let load = deployment.patient();
    let (over, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut chance = SmallRng::seed_from_u64(seed as u64);
    let began = Instant::now();
    thread::scope(|scope| {
        for tenant in &tenants {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let round = rounds.fetch_add(1, Ordering::SeqCst);
                    write_one_of_each(&load, tenant, round);
                }
            });
        }
        for victim in order(&mut chance, &Victim::all(), kills) {
            moment(&mut chance, Duration::from_secs(1));
            println!("{:7.1} s: {victim:?}", began.elapsed().as_secs_f64());
            deployment.kill(victim);
        }
        over.store(true, Ordering::SeqCst);
    });
    let count = deployment.recovered();
    let members: Vec<_> = tenants.iter().map(|tenant| tenant.member_profile).collect();
    let told = told_once(&deployment.ground, &members);
    let rounds = rounds.into_inner();
    println!("{kills} kills (seed {seed}), {rounds} rounds of writes, {told} changes told once each, {count:?}");
    assert!(told >= rounds && rounds >= tenants.len(), "one for each round at least");
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

/// A person, a domain of theirs that is watched and then changed, and a new name for the person. Each third domain goes again.
fn write_one_of_each(services: &Services, tenant: &Tenant, round: usize) {
    let (registry, profile) = (services.api("registry").unwrap(), services.api("profile").unwrap());
    let name = Uuid::now_v7().to_string();
    let people = tenant.path("/profiles");
    let person = made(None, || {
        let body = json!({"name": name, "jobTitle": "Tester", "email": format!("{name}@people.example"), "timeZone": "Europe/Zurich"});
        profile.post(&people).token(&tenant.admin_token).json(&body)
    });
    let domains = tenant.path("/domains");
    let domain = made(Some("businessOwnerId"), || {
        let body = json!({"name": name, "businessOwnerId": person});
        registry.post(&domains).token(&tenant.admin_token).json(&body)
    });
    let watches = tenant.path("/watches");
    made(None, || {
        let body = json!({"kind": "domain", "targetId": domain});
        registry.post(&watches).token(&tenant.member_token).json(&body)
    });
    let domain = format!("{domains}/{domain}");
    guarded(services, "registry", tenant, "PATCH", &domain, &json!({"description": name}));
    let person = format!("{people}/{person}");
    guarded(services, "profile", tenant, "PATCH", &person, &json!({"name": format!("{name} renamed")}));
    if round.is_multiple_of(3) {
        guarded(services, "registry", tenant, "DELETE", &domain, &json!({}));
    }
}

/// Makes something, once it is known there what this field refers to.
fn made(refers: Option<&str>, call: impl Fn() -> Call) -> Uuid {
    until(|| {
        let key = Uuid::now_v7().to_string();
        let answer = until_answered(|| call().idempotency_key(&key));
        match answer.status {
            // What was just made elsewhere isn't known here yet. Anything else that is wrong stays so.
            422 if refers.is_some_and(|field| answer.value()["errors"][0]["field"] == field) => Err(answer.describe()),
            // A watch that is there already.
            200 => Ok(answer.id()),
            _ => Ok(answer.expect(201).id()),
        }
    })
}

/// A change of what is as it was read. Sent again after it was done: 412, or 404 where it is gone.
fn guarded(services: &Services, service: &str, tenant: &Tenant, method: &str, path: &str, body: &behaviour::Value) {
    let api = services.api(service).unwrap();
    let etag = until_answered(|| api.get(path).token(&tenant.admin_token)).expect(200).etag();
    let answer = until_answered(|| {
        let call = api.request(method, path).token(&tenant.admin_token).if_match(&etag);
        if method == "DELETE" { call } else { call.json(body) }
    });
    assert!([200, 204, 404, 412].contains(&answer.status), "{}", answer.describe());
}

/// Asks until there is an answer that says what became of it.
fn until_answered(call: impl Fn() -> Call) -> Response {
    until(|| match call().try_send() {
        Ok(answer) if answer.status < 500 && answer.status != 429 => Ok(answer),
        Ok(answer) => Err(answer.describe()),
        Err(error) => Err(error.to_string()),
    })
}

/// Asks until there is what was asked for; in the end says why not.
fn until<T>(mut ask: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(found) => return found,
            Err(why) => assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {why}"),
        }
        // What is on its way up needs the processor more.
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until each change of a domain was told to those who watch it; how many there are.
pub fn told_once(ground: &Ground, members: &[Uuid]) -> usize {
    let requests = |service: &str, sql: &str| texts(&mut ground.connect(service), sql);
    let made: BTreeSet<_> =
        requests("registry", "select request_id from registry.changes where kind = 'DomainModified'")
            .into_iter()
            .collect();
    let members = members.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "select n.request_id from notification.notifications n
        where n.feed = 'registry' and n.kind = 'domainModified' and n.profile_id in ({members})"
    );
    let mut told = Vec::new();
    let all = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("all are told", || {
            told = requests("notification", &sql);
            (told.len() >= made.len()).then_some(())
        });
    }));
    let once: BTreeSet<_> = told.iter().cloned().collect();
    assert!(all.is_ok(), "not told: {:?}", made.difference(&once).collect::<Vec<_>>());
    assert_eq!((once.len(), &once), (told.len(), &made), "each once");
    told.len()
}
