//! Sub domains.

use serde_json::json;
use uuid::Uuid;

use super::desk::{Desk, names};
use crate::assert::{has_members, problem, problem_at, problem_of, same};
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "sub domains: what is made is read", run: made },
        Case { name: "sub domains: names are unique in their domain", run: unique },
        Case { name: "sub domains: a patch changes what it names, or nothing", run: patched },
        Case { name: "sub domains: a move takes the APIs along", run: moved },
        Case { name: "sub domains: a move that can't be", run: not_moved },
        Case { name: "sub domains: one with APIs stays", run: deleted },
    ]
}

fn made(world: &World) {
    let desk = Desk::new(world, "team");
    let domain = desk.domain("Payments");
    let list = format!("/domains/{domain}/sub-domains");
    assert!(names(&desk.get(&list).expect(200)).is_empty());
    let body = json!({"name": "Cards", "description": "Plastic"});
    let made = desk.post(&list, &body).expect(201);
    let path = format!("/sub-domains/{}", made.id());
    assert_eq!(made.header("location"), Some(format!("/api/v1{}", desk.tenant.path(&path)).as_str()));
    let read = desk.get(&path).expect(200);
    same(&made.json(), &read.json());
    assert_eq!(made.etag(), read.etag());
    let all = ["createdAt", "description", "domain", "id", "name", "updatedAt", "version"];
    has_members(&read.json(), &all);
    same(&read.json()["domain"], &json!({"id": domain, "name": "Payments"}));
    same(&desk.get(&list).expect(200).json()["items"], &json!([read.json()]));
    let nowhere = format!("/domains/{}/sub-domains", Uuid::now_v7());
    problem(&desk.get(&nowhere), 404);
    problem(&desk.post(&nowhere, &body), 404);
    problem(&desk.post(&nowhere, &json!({"name": ""})), 404);
    problem_at(&desk.post(&list, &json!({"name": ""})), 422, "name");
}

fn unique(world: &World) {
    let desk = Desk::new(world, "team");
    let (one, two) = (desk.domain("One"), desk.domain("Two"));
    desk.sub_domain(one, "Cards");
    let again = desk.post(&format!("/domains/{one}/sub-domains"), &json!({"name": "cards"}));
    problem_of(&again, 409, "name-taken");
    let other = desk.sub_domain(two, "Cards");
    let third = desk.sub_domain(one, "Third");
    problem_of(&desk.patch(&format!("/sub-domains/{third}"), &json!({"name": "CARDS"})), 409, "name-taken");
    let path = format!("/sub-domains/{other}");
    let moved = desk.change("POST", &path, &format!("{path}/move"), &json!({"domainId": one}));
    problem_of(&moved, 409, "name-taken");
}

fn patched(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, id) = desk.place();
    let path = format!("/sub-domains/{id}");
    let before = desk.get(&path).expect(200);
    let same_again = desk.patch(&path, &json!({"name": "Sub domain", "description": null}));
    same(&before.json(), &same_again.expect(200).json());
    let after = desk.patch(&path, &json!({"description": "Plastic"})).expect(200);
    assert_eq!(after.json()["version"], json!(2));
    assert_eq!(after.json()["description"], "Plastic");
    same(&after.json(), &desk.get(&path).expect(200).json());
    problem(&desk.call("PATCH", &path).if_match(&before.etag()).json(&json!({"name": "x"})).send(), 412);
    problem_at(&desk.patch(&path, &json!({"domainId": id})), 400, "domainId");
}

fn moved(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, id) = desk.place();
    let api = desk.api(id, "cards");
    let to = desk.domain("Target");
    let path = format!("/sub-domains/{id}");
    let moved = desk.change("POST", &path, &format!("{path}/move"), &json!({"domainId": to})).expect(200);
    same(&moved.json()["domain"], &json!({"id": to, "name": "Target"}));
    assert_eq!(moved.json()["version"], json!(2));
    assert_eq!(moved.etag(), desk.get(&path).expect(200).etag());
    let api = desk.get(&format!("/apis/{api}")).expect(200).json();
    assert_eq!(api["domain"]["id"], json!(to));
    assert_eq!(names(&desk.get(&format!("/domains/{to}/sub-domains")).expect(200)), ["Sub domain"]);
    let again = desk.change("POST", &path, &format!("{path}/move"), &json!({"domainId": to}));
    same(&again.expect(200).json(), &moved.json());
}

fn not_moved(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, id) = desk.place();
    let path = format!("/sub-domains/{id}/move");
    let foreign = Desk::new(world, "team").domain("Foreign");
    for nowhere in [foreign, Uuid::now_v7()] {
        let body = json!({"domainId": nowhere});
        let answer = desk.change("POST", &format!("/sub-domains/{id}"), &path, &body);
        problem_at(&answer, 422, "domainId");
    }
    let body = json!({"domainId": foreign});
    problem(&desk.post(&path, &body), 428);
    problem(&desk.call("POST", &path).if_match("\"9\"").json(&body).send(), 412);
    let gone = format!("/sub-domains/{}/move", Uuid::now_v7());
    problem(&desk.call("POST", &gone).if_match("\"1\"").json(&body).send(), 404);
}

fn deleted(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, id) = desk.place();
    let api = desk.api(id, "cards");
    let path = format!("/sub-domains/{id}");
    problem_of(&desk.delete(&path), 409, "children-exist");
    desk.delete(&format!("/apis/{api}")).expect(204);
    desk.delete(&path).expect(204);
    problem(&desk.get(&path), 404);
}
