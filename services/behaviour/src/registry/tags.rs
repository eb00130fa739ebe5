//! Tags in use.

use serde_json::{Value, json};

use super::desk::Desk;
use crate::assert::{pages, problem_at, same};
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "tags: each with the APIs that have it, by name", run: counted },
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
