//! Plans: what an organisation may subscribe to.

use serde_json::{Value, json};

use super::signed::Signed;
use crate::assert::{pages, problem, problem_at, problem_of, same};
use crate::session::unique;
use crate::world::{Case, World};

pub(super) const CASES: &[Case] = &[
    Case { name: "plans: the built-in ones are there for everybody to read", run: built_in },
    Case { name: "plans: an operator makes and changes them", run: made },
    Case { name: "plans: what can't be a plan is refused by its field", run: invalid },
];

fn built_in(world: &World) {
    let api = world.account();
    let limits = |apis: Option<i32>, domains: Option<i32>, sub_domains: Option<i32>, users: Option<i32>| json!({"apis": apis, "domains": domains, "subDomains": sub_domains, "users": users});
    let expected = [
        ("free", 0, limits(Some(5), Some(1), Some(3), Some(3)), 0),
        ("team", 4900, limits(Some(100), Some(10), Some(50), Some(25)), 0),
        ("enterprise", 99_900, limits(Some(10_000), Some(500), Some(5_000), Some(2_000)), 0),
        ("payg", 0, limits(None, None, None, None), 50),
    ];
    for (code, price, limits, api_price) in expected {
        let plan = api.get(&format!("/plans/{code}")).send().expect(200);
        let plan = plan.json();
        assert_eq!((&plan["monthlyPriceCents"], &plan["currency"]), (&json!(price), &json!("EUR")));
        assert_eq!(plan["limits"], limits, "{code}");
        assert_eq!(plan["unitPricesCents"]["api"], json!(api_price), "{code}");
    }
    problem(&api.get("/plans/nothing-like-it").send(), 404);
    // Public, but a token does no harm.
    let signed = Signed::up(world);
    let all = pages(&api, "/plans", &signed.token, 3);
    for code in ["free", "team", "enterprise", "payg"] {
        assert!(all.iter().any(|plan| plan["code"] == code), "{code} is not in the list");
    }
}

fn plan(code: &str) -> Value {
    json!({"code": code, "name": "A plan", "kind": "fixed", "currency": "CHF", "monthlyPriceCents": 1200,
        "limits": {"apis": 7, "domains": null, "subDomains": 1, "users": 0},
        "unitPricesCents": {"api": 0, "domain": 1, "subDomain": 2, "user": 3}})
}

fn made(world: &World) {
    let (api, operator, code) = (world.account(), world.fixture.operator_token(), unique());
    let post = |body: &Value| api.post("/plans").token(&operator).json(body).send();
    let made = post(&plan(&code)).expect(201);
    let body = made.json();
    for (key, value) in plan(&code).as_object().expect("an object") {
        assert_eq!(body[key], *value, "{key}");
    }
    assert_eq!(made.header("location"), Some(format!("/api/v1/plans/{code}").as_str()));
    problem_of(&post(&plan(&code)), 409, "code-taken");
    let path = format!("/plans/{code}");
    same(&api.get(&path).send().expect(200).json(), &body);
    let patch = |etag: &str, body: Value| api.patch(&path).token(&operator).if_match(etag).json(&body).send();
    let patched = patch(&made.etag(), json!({"name": "Another"})).expect(200);
    assert_eq!(patched.json()["name"], "Another");
    assert_eq!(patched.json()["limits"], body["limits"]);
    problem(&patch(&made.etag(), json!({"name": "Stale"})), 412);
    let same_again = patch(&patched.etag(), json!({"name": "Another"})).expect(200);
    assert_eq!(same_again.etag(), patched.etag());
    let limits = json!({"apis": 8, "domains": 1, "subDomains": 1, "users": null});
    let patched = patch(&patched.etag(), json!({"limits": limits})).expect(200);
    assert_eq!(patched.json()["limits"], limits);
    // An organisation can be on it at once.
    let signed = Signed::up(world);
    let etag = signed.get("").etag();
    signed.patch("", &etag, &json!({"plan": code})).expect(200);
}

fn invalid(world: &World) {
    let (api, operator) = (world.account(), world.fixture.operator_token());
    let wrong = [
        ("/code", json!("Capital"), "code"),
        ("/code", json!("1st"), "code"),
        ("/code", json!("x".repeat(41)), "code"),
        ("/kind", json!("other"), "kind"),
        ("/currency", json!("eur"), "currency"),
        ("/currency", json!("EURO"), "currency"),
        ("/monthlyPriceCents", json!(-1), "monthlyPriceCents"),
        ("/limits/apis", json!(-1), "limits.apis"),
        ("/monthlyPriceCents", json!(1_000_000_000_001_i64), "monthlyPriceCents"),
        ("/unitPricesCents/user", json!(-1), "unitPricesCents.user"),
        ("/unitPricesCents/api", json!(1_000_000_001), "unitPricesCents.api"),
    ];
    for (pointer, value, field) in wrong {
        let mut body = plan(&unique());
        *body.pointer_mut(pointer).expect("the plan has it") = value;
        problem_at(&api.post("/plans").token(&operator).json(&body).send(), 422, field);
    }
}
