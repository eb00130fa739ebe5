//! APIs: what can't be taken.

use serde_json::json;
use uuid::Uuid;

use super::desk::Desk;
use crate::assert::problem_at;
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "apis: what it refers to must be there", run: references },
        Case { name: "apis: values out of range are refused with their field", run: values },
    ]
}

fn references(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, sub_domain) = desk.place();
    let id = desk.api(sub_domain, "cards");
    let stranger = Desk::new(world, "team");
    let (_, foreign) = stranger.place();
    for nowhere in [foreign, Uuid::now_v7()] {
        // The name is taken, too: that is told later.
        problem_at(&desk.post("/apis", &json!({"name": "cards", "subDomainId": nowhere})), 422, "subDomainId");
    }
    for nobody in [stranger.tenant.admin_profile, Uuid::now_v7()] {
        for role in ["businessOwnerId", "technicalOwnerId"] {
            let body = json!({"name": "cards", "subDomainId": sub_domain, role: nobody});
            problem_at(&desk.post("/apis", &body), 422, role);
            problem_at(&desk.patch(&format!("/apis/{id}"), &json!({role: nobody})), 422, role);
        }
    }
    assert_eq!(desk.get("/apis").expect(200).json()["items"].as_array().map(Vec::len), Some(1));
}

fn values(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, sub_domain) = desk.place();
    let path = format!("/apis/{}", desk.api(sub_domain, "cards"));
    let many: Vec<String> = (0..21).map(|n| format!("tag-{n}")).collect();
    let long = "x".repeat(51);
    let bad = [
        ("name", json!(" "), "name"),
        ("name", json!("x".repeat(201)), "name"),
        ("title", json!("x".repeat(501)), "title"),
        ("description", json!("x".repeat(4001)), "description"),
        ("tags", json!(many), "tags"),
        ("tags", json!(["ok", "Upper"]), "tags[1]"),
        ("tags", json!(["a", "a"]), "tags[1]"),
        ("tags", json!([""]), "tags[0]"),
        ("tags", json!([long]), "tags[0]"),
    ];
    for (field, value, named) in &bad {
        let mut body = json!({"name": "other", "subDomainId": sub_domain});
        body[field] = value.clone();
        problem_at(&desk.post("/apis", &body), 422, named);
        problem_at(&desk.patch(&path, &json!({*field: value})), 422, named);
    }
    for (major, minor, named) in
        [(json!(-1), json!(0), "version.major"), (json!(1), json!(2147483648_i64), "version.minor")]
    {
        let body = json!({"name": "other", "subDomainId": sub_domain, "version": {"major": major, "minor": minor}});
        problem_at(&desk.post("/apis", &body), 422, named);
    }
    let most = json!({"name": "other", "subDomainId": sub_domain, "tags": &many[..20], "version": {"major": i32::MAX, "minor": 0}});
    desk.post("/apis", &most).expect(201);
}
