//! Domains.

use serde_json::json;
use uuid::Uuid;

use super::desk::Desk;
use crate::assert::{has_members, problem, problem_at, problem_of, same};
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "domains: what is made is read", run: made },
        Case { name: "domains: names are unique in the organisation, whatever the case", run: unique },
        Case { name: "domains: a patch changes what it names, and nothing else", run: patched },
        Case { name: "domains: a patch without effect writes nothing", run: without_effect },
        Case { name: "domains: owners are people of the organisation", run: owners },
        Case { name: "domains: values out of range are refused with their field", run: values },
        Case { name: "domains: the ETag guards", run: guarded },
        Case { name: "domains: one with sub domains stays", run: deleted },
    ]
}

fn made(world: &World) {
    let desk = Desk::new(world, "team");
    let owner = desk.tenant.admin_profile;
    let body = json!({"name": "Payments", "description": "Money", "businessOwnerId": owner});
    let made = desk.post("/domains", &body).expect(201);
    let path = format!("/domains/{}", made.id());
    assert_eq!(made.header("location"), Some(format!("/api/v1{}", desk.tenant.path(&path)).as_str()));
    let read = desk.get(&path).expect(200);
    same(&made.json(), &read.json());
    assert_eq!(made.etag(), read.etag());
    let domain = read.json();
    let all = ["businessOwner", "createdAt", "description", "id", "name", "updatedAt", "version"];
    has_members(&domain, &all);
    assert_eq!((&domain["name"], &domain["description"]), (&json!("Payments"), &json!("Money")));
    assert_eq!(domain["businessOwner"]["id"], json!(owner));
    has_members(&domain["businessOwner"], &["id", "jobTitle", "name"]);
    assert_eq!(read.etag(), format!("\"{}\"", domain["version"]));
    let plain = desk.post("/domains", &json!({"name": "Plain"})).expect(201).json();
    assert!(plain["description"].is_null() && plain["businessOwner"].is_null());
    let list = desk.get("/domains").expect(200).json();
    same(&list["items"], &json!([domain, plain]));
    assert!(list["nextCursor"].is_null());
}

fn unique(world: &World) {
    let desk = Desk::new(world, "team");
    desk.domain("Payments");
    let other = desk.domain("Other");
    let again = desk.post("/domains", &json!({"name": "PAYMENTS"}));
    problem_of(&again, 409, "name-taken");
    let renamed = desk.patch(&format!("/domains/{other}"), &json!({"name": "payments"}));
    problem_of(&renamed, 409, "name-taken");
    // Nor by the coding of its accents.
    desk.domain("Caf\u{e9}");
    problem_of(&desk.post("/domains", &json!({"name": "Cafe\u{301}"})), 409, "name-taken");
    problem_of(&desk.patch(&format!("/domains/{other}"), &json!({"name": "cafe\u{301}"})), 409, "name-taken");
    // Another organisation's names are nobody's business here.
    Desk::new(world, "team").domain("Payments");
    // Its own name in another case is free to it.
    desk.patch(&format!("/domains/{other}"), &json!({"name": "OTHER"})).expect(200);
}

fn patched(world: &World) {
    let desk = Desk::new(world, "team");
    let owner = desk.tenant.member_profile;
    let body = json!({"name": "Payments", "description": "Money", "businessOwnerId": owner});
    let before = desk.post("/domains", &body).expect(201).json();
    let path = format!("/domains/{}", before["id"].as_str().unwrap_or_default());
    let after = desk.patch(&path, &json!({"description": null})).expect(200).json();
    assert!(after["description"].is_null());
    assert_eq!(after["version"], json!(2));
    assert_eq!((&after["name"], &after["businessOwner"]), (&before["name"], &before["businessOwner"]));
    let after = desk.patch(&path, &json!({"name": "Cards", "businessOwnerId": null})).expect(200);
    same(&after.json(), &desk.get(&path).expect(200).json());
    assert!(after.json()["businessOwner"].is_null());
    assert_eq!(after.json()["name"], "Cards");
}

fn without_effect(world: &World) {
    let desk = Desk::new(world, "team");
    let body = json!({"name": "Payments", "description": "Money"});
    let before = desk.post("/domains", &body).expect(201);
    let path = format!("/domains/{}", before.id());
    for patch in [json!({}), json!({"name": "Payments"}), json!({"businessOwnerId": null, "description": "Money"})] {
        let after = desk.patch(&path, &patch).expect(200);
        same(&before.json(), &after.json());
        assert_eq!(before.etag(), after.etag());
    }
}

fn owners(world: &World) {
    let desk = Desk::new(world, "team");
    let stranger = world.tenant("team").admin_profile;
    let id = desk.domain("Payments");
    for owner in [stranger, Uuid::now_v7()] {
        let body = json!({"name": "Other", "businessOwnerId": owner});
        problem_at(&desk.post("/domains", &body), 422, "businessOwnerId");
        let patch = json!({"businessOwnerId": owner});
        problem_at(&desk.patch(&format!("/domains/{id}"), &patch), 422, "businessOwnerId");
        // A name that is taken as well is told only later.
        let both = json!({"name": "Payments", "businessOwnerId": owner});
        problem_at(&desk.post("/domains", &both), 422, "businessOwnerId");
    }
    assert!(
        desk.get(&format!("/domains/{id}")).expect(200).json()["businessOwner"].is_null(),
        "nothing of it was kept"
    );
}

fn values(world: &World) {
    let desk = Desk::new(world, "team");
    let id = desk.domain("Payments");
    let long = "ä".repeat(201);
    for name in ["", " ", " a", "a\nb", "a\u{7}", long.as_str()] {
        problem_at(&desk.post("/domains", &json!({"name": name})), 422, "name");
        problem_at(&desk.patch(&format!("/domains/{id}"), &json!({"name": name})), 422, "name");
    }
    let body = json!({"name": "a", "description": "x".repeat(4001)});
    problem_at(&desk.post("/domains", &body), 422, "description");
    desk.post("/domains", &json!({"name": "ä".repeat(200)})).expect(201);
    problem_at(&desk.patch(&format!("/domains/{id}"), &json!({"name": null})), 400, "name");
}

fn guarded(world: &World) {
    let desk = Desk::new(world, "team");
    let path = format!("/domains/{}", desk.domain("Payments"));
    let old = desk.get(&path).expect(200).etag();
    let patch = |etag: &str, name: &str| desk.call("PATCH", &path).if_match(etag).json(&json!({"name": name})).send();
    let new = patch(&old, "Cards").expect(200).etag();
    assert_ne!(old, new);
    problem(&patch(&old, "Money"), 412);
    problem(&desk.call("DELETE", &path).if_match(&old).send(), 412);
    problem(&desk.call("DELETE", &path).send(), 428);
    // Stale comes before invalid, and missing before both.
    problem(&patch(&old, ""), 412);
    problem(&desk.call("PATCH", &path).json(&json!({"name": ""})).send(), 428);
    let nowhere = format!("/domains/{}", Uuid::now_v7());
    problem(&desk.call("PATCH", &nowhere).if_match(&old).json(&json!({"name": ""})).send(), 404);
}

fn deleted(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, sub_domain) = desk.place();
    let path = format!("/domains/{domain}");
    problem_of(&desk.delete(&path), 409, "children-exist");
    desk.get(&path).expect(200);
    desk.delete(&format!("/sub-domains/{sub_domain}")).expect(204);
    assert!(desk.delete(&path).expect(204).body.is_empty());
    problem(&desk.get(&path), 404);
    problem(&desk.call("DELETE", &path).if_match("\"1\"").send(), 404);
    problem(&desk.get(&format!("/domains/{domain}/sub-domains")), 404);
}
