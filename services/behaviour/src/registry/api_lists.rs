//! APIs: the list and its filters.

use serde_json::json;

use super::desk::{Desk, names};
use crate::assert::{pages, problem_at, same};
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case { name: "apis: every filter narrows the list, all of them together too", run: filters },
        Case { name: "apis: a prefix is a prefix, whatever it is made of", run: prefixes },
        Case { name: "apis: pages hold all, once, by creation", run: paged },
    ]
}

fn filters(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, one) = desk.place();
    let two = desk.sub_domain(domain, "Two");
    let (elsewhere, three) = desk.place();
    let (ada, mel) = (desk.tenant.admin_profile, desk.tenant.member_profile);
    let apis = [
        json!({"name": "alpha", "subDomainId": one, "tags": ["x"], "businessOwnerId": ada}),
        json!({"name": "alphabet", "subDomainId": two, "tags": ["x", "y"], "technicalOwnerId": ada}),
        json!({"name": "beta", "subDomainId": three, "businessOwnerId": mel, "technicalOwnerId": mel}),
    ];
    for api in &apis {
        desk.post("/apis", api).expect(201);
    }
    let beta = desk.get("/apis?q=beta").expect(200).json()["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/apis/{beta}");
    let status = format!("{path}/versions/0.1/status");
    desk.change("PUT", &path, &status, &json!({"status": "development"})).expect(200);
    let table = [
        (String::new(), vec!["alpha", "alphabet", "beta"]),
        (format!("domainId={domain}"), vec!["alpha", "alphabet"]),
        (format!("domainId={elsewhere}"), vec!["beta"]),
        (format!("subDomainId={two}"), vec!["alphabet"]),
        (format!("ownerId={ada}"), vec!["alpha", "alphabet"]),
        (format!("ownerId={mel}"), vec!["beta"]),
        ("tag=x".into(), vec!["alpha", "alphabet"]),
        ("tag=y".into(), vec!["alphabet"]),
        ("tag=z".into(), vec![]),
        ("status=inception".into(), vec!["alpha", "alphabet"]),
        ("status=development".into(), vec!["beta"]),
        ("q=ALPHA".into(), vec!["alpha", "alphabet"]),
        ("q=alphab".into(), vec!["alphabet"]),
        ("q=lpha".into(), vec![]),
        (format!("domainId={domain}&subDomainId={one}&ownerId={ada}&tag=x&status=inception&q=a"), vec!["alpha"]),
        (format!("domainId={elsewhere}&tag=x"), vec![]),
    ];
    for (query, expected) in table {
        let list = desk.get(&format!("/apis?{query}")).expect(200);
        assert_eq!(names(&list), expected, "{query}");
    }
    for (query, field) in
        [("status=gone", "status"), ("domainId=1", "domainId"), ("other=1", "other"), ("limit=0", "limit")]
    {
        problem_at(&desk.get(&format!("/apis?{query}")), 400, field);
    }
}

fn prefixes(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, place) = desk.place();
    for name in ["100%", "1000", "a_b", "axb", "Äpfel", "back\\slash"] {
        desk.api(place, name);
    }
    for (prefix, expected) in [
        ("100%", vec!["100%"]),
        ("a_", vec!["a_b"]),
        ("äp", vec!["Äpfel"]),
        ("back\\", vec!["back\\slash"]),
        ("%", vec![]),
    ] {
        let list = desk.call("GET", "/apis").query("q", prefix).send();
        assert_eq!(names(&list.expect(200)), expected, "{prefix}");
    }
}

fn paged(world: &World) {
    let desk = Desk::new(world, "team");
    let (_, place) = desk.place();
    let made: Vec<String> = (0..7).map(|n| format!("api-{n}")).collect();
    for name in &made {
        desk.api(place, name);
    }
    let path = desk.tenant.path("/apis");
    for limit in [1, 3, 7, 200] {
        let items = pages(&desk.service, &path, &desk.tenant.member_token, limit);
        let names: Vec<_> = items.iter().map(|item| item["name"].as_str().unwrap_or_default()).collect();
        assert_eq!(names, made, "limit={limit}");
    }
    let first = desk.get("/apis?limit=2").expect(200).json();
    let one = format!("/apis/{}", first["items"][0]["id"].as_str().unwrap_or_default());
    same(&first["items"][0], &desk.get(&one).expect(200).json());
    let cursor = first["nextCursor"].as_str().unwrap_or_default().to_owned();
    let ask = |path: &str| desk.call("GET", path).query("cursor", &cursor).send();
    problem_at(&ask("/domains"), 400, "cursor");
    problem_at(&ask("/apis?tag=x"), 400, "cursor");
    problem_at(&ask("/tags"), 400, "cursor");
    assert_eq!(ask("/apis?limit=1").expect(200).json()["items"][0]["name"], "api-2");
}
