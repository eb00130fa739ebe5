//! How an organisation pays.

use serde_json::{Value, json};

use crate::assert::{has_members, names_field, problem};
use crate::http::Response;
use crate::world::{Case, Tenant, World};

pub(super) const CASES: &[Case] = &[
    Case { name: "payment method: set, read, replaced, deleted", run: card },
    Case { name: "payment method: what the provider refuses is refused", run: refused_cards },
    Case { name: "payment method: a card number is refused, and not quoted", run: card_numbers },
    Case { name: "payment method: members read it, admins set it", run: rights },
];

const CARD: &str = "/payment-method";

pub(super) fn get(world: &World, tenant: &Tenant, rest: &str) -> Response {
    let call = world.billing().get(&tenant.path(rest));
    call.token(&tenant.member_token).send()
}

pub(super) fn token(token: &str) -> Value {
    json!({ "paymentMethodToken": token })
}

pub(super) fn put(world: &World, tenant: &Tenant, body: &Value, etag: Option<&str>) -> Response {
    let call = world.billing().put(&tenant.path(CARD));
    let call = call.token(&tenant.admin_token).json(body);
    match etag {
        Some(etag) => call.if_match(etag).send(),
        None => call.send(),
    }
}

fn card(world: &World) {
    let tenant = world.tenant("team");
    get(world, &tenant, CARD).expect(404);
    let first = put(world, &tenant, &token("pm_card_visa"), None).expect(201);
    let shown = first.json();
    let members = ["brand", "createdAt", "expiryMonth", "expiryYear", "lastFour", "updatedAt", "version"];
    has_members(&shown, &members);
    assert_eq!((&shown["brand"], &shown["lastFour"]), (&json!("visa"), &json!("4242")));
    let read = get(world, &tenant, CARD).expect(200);
    assert_eq!((read.json(), read.etag()), (shown, first.etag()));
    let other = token("pm_card_mastercard");
    put(world, &tenant, &other, None).expect(428);
    put(world, &tenant, &other, Some("\"999\"")).expect(412);
    put(world, &tenant, &other, Some("garbled")).expect(400);
    let second = put(world, &tenant, &other, Some(&first.etag())).expect(200);
    assert_eq!(second.json()["lastFour"], "4444");
    let delete = |etag: Option<&str>| {
        let call = world.billing().delete(&tenant.path(CARD));
        let call = call.token(&tenant.admin_token);
        match etag {
            Some(etag) => call.if_match(etag).send(),
            None => call.send(),
        }
    };
    delete(None).expect(428);
    delete(Some(&first.etag())).expect(412);
    delete(Some(&second.etag())).expect(204);
    get(world, &tenant, CARD).expect(404);
    delete(Some(&second.etag())).expect(404);
}

fn refused_cards(world: &World) {
    let tenant = world.tenant("team");
    for refused in [
        "pm_unheard_of",
        "pm_card_chargeDeclined",
        "pm_card_chargeDeclinedInsufficientFunds",
        "pm_card_chargeDeclinedExpiredCard",
        "",
        "no token",
    ] {
        let answer = put(world, &tenant, &token(refused), None);
        let problem = problem(&answer, 422);
        assert!(names_field(&problem, "paymentMethodToken"), "{refused}: {problem}");
    }
    get(world, &tenant, CARD).expect(404);
}

fn card_numbers(world: &World) {
    let tenant = world.tenant("team");
    for body in [
        token("4242424242424242"),
        token("4242 4242 4242 4242"),
        token("3782-822463-10005"),
        json!({ "paymentMethodToken": "pm_card_visa", "note": "4000 0566 5566 5556" }),
        json!({ "paymentMethodToken": "pm_card_visa", "deep": [{ "er": "4242424242424242" }] }),
    ] {
        let answer = put(world, &tenant, &body, None);
        problem(&answer, 422);
        let digits: String = answer.text().split('"').filter(|part| part.len() < 30).collect();
        let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
        for number in ["4242424242424242", "378282246310005", "4000056655665556"] {
            assert!(!digits.contains(number), "{}", answer.describe());
        }
    }
    get(world, &tenant, CARD).expect(404);
}

fn rights(world: &World) {
    let tenant = world.tenant("team");
    let call = world.billing().put(&tenant.path(CARD));
    let body = token("pm_card_visa");
    call.token(&tenant.member_token).json(&body).send().expect(403);
    put(world, &tenant, &body, None).expect(201);
    get(world, &tenant, CARD).expect(200);
}
