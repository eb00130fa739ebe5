//! What holds for all of Registry: the plan's limits, frozen organisations, repeats, the feed.

use uuid::Uuid;

use super::Desk;
use crate::assert::{changes, eventually, problem, problem_at, problem_of, same};
use crate::{Case, World, json};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "limits: the plan's last place is the last",
            run: limits,
        },
        Case {
            name: "standing: a frozen organisation gets 402 for everything, at once, until it is not",
            run: frozen,
        },
        Case {
            name: "standing: an overdue one goes on",
            run: overdue,
        },
        Case {
            name: "repeats: an Idempotency-Key is answered once",
            run: repeated,
        },
        Case {
            name: "feed: what changed is in it, in order, and nobody else's",
            run: feed,
        },
    ]
}

fn limits(world: &World) {
    // free: 5 APIs, 1 domain, 3 sub domains.
    let desk = Desk::new(world, "free");
    let domain = desk.domain("Only");
    let refused = |answer: crate::Response, resource: &str, limit: i64| {
        let problem = problem_of(&answer, 409, "plan-limit-reached");
        let expected = json!({"limit": limit, "used": limit, "plan": "free", "resource": resource});
        for (key, value) in expected.as_object().into_iter().flatten() {
            assert_eq!(&problem[key], value, "{key}: {}", answer.describe());
        }
    };
    refused(
        desk.post("/domains", &json!({"name": "Second"})),
        "domains",
        1,
    );
    let places: Vec<_> = (0..3)
        .map(|n| desk.sub_domain(domain, &format!("Sub domain {n}")))
        .collect();
    let sub_domains = format!("/domains/{domain}/sub-domains");
    refused(
        desk.post(&sub_domains, &json!({"name": "Fourth"})),
        "subDomains",
        3,
    );
    let apis: Vec<_> = (0..5)
        .map(|n| desk.api(places[0], &format!("api-{n}")))
        .collect();
    let sixth = json!({"name": "sixth", "subDomainId": places[0]});
    refused(desk.post("/apis", &sixth), "apis", 5);
    // What is wrong with it is told before what the plan says.
    let nowhere = json!({"name": "sixth", "subDomainId": Uuid::now_v7()});
    problem_at(&desk.post("/apis", &nowhere), 422, "subDomainId");
    // A refusal takes no place, a deletion frees one.
    desk.delete(&format!("/apis/{}", apis[0])).expect(204);
    problem_of(
        &desk.post("/apis", &json!({"name": "api-1", "subDomainId": places[0]})),
        409,
        "name-taken",
    );
    desk.post("/apis", &sixth).expect(201);
    refused(
        desk.post(
            "/apis",
            &json!({"name": "seventh", "subDomainId": places[0]}),
        ),
        "apis",
        5,
    );
    desk.delete(&format!("/sub-domains/{}", places[1]))
        .expect(204);
    desk.sub_domain(domain, "Fourth");
    let payg = Desk::new(world, "payg");
    for n in 0..7 {
        payg.domain(&format!("Domain {n}"));
    }
}

fn frozen(world: &World) {
    if !world.fixture.can_set_standing() {
        return;
    }
    let desk = Desk::new(world, "team");
    let (domain, sub_domain) = desk.place();
    let api = desk.api(sub_domain, "cards");
    let nowhere = Uuid::now_v7();
    let reads = [
        "/domains".to_owned(),
        format!("/domains/{domain}"),
        format!("/domains/{nowhere}"),
        format!("/domains/{domain}/sub-domains"),
        format!("/domains/{nowhere}/sub-domains"),
        format!("/sub-domains/{sub_domain}"),
        "/apis".to_owned(),
        "/apis?tag=none".to_owned(),
        format!("/apis/{api}"),
        format!("/apis/{nowhere}"),
        format!("/apis/{api}/versions"),
        format!("/apis/{nowhere}/versions"),
        "/tags".to_owned(),
        "/watches".to_owned(),
        "/registry-changes".to_owned(),
    ];
    let writes = [
        ("POST", "/domains".to_owned(), json!({"name": "Other"})),
        ("POST", "/domains".to_owned(), json!({"name": ""})),
        ("PATCH", format!("/domains/{domain}"), json!({"name": "x"})),
        ("PATCH", format!("/domains/{nowhere}"), json!({"name": ""})),
        ("DELETE", format!("/domains/{domain}"), json!(null)),
        (
            "POST",
            format!("/domains/{domain}/sub-domains"),
            json!({"name": "x"}),
        ),
        (
            "POST",
            format!("/domains/{nowhere}/sub-domains"),
            json!({"name": ""}),
        ),
        (
            "PATCH",
            format!("/sub-domains/{sub_domain}"),
            json!({"name": "x"}),
        ),
        (
            "POST",
            format!("/sub-domains/{sub_domain}/move"),
            json!({"domainId": nowhere}),
        ),
        ("DELETE", format!("/sub-domains/{sub_domain}"), json!(null)),
        (
            "POST",
            "/apis".to_owned(),
            json!({"name": "x", "subDomainId": nowhere}),
        ),
        (
            "POST",
            "/apis".to_owned(),
            json!({"name": "", "subDomainId": nowhere}),
        ),
        ("PATCH", format!("/apis/{api}"), json!({"name": "x"})),
        (
            "POST",
            format!("/apis/{api}/move"),
            json!({"subDomainId": nowhere}),
        ),
        ("DELETE", format!("/apis/{api}"), json!(null)),
        (
            "POST",
            format!("/apis/{api}/versions"),
            json!({"major": 1, "minor": 0}),
        ),
        (
            "PUT",
            format!("/apis/{api}/versions/0.1/status"),
            json!({"status": "development"}),
        ),
        ("DELETE", format!("/apis/{api}/versions/0.1"), json!(null)),
        (
            "POST",
            "/watches".to_owned(),
            json!({"kind": "api", "targetId": api}),
        ),
        ("DELETE", format!("/watches/{nowhere}"), json!(null)),
    ];
    let write = |(method, path, body): &(&str, String, crate::Value)| {
        let call = desk.call(method, path).if_match("\"99\"");
        if body.is_null() {
            call.send()
        } else {
            call.json(body).send()
        }
    };
    let before = desk.get(&format!("/apis/{api}")).expect(200).json();
    for _ in 0..2 {
        world.fixture.set_standing(desk.tenant.org, "frozen");
        for path in &reads {
            problem_of(&desk.get(path), 402, "organisation-frozen");
        }
        for request in &writes {
            problem_of(&write(request), 402, "organisation-frozen");
            let (method, path, body) = request;
            if *method == "POST" {
                let keyed = desk.call(method, path).if_match("\"99\"");
                let keyed = keyed.idempotency_key("frozen").json(body).send();
                problem_of(&keyed, 402, "organisation-frozen");
            }
        }
        // A stranger never learns that it is frozen, and what can't be read is told first.
        let stranger = world.tenant("team").member_token;
        for path in &reads {
            let call = desk.service.get(&desk.tenant.path(path));
            problem(&call.clone().token(&stranger).send(), 403);
            problem(&call.send(), 401);
        }
        problem(
            &desk
                .call("POST", "/domains")
                .body("application/json", b"{".to_vec())
                .send(),
            400,
        );
        problem_at(&desk.get("/apis?limit=0"), 400, "limit");
        world.fixture.set_standing(desk.tenant.org, "active");
        same(
            &before,
            &desk.get(&format!("/apis/{api}")).expect(200).json(),
        );
    }
    for path in &reads {
        assert_ne!(desk.get(path).status, 402, "{path}");
    }
}

fn overdue(world: &World) {
    if !world.fixture.can_set_standing() {
        return;
    }
    let desk = Desk::new(world, "team");
    world.fixture.set_standing(desk.tenant.org, "overdue");
    desk.place();
}

fn repeated(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, sub_domain) = desk.place();
    let api = desk.api(sub_domain, "cards");
    let creates = [
        (
            "/domains".to_owned(),
            json!({"name": "Keyed"}),
            json!({"name": "Other"}),
        ),
        (
            format!("/domains/{domain}/sub-domains"),
            json!({"name": "Keyed"}),
            json!({"name": "Other"}),
        ),
        (
            "/apis".to_owned(),
            json!({"name": "keyed", "subDomainId": sub_domain}),
            json!({"name": "other", "subDomainId": sub_domain}),
        ),
        (
            format!("/apis/{api}/versions"),
            json!({"major": 5, "minor": 0}),
            json!({"major": 6, "minor": 0}),
        ),
        (
            "/watches".to_owned(),
            json!({"kind": "api", "targetId": api}),
            json!({"kind": "domain", "targetId": domain}),
        ),
    ];
    for (n, (path, body, other)) in creates.iter().enumerate() {
        let key = format!("key-{n}");
        let post = |body: &crate::Value| {
            desk.call("POST", path)
                .idempotency_key(&key)
                .json(body)
                .send()
        };
        let first = post(body).expect(201);
        let second = post(body).expect(201);
        same(&first.json(), &second.json());
        for header in ["location", "etag"] {
            assert_eq!(first.header(header), second.header(header), "{path}");
        }
        problem_at(&post(other), 422, "Idempotency-Key");
    }
    // A failure keeps nothing: the same key may be used again.
    let post = |name: &str| {
        let body = json!({"name": name});
        desk.call("POST", "/domains")
            .idempotency_key("after-failure")
            .json(&body)
            .send()
    };
    problem_of(&post("keyed"), 409, "name-taken");
    post("Free").expect(201);
}

fn feed(world: &World) {
    let desk = Desk::new(world, "team");
    let path = desk.tenant.path("/registry-changes");
    let token = &desk.tenant.member_token;
    let (domain, sub_domain) = desk.place();
    let api = desk.api(sub_domain, "cards");
    let answer = desk.patch(&format!("/apis/{api}"), &json!({"title": "Cards"}));
    let request = answer.header("x-request-id").unwrap_or_default().to_owned();
    desk.delete(&format!("/apis/{api}")).expect(204);
    let kinds = [
        "DomainCreated",
        "SubDomainCreated",
        "ApiCreated",
        "ApiModified",
        "ApiDeleted",
    ];
    let (items, next) = eventually("five changes", || {
        let (items, next) = changes(&desk.service, &path, token, None);
        (items.len() >= kinds.len()).then_some((items, next))
    });
    let seen: Vec<_> = items
        .iter()
        .map(|item| item["kind"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(seen, kinds);
    let modified = &items[3];
    assert_eq!(modified["entityId"], json!(api));
    assert_eq!(modified["actorId"], json!(desk.tenant.member_login));
    assert_eq!(modified["requestId"], json!(request));
    assert_eq!(modified["version"], json!(2));
    assert!(modified["before"]["title"].is_null());
    assert_eq!(modified["after"]["title"], "Cards");
    assert_eq!(modified["after"]["subDomainId"], json!(sub_domain));
    assert_eq!(modified["after"]["domainId"], json!(domain));
    assert!(items[2]["before"].is_null() && items[4]["after"].is_null());
    let (more, _) = changes(&desk.service, &path, token, next.as_deref());
    assert!(more.is_empty(), "{more:?}");
    let stranger = Desk::new(world, "team");
    let theirs = stranger.tenant.path("/registry-changes");
    let (none, _) = changes(&desk.service, &theirs, &stranger.tenant.member_token, None);
    assert!(none.is_empty(), "{none:?}");
    let all = desk.service.get("/registry-changes");
    problem(&all.clone().token(token).send(), 403);
    let operator = world.fixture.operator_token();
    let first = all.query("limit", "1").token(&operator).send().expect(200);
    assert_eq!(first.json()["items"].as_array().map(Vec::len), Some(1));
    problem_at(&desk.get("/registry-changes?after=x"), 400, "after");
}
