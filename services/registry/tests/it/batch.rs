//! Shared statements: whoever asks at the same time gets what they would have got alone, and nobody else's.

use std::thread;

use behaviour::assert::eventually;
use behaviour::registry::Desk;
use behaviour::{Call, json};
use uuid::Uuid;

use crate::fixture::House;
use crate::sql;

/// Status, ETag and body: all that a client sees of an answer, but for what names the request.
type Seen = (u16, String, String);

fn seen(call: &Call) -> Seen {
    let answer = call.clone().send();
    let mut body = answer.json();
    if let Some(problem) = body.as_object_mut() {
        problem.remove("instance");
    }
    let etag = answer.header("etag").unwrap_or_default().to_owned();
    (answer.status, etag, body.to_string())
}

/// Twelve tenants with two APIs each, every third frozen: their calls, and the id of an API that is asked for twice.
fn calls(house: &House) -> (Vec<Call>, Uuid) {
    let desks: Vec<(Desk, [Uuid; 2])> = (0..12)
        .map(|n| {
            let desk = Desk::new(&house.world, "team");
            let (_, sub_domain) = desk.place();
            let (owner, tags) = (desk.tenant.admin_profile, [format!("of-{n}"), "all".into()]);
            let apis = ["a", "b"].map(|name| {
                let body = json!({"name": format!("{name}-{n}"), "tags": tags, "subDomainId": sub_domain, "businessOwnerId": owner});
                desk.post("/apis", &body).expect(201).id()
            });
            (desk, apis)
        })
        .collect();
    for (desk, _) in desks.iter().step_by(3) {
        house.world.fixture.set_standing(desk.tenant.org, "frozen");
    }
    let mut calls = Vec::new();
    for (n, (desk, [a, b])) in desks.iter().enumerate() {
        let foreign = desks[(n + 4) % 12].1[0];
        for id in [*a, *b, *a, foreign, Uuid::now_v7()] {
            calls.push(desk.call("GET", &format!("/apis/{id}")));
        }
    }
    // Refused before any statement: no organisation of the token's, no UUID, no token.
    let (first, second) = (&desks[0].0, &desks[1].0);
    let foreign = second.tenant.path(&format!("/apis/{}", second.tenant.org));
    calls.push(first.service.get(&foreign).token(&first.tenant.member_token));
    calls.push(second.call("GET", "/apis/none"));
    calls.push(second.service.get(&foreign));
    calls.push(second.call("GET", &format!("/apis/{}", desks[1].1[0])));
    (calls, desks[1].1[0])
}

/// Reads that wait for a thread.
fn waiting(house: &House) -> u32 {
    let metrics = house.api().root("/metrics").send().text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("queue_jobs{lane=\"read\",service=\"registry\"} "));
    line.unwrap().parse().unwrap()
}

#[test]
fn sixty_four_at_a_time_each_get_their_own() {
    let house = House::with(|common| {
        // One thread and one connection, so that what comes meanwhile is answered together; patient, for the lock below.
        (common.pool_read_size, common.batch_max) = (1, 64);
        common.pool_wait_ms = 60_000;
        let url = common.database_read_url.as_mut().unwrap();
        url.push_str("?options=-clock_timeout%3D60s%20-cstatement_timeout%3D60s");
    });
    let (calls, broken) = calls(&house);
    assert_eq!(calls.len(), 64);
    let sound = alone_and_together(&house, &calls);
    assert_eq!(sound, [25, 20, 16, 0, 1, 1, 1]);
    // Of one row the database gives what nobody can read, so that the shared statement fails.
    let time = format!("update registry.apis set created_at = 'infinity' where id = '{broken}'");
    sql::run(&mut house.db.connect("superuser"), &time).unwrap();
    let with_errors = alone_and_together(&house, &calls);
    assert_eq!(with_errors, [22, 20, 16, 3, 1, 1, 1]);
}

/// Sends the calls one by one and then at once; how many were answered with 200, 402, 404, 500, 403, 400 and 401.
fn alone_and_together(house: &House, calls: &[Call]) -> [usize; 7] {
    let alone: Vec<Seen> = calls.iter().map(seen).collect();
    let mut superuser = house.db.connect("superuser");
    // One statement waits for a lock until all have asked: then they are answered together.
    sql::run(&mut superuser, "begin; lock table registry.apis").unwrap();
    let together: Vec<Seen> = thread::scope(|scope| {
        let holder = scope.spawn(|| seen(&calls[0]));
        eventually("the first waits for the lock", || {
            let blocked = "select count(*) from pg_locks where not granted and relation = 'registry.apis'::regclass";
            (sql::number(&mut superuser, blocked) == 1).then_some(())
        });
        let asked: Vec<_> = calls.iter().map(|call| scope.spawn(|| seen(call))).collect();
        eventually("all that need the database wait", || (waiting(house) == 61).then_some(()));
        sql::run(&mut superuser, "rollback").unwrap();
        assert_eq!(holder.join().unwrap(), alone[0]);
        asked.into_iter().map(|seen| seen.join().unwrap()).collect()
    });
    for (n, (together, alone)) in together.iter().zip(&alone).enumerate() {
        assert_eq!(together, alone, "call {n}");
    }
    [200, 402, 404, 500, 403, 400, 401].map(|status| alone.iter().filter(|seen| seen.0 == status).count())
}

#[test]
fn a_lost_connection_is_replaced_under_shared_reads() {
    let house = House::with(|common| common.batch_always = true);
    let desk = Desk::new(&house.world, "team");
    let (_, sub_domain) = desk.place();
    let path = format!("/apis/{}", desk.api(sub_domain, "cards"));
    desk.get(&path).expect(200);
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'registry_reader' and datname = current_database()";
    sql::run(&mut house.db.connect("superuser"), end).unwrap();
    desk.get(&path).expect(200);
}
