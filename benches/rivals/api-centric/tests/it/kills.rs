//! Notification and its neighbours killed at random moments while watched things change: nobody is told less, or twice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use behaviour::assert::eventually;
use behaviour::http::Call;
use behaviour::{Response, json};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::deployment::{Deployment, Plan};

/// How often something is killed; `KILLS` in the environment says otherwise.
const KILLS: usize = 12;

/// How often, as the environment says it.
pub fn kills() -> usize {
    std::env::var("KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

#[test]
fn nothing_is_lost_or_told_twice_whatever_is_killed() {
    let deployment = Deployment::new(Plan { processes: true, ..Plan::default() });
    let tenant = deployment.world.tenant("enterprise");
    let (over, changed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let registry = || deployment.api("registry");
    let one_change = || {
        // Each change is of something that has just begun to be watched: its audience is new, too.
        let (key, name) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
        let domain = until_done(|| {
            let post = registry().post(&tenant.path("/domains")).token(&tenant.admin_token).idempotency_key(&key);
            post.json(&json!({"name": name}))
        });
        let domain = domain.expect(201).id();
        let watched = json!({"kind": "domain", "targetId": domain});
        until_done(|| {
            let post = registry().post(&tenant.path("/watches")).token(&tenant.member_token);
            post.idempotency_key(&format!("w{key}")).json(&watched)
        })
        .expect(201);
        let path = tenant.path(&format!("/domains/{domain}"));
        let etag = until_done(|| registry().get(&path).token(&tenant.admin_token)).expect(200).etag();
        // Sent again after it was done: 412.
        let patch = until_done(|| {
            let patch = registry().patch(&path).token(&tenant.admin_token).if_match(&etag);
            patch.json(&json!({"description": name}))
        });
        assert!([200, 412].contains(&patch.status), "{}", patch.describe());
    };
    let mut chance = SmallRng::seed_from_u64(7);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                one_change();
                changed.fetch_add(1, Ordering::SeqCst);
            }
        });
        for _ in 0..kills() {
            let whom = ["notification", "notification", "registry", "profile", "account"][chance.random_range(0..5)];
            // Some moment of the next few steps of whatever is under way.
            let moment = std::time::Instant::now() + Duration::from_micros(chance.random_range(0..150_000));
            while std::time::Instant::now() < moment {
                thread::yield_now();
            }
            deployment.kill(whom);
        }
        over.store(true, Ordering::SeqCst);
    });
    let made = ids(&deployment, "registry", "select id from registry.changes where kind = 'DomainModified'");
    assert_eq!(made.len(), changed.into_inner(), "a change for each domain");
    let told = || {
        let sql =
            "select change_id from notification.notifications where feed = 'registry' and kind = 'domainModified'";
        ids(&deployment, "notification", sql)
    };
    eventually("all are told", || (told().len() >= made.len()).then_some(()));
    let told = told();
    let once: BTreeSet<i64> = told.iter().copied().collect();
    println!("{} kills, {} changes, {} told", kills(), made.len(), told.len());
    assert_eq!((once.len(), &once), (told.len(), &made.into_iter().collect()), "each once");
}

fn ids(deployment: &Deployment, service: &str, sql: &str) -> Vec<i64> {
    deployment.connect(service, "superuser").query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Asks until there is an answer that isn't 503.
fn until_done(call: impl Fn() -> Call) -> Response {
    eventually("an answer", || call().try_send().ok().filter(|answer| answer.status < 500))
}
