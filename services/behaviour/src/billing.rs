//! Billing: cards, usage, invoices, runs, standings.
//!
//! The payment provider behind the service takes Stripe's test tokens. What needs months to pass (invoices that are
//! charged, overdue, frozen) is tested where the clock can be moved: by the service's own tests and by the lab.

mod cards;

use serde_json::{Value, json};

use crate::assert::{names_field, pages, problem, problem_of};
use crate::http::Response;
use crate::world::{Case, World};
use cards::{get, put, token};

/// All cases.
pub fn suite() -> Vec<Case> {
    [cards::CASES, CASES].concat()
}

const CASES: &[Case] = &[
    Case { name: "usage: a fixed plan costs its price", run: fixed_usage },
    Case { name: "usage: pay as you go costs what is there", run: payg_usage },
    Case { name: "invoices: none before the first run, and unknown ones are not found", run: no_invoices },
    Case { name: "runs: a period is billed once", run: runs },
    Case { name: "runs: a period that is malformed or not over is refused", run: refused_runs },
    Case { name: "runs: only operators see them", run: operators },
    Case { name: "standing: active at first, and as it is set", run: standing },
];

fn fixed_usage(world: &World) {
    for (plan, price) in [("free", 0), ("team", 4900), ("enterprise", 99900)] {
        let tenant = world.tenant(plan);
        let usage = get(world, &tenant, "/usage").expect(200).json();
        assert_eq!(
            (&usage["plan"], &usage["currency"], &usage["amountCents"]),
            (&json!(plan), &json!("EUR"), &json!(price))
        );
        let line = json!({ "item": "plan", "quantity": 1, "unitPriceCents": price, "amountCents": price });
        assert_eq!(usage["lines"], json!([line]));
    }
}

fn payg_usage(world: &World) {
    let tenant = world.tenant("payg");
    let users = |usage: &Value| usage["lines"][3].clone();
    let line =
        |count: i64| json!({ "item": "user", "quantity": count, "unitPriceCents": 150, "amountCents": count * 150 });
    let before = get(world, &tenant, "/usage").expect(200).json();
    assert_eq!((users(&before), &before["amountCents"]), (line(2), &json!(300)));
    world.fixture.profile(&tenant);
    let after = get(world, &tenant, "/usage").expect(200).json();
    assert_eq!((users(&after), &after["amountCents"]), (line(3), &json!(450)));
    let items: Vec<_> = after["lines"].as_array().into_iter().flatten().map(|line| line["item"].clone()).collect();
    assert_eq!(items, ["api", "domain", "subDomain", "user"].map(Value::from));
}

fn no_invoices(world: &World) {
    let tenant = world.tenant("team");
    let list = get(world, &tenant, "/invoices").expect(200).json();
    assert_eq!(list, json!({ "items": [], "nextCursor": null }));
    let unknown = format!("/invoices/{}", uuid::Uuid::now_v7());
    problem(&get(world, &tenant, &unknown), 404);
    let pay = world.billing().post(&tenant.path(&format!("{unknown}/payments")));
    problem(&pay.token(&tenant.admin_token).send(), 404);
}

fn run(world: &World, period: &str) -> Response {
    let call = world.billing().post("/billing-runs");
    let call = call.token(&world.fixture.operator_token());
    call.json(&json!({ "period": period })).send()
}

fn runs(world: &World) {
    let first = run(world, "2001-02");
    // Where the suite has run before, so has the period.
    assert!(matches!(first.status, 200 | 202), "{}", first.describe());
    if first.status == 202 {
        let location = format!("/api/v1/billing-runs/{}", first.id());
        assert_eq!(first.header("location"), Some(location.as_str()));
    }
    let again = run(world, "2001-02").expect(200);
    assert_eq!(again.id(), first.id());
    let operator = world.fixture.operator_token();
    let path = format!("/billing-runs/{}", first.id());
    let found = world.billing().get(&path).token(&operator).send().expect(200);
    assert_eq!(found.json()["period"], "2001-02");
    let unknown = format!("/billing-runs/{}", uuid::Uuid::now_v7());
    problem(&world.billing().get(&unknown).token(&operator).send(), 404);
    run(world, "2001-03");
    let listed = pages(&world.billing(), "/billing-runs", &operator, 1);
    let periods = |period: &str| listed.iter().filter(|run| run["period"] == period).count();
    assert_eq!((periods("2001-02"), periods("2001-03")), (1, 1));
}

fn refused_runs(world: &World) {
    for malformed in ["", "2001", "2001-13", "2001-00", "2001-1", "2001-01-01", "January"] {
        let refused = problem(&run(world, malformed), 422);
        assert!(names_field(&refused, "period"), "{malformed}: {refused}");
    }
    problem_of(&run(world, "2998-12"), 409, "period-not-over");
}

fn operators(world: &World) {
    let tenant = world.tenant("team");
    for token in [&tenant.admin_token, &tenant.member_token] {
        problem(&world.billing().get("/billing-runs").token(token).send(), 403);
        let post = world.billing().post("/billing-runs").token(token);
        problem(&post.json(&json!({ "period": "2001-02" })).send(), 403);
    }
}

fn standing(world: &World) {
    let tenant = world.tenant("team");
    let read = || get(world, &tenant, "/standing").expect(200).json();
    let active = json!({ "standing": "active", "overdueSince": null, "frozenAt": null });
    assert_eq!(read(), active);
    if !world.fixture.can_set_standing() {
        return;
    }
    world.fixture.set_standing(tenant.org, "overdue");
    assert_eq!((&read()["standing"], &read()["frozenAt"]), (&json!("overdue"), &json!(null)));
    world.fixture.set_standing(tenant.org, "frozen");
    assert!(read()["standing"] == "frozen" && read()["frozenAt"].is_string());
    // A frozen organisation can still pay: Billing answers it as ever.
    put(world, &tenant, &token("pm_card_visa"), None).expect(201);
    world.fixture.set_standing(tenant.org, "active");
    assert_eq!(read(), active);
}
