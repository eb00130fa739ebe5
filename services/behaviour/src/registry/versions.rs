//! Versions of an API and their life.

use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::Desk;
use crate::assert::{has_members, pages, problem, problem_at, problem_of, same};
use crate::world::{Case, World};

const STATES: [(&str, &[&str]); 7] = [
    ("inception", &["development", "cancelled"]),
    ("development", &["qa", "cancelled"]),
    ("qa", &["development", "production", "cancelled"]),
    ("production", &["deprecated", "retired"]),
    ("deprecated", &["retired"]),
    ("retired", &[]),
    ("cancelled", &["inception"]),
];

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "versions: what is made is listed, and moves the API's ETag on", run: made },
        Case { name: "versions: every way between two states, and no other", run: workflow },
        Case { name: "versions: all but the last can be deleted", run: deleted },
        Case { name: "versions: the API's ETag guards them", run: guarded },
        Case { name: "versions: what is no version", run: malformed },
        Case { name: "versions: pages hold all, once", run: paged },
    ]
}

fn api(desk: &Desk) -> String {
    let (_, place) = desk.place();
    format!("/apis/{}", desk.api(place, &Uuid::now_v7().to_string()))
}

fn made(world: &World) {
    let desk = Desk::new(world, "team");
    let path = api(&desk);
    let made = desk.post(&format!("{path}/versions"), &json!({"major": 1, "minor": 10})).expect(201);
    let api = desk.get(&path).expect(200);
    assert_eq!(made.etag(), api.etag());
    assert_eq!(api.json()["version"], json!(2));
    same(
        &api.json()["versions"],
        &json!([{"major": 0, "minor": 1, "status": "inception"}, {"major": 1, "minor": 10, "status": "inception"}]),
    );
    let list = desk.get(&format!("{path}/versions")).expect(200).json();
    same(&list["items"][1], &made.json());
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    let all = ["createdAt", "major", "minor", "status", "updatedAt", "version"];
    has_members(&made.json(), &all);
    let again = desk.post(&format!("{path}/versions"), &json!({"major": 1, "minor": 10}));
    problem_of(&again, 409, "version-exists");
    problem_at(&desk.post(&format!("{path}/versions"), &json!({"major": -1, "minor": 0})), 422, "major");
    let nowhere = format!("/apis/{}/versions", Uuid::now_v7());
    problem(&desk.get(&nowhere), 404);
    problem(&desk.post(&nowhere, &json!({"major": -1, "minor": 0})), 404);
}

/// The states to go through to get to one.
fn way(to: &str) -> &'static [&'static str] {
    match to {
        "inception" => &[],
        "development" => &["development"],
        "qa" => &["development", "qa"],
        "production" => &["development", "qa", "production"],
        "deprecated" => &["development", "qa", "production", "deprecated"],
        "retired" => &["development", "qa", "production", "retired"],
        "cancelled" => &["cancelled"],
        other => panic!("no state {other}"),
    }
}

fn workflow(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, place) = desk.place();
    for (from, next) in STATES {
        for (to, _) in STATES {
            let path = format!("/apis/{}", desk.api(place, &format!("{from}-{to}")));
            let put = |status: &str| {
                let version = format!("{path}/versions/0.1/status");
                desk.change("PUT", &path, &version, &json!({"status": status}))
            };
            for step in way(from) {
                put(step).expect(200);
            }
            let before = desk.get(&path).expect(200);
            let answer = put(to);
            let after = desk.get(&path).expect(200);
            if next.contains(&to) {
                let version = answer.expect(200);
                assert_eq!(version.json()["status"], to);
                assert_eq!(version.etag(), after.etag());
                assert_eq!(after.json()["versions"][0]["status"], to);
                assert_ne!(before.etag(), after.etag());
            } else {
                let problem = problem_of(&answer, 409, "wrong-state");
                assert_eq!(problem["allowed"], json!(next), "{from} → {to}");
                same(&before.json(), &after.json());
            }
        }
    }
}

fn deleted(world: &World) {
    let desk = Desk::new(world, "team");
    let path = api(&desk);
    let delete = |number: &str| {
        let etag = desk.get(&path).expect(200).etag();
        desk.call("DELETE", &format!("{path}/versions/{number}")).if_match(&etag).send()
    };
    problem_of(&delete("0.1"), 409, "last-version");
    desk.post(&format!("{path}/versions"), &json!({"major": 1, "minor": 0})).expect(201);
    problem(&delete("2.0"), 404);
    delete("0.1").expect(204);
    problem(&delete("0.1"), 404);
    problem_of(&delete("1.0"), 409, "last-version");
    let api = desk.get(&path).expect(200).json();
    same(&api["versions"], &json!([{"major": 1, "minor": 0, "status": "inception"}]));
    assert_eq!(api["version"], json!(3));
}

fn guarded(world: &World) {
    let desk = Desk::new(world, "team");
    let path = api(&desk);
    let status = format!("{path}/versions/0.1/status");
    let put = |etag: Option<&str>, body: &Value| {
        let call = desk.call("PUT", &status).json(body);
        match etag {
            Some(etag) => call.if_match(etag).send(),
            None => call.send(),
        }
    };
    let old = desk.get(&path).expect(200).etag();
    desk.post(&format!("{path}/versions"), &json!({"major": 1, "minor": 0})).expect(201);
    problem(&put(None, &json!({"status": "development"})), 428);
    problem(&put(Some(&old), &json!({"status": "development"})), 412);
    problem(&put(Some(&old), &json!({"status": "nonsense"})), 412);
    let new = desk.get(&path).expect(200).etag();
    problem_at(&put(Some(&new), &json!({"status": "nonsense"})), 422, "status");
    let delete = desk.call("DELETE", &format!("{path}/versions/0.1"));
    problem(&delete.clone().send(), 428);
    problem(&delete.if_match(&old).send(), 412);
    let gone = desk.call("PUT", &format!("{path}/versions/9.9/status")).if_match(&old);
    problem(&gone.json(&json!({"status": "qa"})).send(), 404);
}

fn malformed(world: &World) {
    let desk = Desk::new(world, "team");
    let path = api(&desk);
    for number in ["1", "a.b", "01.0", "1.0.0", "-1.0", "99999999999.0"] {
        let call = desk.call("DELETE", &format!("{path}/versions/{number}")).if_match("\"1\"");
        problem_at(&call.send(), 400, "number");
    }
}

fn paged(world: &World) {
    let desk = Desk::new(world, "team");
    let path = api(&desk);
    for minor in 2..6 {
        desk.post(&format!("{path}/versions"), &json!({"major": 0, "minor": minor})).expect(201);
    }
    let list = desk.tenant.path(&format!("{path}/versions"));
    for limit in [1, 2, 5] {
        let minors: Vec<_> = pages(&desk.service, &list, &desk.tenant.member_token, limit)
            .iter()
            .map(|version| version["minor"].as_i64())
            .collect();
        assert_eq!(minors, (1..6).map(Some).collect::<Vec<_>>(), "limit={limit}");
    }
}
