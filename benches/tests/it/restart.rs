//! The database goes away and comes back.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use behaviour::{Response, json};

use crate::sql;
use crate::support::{Load, breakable, sub_domain, unique, until, world};

#[test]
fn busy_while_it_is_away_and_nothing_lost() {
    let system = breakable();
    let target = system.up.place().clone();
    let world = world(&target);
    let tenant = world.tenant("enterprise");
    let sub = sub_domain(&world.registry(), tenant.org, &tenant.admin_token);
    let processes = || -> Vec<_> { lab::system::services::names().map(|name| system.up.process_id(name)).collect() };
    let before = processes();
    let (created, busy) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (registry, shared, counts) = (world.registry(), tenant.clone(), (Arc::clone(&created), Arc::clone(&busy)));
    let load = Load::start(6, move |_, go_on| {
        let mut written = Vec::new();
        while go_on() {
            let name = unique("restart");
            let body = json!({"name": name, "subDomainId": sub});
            let answer = registry.post(&shared.path("/apis")).token(&shared.admin_token).json(&body).send();
            match answer.status {
                201 => {
                    counts.0.fetch_add(1, Ordering::Relaxed);
                    written.push(name);
                }
                _ => {
                    is_busy(&answer);
                    counts.1.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
        written
    });
    until("work is under way", || created.load(Ordering::Relaxed) > 50);
    system.up.stop_database().unwrap();
    let reads = || {
        [
            world.registry().get(&tenant.path("/apis")).token(&tenant.admin_token).send(),
            world.profile().get(&tenant.path("/profiles")).token(&tenant.admin_token).send(),
            world.account().get(&tenant.path("")).token(&tenant.admin_token).send(),
        ]
    };
    reads().iter().for_each(is_busy);
    until("writes are refused", || busy.load(Ordering::Relaxed) > 6);
    for name in lab::system::services::names() {
        world.service(name).root("/healthz").send().expect(200);
        assert_ne!(world.service(name).root("/readyz").send().status, 200, "{name} isn't ready without its database");
    }
    system.up.start_database().unwrap();
    let so_far = created.load(Ordering::Relaxed);
    let back = until("all is good again", || {
        created.load(Ordering::Relaxed) > so_far && reads().iter().all(|answer| answer.status == 200)
    });
    println!("good again after {back:?}");
    let written: Vec<String> = load.end().into_iter().flatten().collect();
    let mut database = sql::connect(&target);
    let there = format!("select name as line from registry.apis where organisation_id = '{}'", tenant.org);
    let there: HashSet<String> = sql::lines(&mut database, &there).into_iter().collect();
    let lost: Vec<&String> = written.iter().filter(|name| !there.contains(*name)).collect();
    assert!(lost.is_empty(), "answered with 201, and gone: {lost:?}");
    assert_eq!(sql::wrong_counters(&mut database), Vec::<String>::new());
    assert_eq!(before, processes(), "no process died");
    assert!(system.news().is_empty(), "{:?}", system.news());
}

#[track_caller]
fn is_busy(answer: &Response) {
    assert_eq!(answer.status, 503, "{}", answer.describe());
    let wait = answer.header("retry-after").and_then(|text| text.parse::<u64>().ok());
    assert!(wait.is_some(), "Retry-After: {}", answer.describe());
}
