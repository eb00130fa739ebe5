//! Connections that die: the next read doesn't notice, and no write is done twice.

use std::sync::Barrier;

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use kit::auth::Scope;
use serde_json::json;

use crate::http::{get, json as send_json, until};
use crate::sample::World;

fn end_all(superuser: &mut PgConnection) {
    let end = "select pg_terminate_backend(pid, 5000) from pg_stat_activity \
               where datname = current_database() and usename like 'account\\_%'";
    superuser.batch_execute(end).unwrap();
}

#[test]
fn after_all_connections_were_ended_nobody_sees_it() {
    let world = World::new();
    let organisation = world.organisation("Acme");
    assert_eq!(world.find(organisation).status, 200);
    let mut superuser = world.db.connect("superuser");
    for round in 0..5 {
        end_all(&mut superuser);
        let answer = world.find(organisation);
        assert_eq!(answer.status, 200, "a read is tried again: {}", answer.text());
        // A begin on a dead connection did nothing, so it is tried again as well.
        let made = send_json("POST", &world.url("/organisations"), &[], &json!({ "name": format!("org {round}") }));
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let ready = get(&format!("{}/readyz", world.service.url), &[]);
    assert_eq!(ready.status, 200, "{}", ready.text());
}

/// No new connections, and the old ones ended: as good as stopped, on a cluster that other tests use.
fn take_away(superuser: &mut PgConnection) {
    allow(superuser, false);
    end_all(superuser);
}

fn allow(superuser: &mut PgConnection, yes: bool) {
    let sql = format!("update pg_catalog.pg_database set datallowconn = {yes} where datname = current_database()");
    superuser.batch_execute(&sql).unwrap();
}

/// Whoever waits for somebody else's look at the keys learns, too, that there was none.
#[test]
fn while_keys_cannot_be_read_a_good_token_is_not_called_a_bad_one() {
    let world = World::new();
    let organisation = world.organisation("Acme");
    let token = world.token(Scope::Member, Some(organisation));
    let url = world.url(&format!("/organisations/{organisation}"));
    let mut superuser = world.db.connect("superuser");
    take_away(&mut superuser);
    let together = Barrier::new(8);
    let ask = || {
        together.wait();
        get(&url, &[("authorization", &token)]).status
    };
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses, [503; 8]);
    allow(&mut superuser, true);
    until("a 200", || (get(&url, &[("authorization", &token)]).status == 200).then_some(()));
}

#[test]
fn a_database_that_is_away_is_503_until_it_is_back() {
    let world = World::new();
    let organisation = world.organisation("Acme");
    let mut superuser = world.db.connect("superuser");
    take_away(&mut superuser);
    for _ in 0..6 {
        let away = world.find(organisation);
        away.problem(503);
        assert_eq!(away.header("retry-after"), "1");
    }
    assert_eq!(get(&format!("{}/readyz", world.service.url), &[]).status, 503);
    assert_eq!(get(&format!("{}/healthz", world.service.url), &[]).status, 200);
    allow(&mut superuser, true);
    until("a 200", || (world.find(organisation).status == 200).then_some(()));
    let made = send_json("POST", &world.url("/organisations"), &[], &json!({ "name": "back" }));
    assert!(made.status == 201 || made.status == 503, "{}", made.text());
    until("a write", || {
        let made = send_json("POST", &world.url("/organisations"), &[], &json!({ "name": "back again" }));
        (made.status == 201).then_some(())
    });
}
