//! Pages while others insert and delete.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use behaviour::assert::{moment, pages};
use behaviour::{Tenant, World, json};
use diesel::prelude::*;

use crate::fixture::House;

fn create(world: &World, tenant: &Tenant, name: &str) -> (String, String) {
    let body = json!({"name": name, "email": format!("{name}@paging.example"), "timeZone": "UTC"});
    let answer =
        world.profile().post(&tenant.path("/profiles")).token(&tenant.admin_token).json(&body).send().expect(201);
    (answer.id().to_string(), answer.etag())
}

fn delete(world: &World, tenant: &Tenant, (id, etag): &(String, String)) {
    let path = tenant.path(&format!("/profiles/{id}"));
    world.profile().delete(&path).token(&tenant.admin_token).if_match(etag).send().expect(204);
}

/// Rows that existed throughout come once each, in order; `pages` panics where one comes twice.
#[test]
fn nothing_is_skipped_and_nothing_comes_twice() {
    let house = House::new();
    let tenant = house.world.tenant("enterprise");
    let world = &house.world;
    // Every other one goes while the pages are walked.
    let all: Vec<_> = (0..60).map(|n| create(world, &tenant, &format!("p{n}"))).collect();
    let (staying, going): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (_, person) in &going {
                delete(world, &tenant, person);
            }
        });
        scope.spawn(|| {
            let mut n = 0;
            while !done.load(Ordering::Relaxed) {
                n += 1;
                create(world, &tenant, &format!("new{n}"));
            }
        });
        for (round, limit) in [1, 2, 3, 7, 50, 200].into_iter().enumerate() {
            let filter = if round % 2 == 0 { "" } else { "?q=P" };
            let items =
                pages(&world.profile(), &tenant.path(&format!("/profiles{filter}")), &tenant.member_token, limit);
            let order: Vec<_> = items.iter().map(|item| (moment(&item["createdAt"]), item["id"].as_str())).collect();
            assert!(order.is_sorted(), "not in the order of createdAt, id");
            let seen: HashSet<_> = items.iter().filter_map(|item| item["id"].as_str()).collect();
            for (n, (id, _)) in &staying {
                assert!(seen.contains(id.as_str()), "p{n} was skipped with limit {limit}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

diesel::table! {
    profile.profiles (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        created_at -> Timestamptz,
    }
}

/// Everybody created at the same microsecond: the id decides, and a page may end between any two.
#[test]
fn people_of_one_moment_come_once_each() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    for _ in 0..9 {
        house.world.fixture.profile(&tenant);
    }
    diesel::update(profiles::table.filter(profiles::organisation_id.eq(tenant.org)))
        .set(profiles::created_at.eq(chrono::Utc::now()))
        .execute(&mut house.db.connect("superuser"))
        .unwrap();
    for (limit, filter, count) in [(1, "", 11), (4, "", 11), (10, "", 11), (1, "?q=pat", 9), (4, "?q=pat", 9)] {
        let path = tenant.path(&format!("/profiles{filter}"));
        let items = pages(&house.world.profile(), &path, &tenant.member_token, limit);
        assert_eq!(items.len(), count, "limit {limit}{filter}");
        assert!(items.iter().map(|item| item["id"].as_str()).is_sorted(), "limit {limit}{filter}");
    }
}
