//! APIs: one, and the ways to change it.

use serde_json::json;
use uuid::Uuid;

use super::desk::Desk;
use crate::assert::{has_members, problem, problem_at, problem_of, same};
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case { name: "apis: what is made is read, with all that belongs to it", run: made },
        Case { name: "apis: without more than a name and a place", run: plain },
        Case { name: "apis: names are unique in the organisation, whatever the case", run: unique },
        Case { name: "apis: a patch changes what it names, or nothing", run: patched },
        Case { name: "apis: a move, and one to where it is", run: moved },
        Case { name: "apis: one that is deleted is gone", run: deleted },
    ];
    cases.extend(super::api_values::cases());
    cases.extend(super::api_lists::cases());
    cases
}

fn made(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, sub_domain) = desk.place();
    let (business, technical) = (desk.tenant.admin_profile, world.fixture.profile(&desk.tenant));
    let body = json!({
        "name": "card-payments", "title": "Card payments", "description": "Charge a card.", "tags": ["money", "cards"],
        "subDomainId": sub_domain, "businessOwnerId": business, "technicalOwnerId": technical, "version": {"major": 2, "minor": 7},
    });
    let made = desk.post("/apis", &body).expect(201);
    let path = format!("/apis/{}", made.id());
    assert_eq!(made.header("location"), Some(format!("/api/v1{}", desk.tenant.path(&path)).as_str()));
    let read = desk.get(&path).expect(200);
    same(&made.json(), &read.json());
    assert_eq!(made.etag(), read.etag());
    let api = read.json();
    let all = [
        "businessOwner",
        "createdAt",
        "description",
        "domain",
        "id",
        "name",
        "subDomain",
        "tags",
        "technicalOwner",
        "title",
        "updatedAt",
        "version",
        "versions",
    ];
    has_members(&api, &all);
    for field in ["name", "title", "description"] {
        assert_eq!(api[field], body[field]);
    }
    assert_eq!(api["tags"], json!(["cards", "money"]));
    assert_eq!(api["domain"]["id"], json!(domain));
    same(&api["subDomain"], &json!({"id": sub_domain, "name": "Sub domain"}));
    has_members(&api["businessOwner"], &["id", "jobTitle", "name"]);
    assert_eq!(api["businessOwner"]["id"], json!(business));
    assert_eq!(api["technicalOwner"]["id"], json!(technical));
    same(&api["versions"], &json!([{"major": 2, "minor": 7, "status": "inception"}]));
}

fn plain(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, sub_domain) = desk.place();
    let api = desk.post("/apis", &json!({"name": "plain", "subDomainId": sub_domain})).expect(201).json();
    for field in ["title", "description", "businessOwner", "technicalOwner"] {
        assert!(api[field].is_null(), "{field}: {api}");
    }
    assert_eq!(api["tags"], json!([]));
    same(&api["versions"], &json!([{"major": 0, "minor": 1, "status": "inception"}]));
    assert_eq!(api["version"], json!(1));
}

fn unique(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, one) = desk.place();
    let two = desk.sub_domain(domain, "Two");
    desk.api(one, "Cards");
    let other = desk.api(two, "other");
    let again = desk.post("/apis", &json!({"name": "cards", "subDomainId": two}));
    problem_of(&again, 409, "name-taken");
    problem_of(&desk.patch(&format!("/apis/{other}"), &json!({"name": "CARDS"})), 409, "name-taken");
    let stranger = Desk::new(world, "team");
    let (_, theirs) = stranger.place();
    stranger.api(theirs, "Cards");
}

fn patched(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, sub_domain) = desk.place();
    let owner = desk.tenant.admin_profile;
    let body = json!({"name": "cards", "title": "Cards", "tags": ["b", "a"], "subDomainId": sub_domain, "technicalOwnerId": owner});
    let before = desk.post("/apis", &body).expect(201);
    let path = format!("/apis/{}", before.id());
    for nothing in [
        json!({}),
        json!({"tags": ["b", "a"], "title": "Cards"}),
        json!({"technicalOwnerId": owner, "description": null}),
    ] {
        same(&before.json(), &desk.patch(&path, &nothing).expect(200).json());
    }
    let patch =
        json!({"title": null, "tags": ["c", "b"], "businessOwnerId": owner, "technicalOwnerId": null, "name": "Cards"});
    let after = desk.patch(&path, &patch).expect(200);
    same(&after.json(), &desk.get(&path).expect(200).json());
    let api = after.json();
    assert_eq!((&api["name"], &api["title"], &api["tags"]), (&json!("Cards"), &json!(null), &json!(["b", "c"])));
    assert_eq!(api["businessOwner"]["id"], json!(owner));
    assert!(api["technicalOwner"].is_null());
    assert_eq!(api["version"], json!(2));
    let stale = desk.call("PATCH", &path).if_match(&before.etag()).json(&json!({"title": "x"})).send();
    problem(&stale, 412);
    for other in ["subDomainId", "version", "versions"] {
        problem_at(&desk.patch(&path, &json!({other: null})), 400, other);
    }
    assert_eq!(desk.patch(&path, &json!({"tags": []})).expect(200).json()["tags"], json!([]));
}

fn moved(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, one) = desk.place();
    let two = desk.sub_domain(domain, "Two");
    let path = format!("/apis/{}", desk.api(one, "cards"));
    let to = |place: Uuid| desk.change("POST", &path, &format!("{path}/move"), &json!({"subDomainId": place}));
    let before = desk.get(&path).expect(200);
    same(&before.json(), &to(one).expect(200).json());
    let after = to(two).expect(200);
    same(&after.json()["subDomain"], &json!({"id": two, "name": "Two"}));
    assert_eq!(after.json()["version"], json!(2));
    same(&after.json(), &desk.get(&path).expect(200).json());
    problem_at(&to(Uuid::now_v7()), 422, "subDomainId");
    let body = json!({"subDomainId": one});
    problem(&desk.call("POST", &format!("{path}/move")).if_match(&before.etag()).json(&body).send(), 412);
    problem(&desk.post(&format!("{path}/move"), &body), 428);
    desk.delete(&format!("/sub-domains/{one}")).expect(204);
}

fn deleted(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, sub_domain) = desk.place();
    let path = format!("/apis/{}", desk.api(sub_domain, "cards"));
    problem(&desk.call("DELETE", &path).send(), 428);
    problem(&desk.call("DELETE", &path).if_match("\"7\"").send(), 412);
    desk.delete(&path).expect(204);
    problem(&desk.get(&path), 404);
    problem(&desk.get(&format!("{path}/versions")), 404);
    problem(&desk.call("DELETE", &path).if_match("\"1\"").send(), 404);
    // Its name is free again.
    desk.api(sub_domain, "cards");
}
