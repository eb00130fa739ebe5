//! A read runs beside the fetch of its facts: what it answers is never older than the request.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use behaviour::json;

use crate::deployment::{Deployment, Plan};
use crate::relay::Condition;

/// How often the organisation is frozen or thawed.
const FLIPS: u64 = 24;
const READERS: usize = 4;

#[test]
fn no_read_shows_how_the_organisation_stood_before_it_was_sent() {
    reads_are_of_now(Plan::default());
}

#[test]
fn nor_in_sequence() {
    reads_are_of_now(Plan { in_sequence: true, ..Plan::default() });
}

fn reads_are_of_now(plan: Plan) {
    let deployment = Deployment::new(plan);
    let tenant = deployment.world.tenant("enterprise");
    let registry = deployment.api("registry");
    let domain = registry.post(&tenant.path("/domains")).token(&tenant.admin_token);
    let path = tenant.path(&format!("/domains/{}", domain.json(&json!({"name": "D"})).send().expect(201).id()));
    let (begun, done, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let (reads, wrong) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let before = done.load(Ordering::SeqCst);
                    let status = deployment.api("registry").get(&path).token(&tenant.admin_token).send().status;
                    // One that a flip came into may answer either way.
                    if begun.load(Ordering::SeqCst) == before {
                        reads.fetch_add(1, Ordering::SeqCst);
                        let expected = if before % 2 == 1 { 402 } else { 200 };
                        wrong.fetch_add(u64::from(status != expected), Ordering::SeqCst);
                    }
                }
            });
        }
        for flip in 1..=FLIPS {
            begun.store(flip, Ordering::SeqCst);
            deployment.set_standing(tenant.org, if flip % 2 == 1 { "frozen" } else { "active" });
            done.store(flip, Ordering::SeqCst);
            let enough = reads.load(Ordering::SeqCst) + 6;
            behaviour::assert::eventually("reads", || (reads.load(Ordering::SeqCst) >= enough).then_some(()));
        }
        over.store(true, Ordering::SeqCst);
    });
    println!("{} reads, {} wrong", reads.into_inner(), wrong.load(Ordering::SeqCst));
    assert_eq!(wrong.into_inner(), 0);
}

/// What is waited for stands in `Server-Timing`.
#[test]
fn waiting_for_a_neighbour_has_a_part_of_its_own() {
    let deployment = Deployment::new(Plan::default());
    let tenant = deployment.world.tenant("enterprise");
    let parts = || {
        let read =
            deployment.api("registry").get(&tenant.path("/domains")).token(&tenant.admin_token).send().expect(200);
        let header = read.header("server-timing").unwrap_or_default().to_owned();
        let part = |name: &str| {
            let of = header.split(", ").find_map(|part| part.strip_prefix(&format!("{name};dur=")).map(str::to_owned));
            of.map_or(0.0, |ms| ms.parse::<f64>().unwrap())
        };
        ["neighbours", "app"].map(part)
    };
    parts();
    deployment.relays["billing"].is(Condition::Slow);
    let [neighbours, app] = parts();
    deployment.relays["billing"].is(Condition::Well);
    assert!(neighbours > 100.0 && neighbours > app, "{neighbours} {app}");
}
