//! What holds for all of Registry: the plan's limits, frozen organisations, repeats, the feed.

use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::Desk;
use crate::assert::{changes, eventually, problem, problem_at, problem_of, same};
use crate::http::Response;
use crate::world::{Case, World};

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case { name: "limits: the plan's last place is the last", run: limits },
        Case { name: "repeats: an Idempotency-Key is answered once", run: repeated },
        Case { name: "feed: what changed is in it, in order, and nobody else's", run: feed },
        Case { name: "feed: that of all organisations is for operators", run: whole_feed },
    ];
    cases.extend(super::standing::cases());
    cases
}

fn limits(world: &World) {
    // free: 5 APIs, 1 domain, 3 sub domains.
    let desk = Desk::new(world, "free");
    let domain = desk.domain("Only");
    let refused = |answer: Response, resource: &str, limit: i64| {
        let problem = problem_of(&answer, 409, "plan-limit-reached");
        let expected = json!({"limit": limit, "used": limit, "plan": "free", "resource": resource});
        for (key, value) in expected.as_object().into_iter().flatten() {
            assert_eq!(&problem[key], value, "{key}: {}", answer.describe());
        }
    };
    refused(desk.post("/domains", &json!({"name": "Second"})), "domains", 1);
    let places: Vec<_> = (0..3).map(|n| desk.sub_domain(domain, &format!("Sub domain {n}"))).collect();
    let sub_domains = format!("/domains/{domain}/sub-domains");
    refused(desk.post(&sub_domains, &json!({"name": "Fourth"})), "subDomains", 3);
    let apis: Vec<_> = (0..5).map(|n| desk.api(places[0], &format!("api-{n}"))).collect();
    let sixth = json!({"name": "sixth", "subDomainId": places[0]});
    refused(desk.post("/apis", &sixth), "apis", 5);
    // What is wrong with it is told before what the plan says.
    let nowhere = json!({"name": "sixth", "subDomainId": Uuid::now_v7()});
    problem_at(&desk.post("/apis", &nowhere), 422, "subDomainId");
    // A refusal takes no place, a deletion frees one.
    desk.delete(&format!("/apis/{}", apis[0])).expect(204);
    problem_of(&desk.post("/apis", &json!({"name": "api-1", "subDomainId": places[0]})), 409, "name-taken");
    desk.post("/apis", &sixth).expect(201);
    refused(desk.post("/apis", &json!({"name": "seventh", "subDomainId": places[0]})), "apis", 5);
    desk.delete(&format!("/sub-domains/{}", places[1])).expect(204);
    desk.sub_domain(domain, "Fourth");
    let payg = Desk::new(world, "payg");
    for n in 0..7 {
        payg.domain(&format!("Domain {n}"));
    }
}

fn repeated(world: &World) {
    let desk = Desk::new(world, "team");
    let (domain, sub_domain) = desk.place();
    let api = desk.api(sub_domain, "cards");
    let creates = [
        ("/domains".to_owned(), json!({"name": "Keyed"}), json!({"name": "Other"})),
        (format!("/domains/{domain}/sub-domains"), json!({"name": "Keyed"}), json!({"name": "Other"})),
        (
            "/apis".to_owned(),
            json!({"name": "keyed", "subDomainId": sub_domain}),
            json!({"name": "other", "subDomainId": sub_domain}),
        ),
        (format!("/apis/{api}/versions"), json!({"major": 5, "minor": 0}), json!({"major": 6, "minor": 0})),
        ("/watches".to_owned(), json!({"kind": "api", "targetId": api}), json!({"kind": "domain", "targetId": domain})),
    ];
    for (n, (path, body, other)) in creates.iter().enumerate() {
        let key = format!("key-{n}");
        let post = |body: &Value| desk.call("POST", path).idempotency_key(&key).json(body).send();
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
        desk.call("POST", "/domains").idempotency_key("after-failure").json(&body).send()
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
    let kinds = ["DomainCreated", "SubDomainCreated", "ApiCreated", "ApiModified", "ApiDeleted"];
    let (items, next) = eventually("five changes", || {
        let (items, next) = changes(&desk.service, &path, token, None);
        (items.len() >= kinds.len()).then_some((items, next))
    });
    let seen: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap_or_default()).collect();
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
    problem_at(&desk.get("/registry-changes?after=x"), 400, "after");
}

fn whole_feed(world: &World) {
    let desk = Desk::new(world, "team");
    let all = desk.service.get("/registry-changes");
    problem(&all.clone().token(&desk.tenant.member_token).send(), 403);
    desk.domain("One");
    let operator = world.fixture.operator_token();
    eventually("a change of anybody's", || {
        let first = all.clone().query("limit", "1").token(&operator).send().expect(200);
        (first.json()["items"].as_array().map(Vec::len) == Some(1)).then_some(())
    });
}
