//! More than there are threads for: refused at once, and all good again afterwards.

use std::sync::{Arc, Barrier};
use std::thread;

use diesel::connection::SimpleConnection;
use kit::auth::Scope;
use serde_json::json;

use crate::http::{get, json as send_json, until};
use crate::sample::{Settings, World};

#[test]
fn a_full_queue_is_503_at_once() {
    let gate = Arc::new(Barrier::new(2));
    let settings = Settings { gate: Arc::clone(&gate), ..Settings::default() };
    let world = World::with(settings, |common| {
        common.pool_read_size = 1;
        common.queue_max = 1;
    });
    let metric = |text: &str| get(&format!("{}/metrics", world.service.url), &[]).text().contains(text);
    thread::scope(|scope| {
        let first = scope.spawn(|| get(&world.url("/wait"), &[]).status);
        gate.wait();
        let second = scope.spawn(|| get(&world.url("/organisations"), &[]).status);
        until("one waits", || metric("queue_jobs{lane=\"read\",service=\"account\"} 1").then_some(()));
        let refused = get(&world.url("/organisations"), &[]);
        refused.problem(503);
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(get(&format!("{}/healthz", world.service.url), &[]).status, 200, "the event loop is free");
        assert_eq!(get(&format!("{}/readyz", world.service.url), &[]).status, 200, "busy is not away");
        gate.wait();
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (204, 200));
    });
    assert_eq!(get(&world.url("/organisations"), &[]).status, 200);
}

#[test]
fn a_lock_that_is_not_had_in_time_is_503() {
    let world = World::new();
    let organisation = world.organisation("Acme");
    let mut holder = world.db.connect("superuser");
    holder.batch_execute("begin; select 1 from account.organisations for update").unwrap();
    let admin = world.token(Scope::Admin, Some(organisation));
    let headers = [("authorization", admin.as_str()), ("if-match", "\"1\"")];
    let url = world.url(&format!("/organisations/{organisation}"));
    let busy = send_json("PATCH", &url, &headers, &json!({ "name": "B" }));
    busy.problem(503);
    assert_eq!(busy.header("retry-after"), "1");
    assert_eq!(world.find(organisation).status, 200, "reads don't wait");
    holder.batch_execute("rollback").unwrap();
    assert_eq!(send_json("PATCH", &url, &headers, &json!({ "name": "B" })).status, 200);
}
