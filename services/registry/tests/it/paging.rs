//! Pages while others insert and delete: nothing skipped, nothing twice, among what was there throughout.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use behaviour::assert::pages;
use behaviour::registry::Desk;
use behaviour::{Value, json};
use uuid::Uuid;

use crate::fixture::House;

/// Reads a list a few times in pages while three threads make and delete what `noise` makes, and compares with what stays.
fn steady(desk: &Desk, list: &str, key: &str, stays: &BTreeSet<String>, noise: impl Fn() + Sync) {
    let over = AtomicBool::new(false);
    let (path, token) = (desk.tenant.path(list), &desk.tenant.member_token);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    noise();
                }
            });
        }
        for limit in [1, 2, 3, 7, 20] {
            // `pages` panics where something comes twice.
            let result =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pages(&desk.service, &path, token, limit)));
            let seen: Vec<Value> = result.inspect_err(|_| over.store(true, Ordering::SeqCst)).unwrap();
            let seen: BTreeSet<String> = seen.iter().map(|item| item[key].to_string()).collect();
            let skipped: Vec<_> = stays.difference(&seen).collect();
            if !skipped.is_empty() {
                over.store(true, Ordering::SeqCst);
            }
            assert!(skipped.is_empty(), "{list} limit={limit} skipped {skipped:?}");
        }
        over.store(true, Ordering::SeqCst);
    });
}

fn ids(ids: impl IntoIterator<Item = Uuid>) -> BTreeSet<String> {
    ids.into_iter().map(|id| json!(id).to_string()).collect()
}

fn name() -> String {
    format!("noise {}", Uuid::now_v7())
}

#[test]
fn apis() {
    let house = House::new();
    let desk = Desk::new(&house.world, "payg");
    let (_, place) = desk.place();
    let stays: Vec<Uuid> = (0..15)
        .map(|n| {
            let noise = desk.api(place, &name());
            let id = desk.api(place, &format!("stays-{n}"));
            desk.delete(&format!("/apis/{noise}")).expect(204);
            id
        })
        .collect();
    let noise = || {
        let id = desk.api(place, &name());
        desk.delete(&format!("/apis/{id}")).expect(204);
    };
    steady(&desk, "/apis", "id", &ids(stays.clone()), noise);
    steady(&desk, &format!("/apis?subDomainId={place}&status=inception"), "id", &ids(stays), noise);
}

#[test]
fn domains_and_sub_domains() {
    let house = House::new();
    let desk = Desk::new(&house.world, "payg");
    let domains: Vec<Uuid> = (0..10).map(|n| desk.domain(&format!("Stays {n}"))).collect();
    steady(&desk, "/domains", "id", &ids(domains.clone()), || {
        let id = desk.domain(&name());
        desk.delete(&format!("/domains/{id}")).expect(204);
    });
    let home = domains[0];
    let sub_domains: Vec<Uuid> = (0..10).map(|n| desk.sub_domain(home, &format!("Stays {n}"))).collect();
    steady(&desk, &format!("/domains/{home}/sub-domains"), "id", &ids(sub_domains), || {
        let id = desk.sub_domain(home, &name());
        desk.delete(&format!("/sub-domains/{id}")).expect(204);
    });
}

#[test]
fn tags_and_watches() {
    let house = House::new();
    let desk = Desk::new(&house.world, "payg");
    let (_, place) = desk.place();
    let tags: Vec<String> = (0..20).map(|n| format!("stays-{n}")).collect();
    desk.post("/apis", &json!({"name": "stays", "subDomainId": place, "tags": tags})).expect(201);
    let stays = tags.iter().map(|tag| json!(tag).to_string()).collect();
    steady(&desk, "/tags", "name", &stays, || {
        let body = json!({"name": name(), "subDomainId": place, "tags": [format!("stays-{}", Uuid::now_v7())]});
        let id = desk.post("/apis", &body).expect(201).id();
        desk.delete(&format!("/apis/{id}")).expect(204);
    });
    let watch = |id: Uuid| desk.post("/watches", &json!({"kind": "api", "targetId": id})).expect(201).id();
    let watches: Vec<Uuid> = (0..10).map(|n| watch(desk.api(place, &format!("watched-{n}")))).collect();
    steady(&desk, "/watches", "id", &ids(watches), || {
        let id = desk.api(place, &name());
        watch(id);
        desk.delete(&format!("/apis/{id}")).expect(204);
    });
}
