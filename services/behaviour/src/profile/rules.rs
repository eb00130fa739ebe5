//! Who may write a person, how many there may be, and what a repeat does.

use serde_json::{Value, json};

use super::people::{create, new};
use crate::assert::{problem, problem_at, problem_of};
use crate::world::{Case, World};

pub(super) const CASES: &[Case] = &[
    Case { name: "profiles: members write their own alone", run: rights },
    Case { name: "profiles: a stale ETag is refused before the body is judged", run: order },
    Case { name: "profiles: the plan's users are the limit", run: limit },
    Case { name: "profiles: a repeat with the same key is done once", run: idempotency },
];

fn rights(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let path = |id: uuid::Uuid| tenant.path(&format!("/profiles/{id}"));
    let (own, others) = (path(tenant.member_profile), path(tenant.admin_profile));
    let member = &tenant.member_token;
    let etag = |path: &str| api.get(path).token(member).send().expect(200).etag();
    let rename = |path: &str, token: &str| {
        api.patch(path).token(token).if_match(&etag(path)).json(&json!({"jobTitle": "Renamed"})).send()
    };
    rename(&own, member).expect(200);
    problem(&rename(&others, member), 403);
    rename(&others, &tenant.admin_token).expect(200);
    api.patch(&own)
        .token(&tenant.admin_token)
        .if_match(&etag(&own))
        .json(&json!({"jobTitle": "By admin"}))
        .send()
        .expect(200);
    problem(&api.delete(&own).token(member).if_match(&etag(&own)).send(), 403);
    let body = new("By a member", "member@rights.example");
    problem(&api.post(&tenant.path("/profiles")).token(member).json(&body).send(), 403);
    let put = |path: &str, token: &str| {
        let settings = format!("{path}/notification-settings");
        let call = api.put(&settings).token(token).if_match(&etag(&settings));
        call.json(&json!({"mode": "daily", "at": "07:00"})).send()
    };
    put(&own, member).expect(200);
    problem(&put(&others, member), 403);
    put(&others, &tenant.admin_token).expect(200);
}

fn order(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let path = tenant.path(&format!("/profiles/{}", tenant.member_profile));
    let nobody = tenant.path(&format!("/profiles/{}", uuid::Uuid::now_v7()));
    let invalid = json!({"name": ""});
    let patch = |path: &str, etag: &str, body: &Value| {
        api.patch(path).token(&tenant.admin_token).if_match(etag).json(body).send()
    };
    problem(&patch(&nobody, "\"1\"", &invalid), 404);
    problem(&patch(&path, "\"999\"", &invalid), 412);
    problem(&patch(&path, "\"999\"", &json!({"unknown": 1})), 400);
    let etag = api.get(&path).token(&tenant.admin_token).send().expect(200).etag();
    problem(&patch(&path, &etag, &invalid), 422);
    problem(&api.delete(&nobody).token(&tenant.admin_token).if_match("\"1\"").send(), 404);
}

fn limit(world: &World) {
    let tenant = world.tenant("free");
    // Three users, two of them there from the start.
    let third = create(world, &tenant, &new("Third", "third@limit.example")).expect(201);
    let refused = create(world, &tenant, &new("Fourth", "fourth@limit.example"));
    let problem = problem_of(&refused, 409, "plan-limit-reached");
    assert_eq!((&problem["limit"], &problem["used"]), (&json!(3), &json!(3)));
    assert_eq!((&problem["plan"], &problem["resource"]), (&json!("free"), &json!("users")));
    problem_at(&create(world, &tenant, &new("", "fourth@limit.example")), 422, "name");
    let path = tenant.path(&format!("/profiles/{}", third.id()));
    world.profile().delete(&path).token(&tenant.admin_token).if_match(&third.etag()).send().expect(204);
    create(world, &tenant, &new("Fourth", "fourth@limit.example")).expect(201);
    let unlimited = world.tenant("payg");
    for n in 0..5 {
        create(world, &unlimited, &new("Many", &format!("{n}@limit.example"))).expect(201);
    }
}

fn idempotency(world: &World) {
    let (tenant, api) = (world.tenant("team"), world.profile());
    let post = |key: &str, body: &Value| {
        api.post(&tenant.path("/profiles")).token(&tenant.admin_token).idempotency_key(key).json(body).send()
    };
    let body = new("Once", "once@idempotency.example");
    let first = post("a", &body).expect(201);
    let again = post("a", &body).expect(201);
    assert_eq!((first.json(), first.etag()), (again.json(), again.etag()));
    assert_eq!(first.header("location"), again.header("location"));
    problem(&post("a", &new("Twice", "twice@idempotency.example")), 422);
    // A refusal isn't kept.
    problem(&post("b", &new("", "b@idempotency.example")), 422);
    post("b", &new("Now", "b@idempotency.example")).expect(201);
    for key in ["", "a b", "ä", &"x".repeat(129)] {
        problem(&post(key, &body), 400);
    }
    let concurrent = new("Both", "both@idempotency.example");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| post("c", &concurrent).expect(201).id())).collect();
        threads.into_iter().map(|thread| thread.join().expect("the same answer")).collect()
    });
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "done more than once: {ids:?}");
}
