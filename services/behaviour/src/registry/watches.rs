//! Watches.

use serde_json::json;
use uuid::Uuid;

use super::desk::Desk;
use crate::assert::{has_members, pages, problem, problem_at, same};
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "watches: of an API, a domain and a sub domain", run: made },
        Case { name: "watches: one that is open is found again", run: again },
        Case { name: "watches: each sees and ends its own alone", run: own },
        Case { name: "watches: they end with their target", run: ended },
        Case { name: "watches: what can't be watched", run: refused },
    ]
}

fn made(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, sub_domain) = desk.place();
    let api = desk.api(sub_domain, "cards");
    let mut made = Vec::new();
    for (kind, target) in [("api", api), ("domain", domain), ("subDomain", sub_domain)] {
        let watch = desk.post("/watches", &json!({"kind": kind, "targetId": target})).expect(201).json();
        has_members(&watch, &["createdAt", "id", "kind", "targetId", "version"]);
        assert_eq!((&watch["kind"], &watch["targetId"]), (&json!(kind), &json!(target)));
        made.push(watch);
    }
    same(&desk.get("/watches").expect(200).json()["items"], &json!(made));
    let path = desk.tenant.path("/watches");
    same(&json!(pages(&desk.service, &path, &desk.tenant.member_token, 1)), &json!(made));
}

fn again(world: &World) {
    let desk = Desk::new(world, "team");
    let target = desk.domain("Payments");
    let body = json!({"kind": "domain", "targetId": target});
    let first = desk.post("/watches", &body).expect(201);
    same(&first.json(), &desk.post("/watches", &body).expect(200).json());
    desk.call("DELETE", &format!("/watches/{}", first.id())).send().expect(204);
    let second = desk.post("/watches", &body).expect(201);
    assert_ne!(first.id(), second.id());
}

fn own(world: &World) {
    let desk = Desk::new(world, "team");
    let target = desk.domain("Payments");
    let body = json!({"kind": "domain", "targetId": target});
    let path = desk.tenant.path("/watches");
    let admin = |method: &str, path: &str| desk.service.request(method, path).token(&desk.tenant.admin_token);
    let watch = desk.post("/watches", &body).expect(201).id();
    admin("POST", &path).json(&body).send().expect(201);
    assert_eq!(admin("GET", &path).send().expect(200).json()["items"].as_array().map(Vec::len), Some(1));
    problem(&admin("DELETE", &format!("{path}/{watch}")).send(), 404);
    let delete = || desk.call("DELETE", &format!("/watches/{watch}")).send();
    delete().expect(204);
    problem(&delete(), 404);
    assert_eq!(desk.get("/watches").expect(200).json()["items"], json!([]));
    assert_eq!(admin("GET", &path).send().expect(200).json()["items"].as_array().map(Vec::len), Some(1));
}

fn ended(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, sub_domain) = desk.place();
    let api = desk.api(sub_domain, "cards");
    for (kind, target) in [("api", api), ("subDomain", sub_domain), ("domain", domain)] {
        desk.post("/watches", &json!({"kind": kind, "targetId": target})).expect(201);
    }
    let open = || desk.get("/watches").expect(200).json()["items"].as_array().map(Vec::len);
    for (path, left) in
        [(format!("/apis/{api}"), 2), (format!("/sub-domains/{sub_domain}"), 1), (format!("/domains/{domain}"), 0)]
    {
        desk.delete(&path).expect(204);
        assert_eq!(open(), Some(left), "{path}");
    }
}

fn refused(world: &World) {
    let desk = Desk::new(world, "team");
    let domain = desk.domain("Payments");
    let foreign = Desk::new(world, "team").domain("Foreign");
    for (kind, target) in [("api", domain), ("subDomain", domain), ("domain", foreign), ("domain", Uuid::now_v7())] {
        let body = json!({"kind": kind, "targetId": target});
        problem_at(&desk.post("/watches", &body), 422, "targetId");
    }
    let body = json!({"kind": "team", "targetId": domain});
    problem_at(&desk.post("/watches", &body), 422, "kind");
    problem(&desk.call("DELETE", &format!("/watches/{}", Uuid::now_v7())).send(), 404);
}
