//! Tags in use.

use serde_json::{Value, json};

use super::desk::Desk;
use crate::assert::{pages, problem_at, problem_of, same};
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "tags: each with the APIs that have it, by name", run: counted },
        Case { name: "tags: one tag, name and filter, however their accents are coded", run: coded },
        Case { name: "tags: pages hold all, once", run: paged },
    ]
}

fn counted(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, place) = desk.place();
    same(&desk.get("/tags").expect(200).json(), &json!({"items": [], "nextCursor": null}));
    let make = |name: &str, tags: Value| {
        let body = json!({"name": name, "subDomainId": place, "tags": tags});
        desk.post("/apis", &body).expect(201).id()
    };
    let one = make("one", json!(["money", "cards"]));
    let two = make("two", json!(["money", "änderung"]));
    let items = || desk.get("/tags").expect(200).json()["items"].clone();
    same(
        &items(),
        &json!([{"name": "cards", "apis": 1}, {"name": "money", "apis": 2}, {"name": "änderung", "apis": 1}]),
    );
    desk.patch(&format!("/apis/{one}"), &json!({"tags": ["cards"]})).expect(200);
    desk.delete(&format!("/apis/{two}")).expect(204);
    same(&items(), &json!([{"name": "cards", "apis": 1}]));
}

fn coded(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, place) = desk.place();
    let body = json!({"name": "cafe\u{301}", "subDomainId": place, "tags": ["menu\u{308}"]});
    let made = desk.post("/apis", &body).expect(201).json();
    assert_eq!((&made["name"], &made["tags"]), (&json!("caf\u{e9}"), &json!(["men\u{fc}"])));
    let again = json!({"name": "CAF\u{c9}", "subDomainId": place});
    problem_of(&desk.post("/apis", &again), 409, "name-taken");
    let twice = json!({"name": "other", "subDomainId": place, "tags": ["men\u{fc}", "menu\u{308}"]});
    problem_at(&desk.post("/apis", &twice), 422, "tags[1]");
    for (filter, value) in [("tag", "men\u{fc}"), ("tag", "menu\u{308}"), ("q", "caf\u{e9}"), ("q", "CAFE\u{301}")] {
        let found = desk.call("GET", "/apis").query(filter, value).send().expect(200).json();
        assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{filter}={value}");
    }
    let subs = format!("/domains/{domain}/sub-domains");
    desk.post(&subs, &json!({"name": "\u{e9}t\u{e9}"})).expect(201);
    problem_of(&desk.post(&subs, &json!({"name": "e\u{301}te\u{301}"})), 409, "name-taken");
}

fn paged(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, place) = desk.place();
    let tags: Vec<String> = (10..25).map(|n| format!("tag-{n}")).collect();
    let body = json!({"name": "one", "subDomainId": place, "tags": tags});
    desk.post("/apis", &body).expect(201);
    let path = desk.tenant.path("/tags");
    for limit in [1, 4, 15] {
        let items = pages(&desk.service, &path, &desk.tenant.member_token, limit);
        let names: Vec<_> = items.iter().map(|tag| tag["name"].as_str().unwrap_or_default()).collect();
        assert_eq!(names, tags, "limit={limit}");
    }
    for limit in ["0", "201", "x"] {
        problem_at(&desk.get(&format!("/tags?limit={limit}")), 400, "limit");
    }
    let first = desk.get("/tags?limit=1").expect(200).json();
    let cursor = first["nextCursor"].as_str().unwrap_or_default();
    let stranger = Desk::new(world, "team");
    let foreign = stranger.call("GET", "/tags").query("cursor", cursor).send();
    problem_at(&foreign, 400, "cursor");
}
