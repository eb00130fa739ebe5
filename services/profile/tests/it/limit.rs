//! The plan's users, exactly.

use std::sync::Barrier;

use behaviour::assert::problem_of;
use behaviour::{Response, Tenant, World, json};
use diesel::prelude::*;

use crate::fixture::House;

diesel::table! {
    profile.head_counts (organisation_id) {
        organisation_id -> Uuid,
        users -> Integer,
    }
}
diesel::table! {
    profile.profiles (organisation_id, id) {
        organisation_id -> Uuid,
        id -> Uuid,
        deleted_at -> Nullable<Timestamptz>,
    }
}

fn create(world: &World, tenant: &Tenant, name: &str) -> Response {
    let body = json!({"name": name, "email": format!("{name}@limit.example"), "timeZone": "UTC"});
    world.profile().post(&tenant.path("/profiles")).token(&tenant.admin_token).json(&body).send()
}

/// The counter, and what it counts.
fn counted(house: &House, tenant: &Tenant) -> (i64, i64) {
    let connection = &mut house.db.connect("profile_reader");
    let users: i32 = head_counts::table.find(tenant.org).select(head_counts::users).first(connection).unwrap();
    let living =
        profiles::table.filter(profiles::organisation_id.eq(tenant.org)).filter(profiles::deleted_at.is_null());
    (users.into(), living.count().get_result(connection).unwrap())
}

/// `free` has three places, and a tenant takes two.
#[test]
fn of_a_hundred_at_once_one_takes_the_last_place() {
    let house = House::new();
    for round in 0..10 {
        let tenant = house.world.tenant("free");
        let start = Barrier::new(100);
        let answers: Vec<Response> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..100)
                .map(|n| {
                    let (world, tenant, start) = (&house.world, &tenant, &start);
                    scope.spawn(move || {
                        start.wait();
                        create(world, tenant, &format!("r{round}n{n}"))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (created, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(
            created.len(),
            1,
            "round {round}: {:?}",
            refused.iter().map(|answer| answer.status).collect::<Vec<_>>()
        );
        for answer in refused {
            let problem = problem_of(&answer, 409, "plan-limit-reached");
            let members = ["limit", "used", "plan", "resource"].map(|key| problem[key].clone());
            assert_eq!(members, [json!(3), json!(3), json!("free"), json!("users")], "round {round}");
        }
        assert_eq!(counted(&house, &tenant), (3, 3), "round {round}");
    }
}

/// Creates, deletions and refused requests at once leave the counter equal to what it counts.
#[test]
fn the_counter_stays_equal_to_the_count() {
    let house = House::new();
    let tenant = house.world.tenant("team");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (world, tenant) = (&house.world, &tenant);
            scope.spawn(move || {
                for n in 0..12 {
                    // Every third address is shared by all threads: 409, after the place was taken.
                    let name = if n % 3 == 0 { format!("same{n}") } else { format!("t{thread}n{n}") };
                    let answer = create(world, tenant, &name);
                    assert!([201, 409].contains(&answer.status), "{}", answer.describe());
                    if answer.status == 201 && n % 2 == 0 {
                        let path = tenant.path(&format!("/profiles/{}", answer.id()));
                        let delete = world.profile().delete(&path).token(&tenant.admin_token);
                        delete.if_match(&answer.etag()).send().expect(204);
                    }
                }
            });
        }
    });
    let (counter, count) = counted(&house, &tenant);
    assert_eq!(counter, count);
    assert!((3..=25).contains(&count), "{count} of at most 25");
}

/// An organisation that nobody was counted in yet: all start the counter at once.
#[test]
fn the_first_people_start_the_counter_together() {
    let house = House::new();
    let tenant = house.world.tenant("free");
    let connection = &mut house.db.connect("superuser");
    diesel::delete(head_counts::table.find(tenant.org)).execute(connection).unwrap();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|n| {
                let (world, tenant) = (&house.world, &tenant);
                scope.spawn(move || create(world, tenant, &format!("f{n}")).status)
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 3, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 17, "{statuses:?}");
}
