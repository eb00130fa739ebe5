//! Two transactions that must not both be true, brought to the point where they would be.

use std::thread;

use behaviour::assert::{eventually, problem_at};
use behaviour::registry::Desk;
use behaviour::{Response, json};
use diesel::PgConnection;
use uuid::Uuid;

use crate::fixture::House;
use crate::sql;

/// Waits until a login of this database waits for a lock.
fn waiting(superuser: &mut PgConnection, role: &str) {
    let waiters = format!(
        "select count(*) from pg_stat_activity
        where datname = current_database() and usename = '{role}' and wait_event_type = 'Lock'"
    );
    eventually(&format!("{role} waits"), || (sql::number(superuser, &waiters) > 0).then_some(()));
}

/// The first half of Profile's deletion: the lock and the tombstone.
fn bury(profile: &mut PgConnection, id: Uuid) {
    sql::run(
        profile,
        &format!(
            "begin; select 1 from profile.profiles where id = '{id}' for update;
            update profile.profiles set name = null, job_title = null, email = null, time_zone = null, deleted_at = now(),
                version = version + 1 where id = '{id}'"
        ),
    )
    .unwrap();
}

/// The second half: does the person answer for something? Then not.
fn settle(profile: &mut PgConnection, id: Uuid) -> bool {
    let owns =
        sql::number(profile, &format!("select count(*) from published.responsibilities where profile_id = '{id}'"));
    sql::run(profile, if owns == 0 { "commit" } else { "rollback" }).unwrap();
    owns == 0
}

/// Owners that are tombstones; there must never be one.
fn owned_by_tombstones(house: &House) -> i64 {
    sql::number(
        &mut house.db.connect("superuser"),
        "select count(*) from published.responsibilities r
        join profile.profiles p on p.organisation_id = r.organisation_id and p.id = r.profile_id
        where p.deleted_at is not null",
    )
}

/// All ways to make somebody an owner.
fn attempts(desk: &Desk, owner: Uuid, n: usize) -> [(&'static str, String, behaviour::Value); 4] {
    let (_, place) = desk.place();
    let api = desk.api(place, &format!("there-{n}"));
    let domain = desk.domain(&format!("There {n}"));
    [
        (
            "POST",
            "/apis".to_owned(),
            json!({"name": format!("new-{n}"), "subDomainId": place, "technicalOwnerId": owner}),
        ),
        ("POST", "/domains".to_owned(), json!({"name": format!("New {n}"), "businessOwnerId": owner})),
        ("PATCH", format!("/apis/{api}"), json!({"businessOwnerId": owner})),
        ("PATCH", format!("/domains/{domain}"), json!({"businessOwnerId": owner})),
    ]
}

fn send(desk: &Desk, (method, path, body): &(&str, String, behaviour::Value)) -> Response {
    desk.call(method, path).if_match("\"1\"").json(body).send()
}

#[test]
fn a_person_deleted_first_becomes_nobodys_owner() {
    let house = House::new();
    let desk = Desk::new(&house.world, "payg");
    let (mut superuser, mut profile) = (house.db.connect("superuser"), house.db.connect("profile_writer"));
    for n in 0..4 {
        let owner = house.world.fixture.profile(&desk.tenant);
        let attempt = &attempts(&desk, owner, n)[n];
        bury(&mut profile, owner);
        thread::scope(|scope| {
            let client = scope.spawn(|| send(&desk, attempt));
            // The create has seen the person, and its key waits for the deletion.
            waiting(&mut superuser, "registry_writer");
            assert!(settle(&mut profile, owner));
            let answer = client.join().unwrap();
            assert_eq!(answer.status, 422, "{}", answer.describe());
        });
        assert_eq!(owned_by_tombstones(&house), 0);
        let field = if n == 0 { "technicalOwnerId" } else { "businessOwnerId" };
        problem_at(&send(&desk, attempt), 422, field);
    }
    assert_eq!(sql::miscounted(&mut superuser), "");
}

#[test]
fn an_owner_made_first_is_not_deleted() {
    let house = House::new();
    let desk = Desk::new(&house.world, "payg");
    let (mut superuser, mut gate) = (house.db.connect("superuser"), house.db.connect("superuser"));
    for n in 0..4 {
        let owner = house.world.fixture.profile(&desk.tenant);
        let attempt = &attempts(&desk, owner, n)[n];
        // The request has written who owns, and stops there: a new API where it is read back, all others at their change.
        let (table, mode) = match n {
            0 => ("registry.domains", "access exclusive"),
            _ => ("registry.changes", "exclusive"),
        };
        sql::run(&mut gate, &format!("begin; lock table {table} in {mode} mode")).unwrap();
        thread::scope(|scope| {
            let client = scope.spawn(|| send(&desk, attempt));
            waiting(&mut superuser, "registry_writer");
            let deletion = scope.spawn(|| {
                let mut profile = house.db.connect("profile_writer");
                bury(&mut profile, owner);
                settle(&mut profile, owner)
            });
            waiting(&mut superuser, "profile_writer");
            sql::run(&mut gate, "commit").unwrap();
            let answer = client.join().unwrap();
            assert!([200, 201].contains(&answer.status), "{}", answer.describe());
            assert!(!deletion.join().unwrap(), "a person was deleted who answers for something");
        });
        assert_eq!(owned_by_tombstones(&house), 0);
    }
}

/// No interleaving chosen, many tried.
#[test]
fn whoever_is_faster() {
    let house = House::new();
    let desk = Desk::new(&house.world, "payg");
    let mut won = [0, 0];
    for n in 0..40 {
        let owner = house.world.fixture.profile(&desk.tenant);
        let attempt = &attempts(&desk, owner, n)[n % 4];
        thread::scope(|scope| {
            let client = scope.spawn(|| send(&desk, attempt).status);
            let deletion = scope.spawn(|| {
                let mut profile = house.db.connect("profile_writer");
                bury(&mut profile, owner);
                settle(&mut profile, owner)
            });
            let (status, deleted) = (client.join().unwrap(), deletion.join().unwrap());
            assert_eq!(deleted, status == 422, "status {status}, deleted {deleted}");
            won[usize::from(deleted)] += 1;
        });
    }
    println!("owners {}, deletions {}", won[0], won[1]);
    assert_eq!(owned_by_tombstones(&house), 0);
}

/// Without the keys there is nothing to wait for, but whoever isn't there is still no owner.
#[test]
fn without_cross_keys_an_owner_must_be_there_all_the_same() {
    let house = House::new();
    let desk = Desk::new(&house.world, "payg");
    let drop = "alter table registry.apis drop constraint apis_business_owner_id_fkey, drop constraint apis_technical_owner_id_fkey;
        alter table registry.domains drop constraint domains_business_owner_id_fkey, drop constraint domains_organisation_id_fkey";
    sql::run(&mut house.db.connect("superuser"), drop).unwrap();
    for (n, attempt) in attempts(&desk, Uuid::now_v7(), 0).iter().enumerate() {
        let field = if n == 0 { "technicalOwnerId" } else { "businessOwnerId" };
        problem_at(&send(&desk, attempt), 422, field);
    }
}

/// A watch that is being opened while its target is deleted: the feed never shows its end before its beginning.
#[test]
fn a_watch_ends_after_it_began() {
    let house = House::new();
    let desk = Desk::new(&house.world, "payg");
    let (_, place) = desk.place();
    let mut both = 0;
    for n in 0..40 {
        let api = desk.api(place, &format!("api-{n}"));
        thread::scope(|scope| {
            let watch = scope.spawn(|| desk.post("/watches", &json!({"kind": "api", "targetId": api})).status);
            let delete = scope.spawn(|| desk.delete(&format!("/apis/{api}")).status);
            assert_eq!(delete.join().unwrap(), 204);
            both += u32::from(watch.join().unwrap() == 201);
        });
    }
    let mut superuser = house.db.connect("superuser");
    assert_eq!(sql::number(&mut superuser, "select count(*) from registry.watches where ended_at is null"), 0);
    let inverted = "select count(*) from registry.changes e join registry.changes c
        on c.entity_id = e.entity_id and c.kind = 'WatchCreated' and e.kind = 'WatchEnded' and (e.xid, e.id) < (c.xid, c.id)";
    assert_eq!(sql::number(&mut superuser, inverted), 0);
    println!("opened before the deletion: {both}");
}

/// The deletion has its transaction's number before the watch has, and commits later: the order that would be wrong.
#[test]
fn a_watch_waits_for_a_deletion_before_it_has_a_number() {
    let house = House::new();
    let desk = Desk::new(&house.world, "payg");
    let (_, place) = desk.place();
    let api = desk.api(place, "cards");
    let (mut superuser, mut gate) = (house.db.connect("superuser"), house.db.connect("superuser"));
    sql::run(&mut gate, "begin; lock table registry.usage in exclusive mode").unwrap();
    thread::scope(|scope| {
        let delete = scope.spawn(|| desk.delete(&format!("/apis/{api}")).status);
        waiting(&mut superuser, "registry_writer");
        let watch = scope.spawn(|| desk.post("/watches", &json!({"kind": "api", "targetId": api})).status);
        let both = "select count(*) from pg_stat_activity
            where datname = current_database() and usename = 'registry_writer' and wait_event_type = 'Lock'";
        eventually("both wait", || (sql::number(&mut superuser, both) == 2).then_some(()));
        sql::run(&mut gate, "commit").unwrap();
        assert_eq!(delete.join().unwrap(), 204);
        assert_eq!(watch.join().unwrap(), 422, "its target is gone");
    });
}
