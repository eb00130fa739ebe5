//! Organisations: signing up, renaming, standing.

use serde_json::json;

use super::signed::{Signed, email, sign_in, sign_up, token};
use crate::assert::{changes, eventually, has_members, problem, problem_at, problem_of, same};
use crate::session::{PASSWORD, unique};
use crate::world::{Case, World};

pub(super) const CASES: &[Case] = &[
    Case { name: "organisations: signing up makes the organisation and its first admin", run: signing_up },
    Case { name: "organisations: a name and an e-mail are taken once, whatever their case", run: taken },
    Case { name: "organisations: a name and an e-mail are taken once, however their accents are coded", run: coded },
    Case { name: "organisations: a name, a plan and an e-mail must be such", run: invalid },
    Case { name: "organisations: a change moves the ETag, and one without effect changes nothing", run: changing },
    Case { name: "organisations: the standing is Billing's", run: standing },
    Case { name: "organisations: a repeated sign-up with the same key is one sign-up", run: repeated },
    Case { name: "organisations: the feed tells what happened, once and in order", run: feed },
];

fn signing_up(world: &World) {
    let (api, email, name) = (world.account(), email(), unique());
    let made = api.post("/organisations").json(&sign_up(&name, &email)).send().expect(201);
    let body = made.json();
    let expected = ["createdAt", "id", "name", "plan", "standing", "updatedAt", "version"];
    has_members(&body, &expected);
    assert_eq!((&body["name"], &body["plan"]), (&json!(name), &json!("free")));
    assert_eq!(body["standing"], "active");
    let location = format!("/api/v1/organisations/{}", made.id());
    assert_eq!(made.header("location"), Some(location.as_str()));
    let token = token(&sign_in(&api, &email, PASSWORD).expect(200));
    let found = api.raw("GET", &location).token(&token).send().expect(200);
    same(&found.json(), &body);
    assert_eq!(found.etag(), made.etag());
    let logins = api.raw("GET", &format!("{location}/logins")).token(&token).send().expect(200).json();
    assert_eq!(logins["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(logins["items"][0]["scope"], "admin");
    assert!(!logins.to_string().contains("assword_hash"), "{logins}");
}

fn taken(world: &World) {
    let (api, mail, name) = (world.account(), email(), unique());
    let post = |name: &str, mail: &str| api.post("/organisations").json(&sign_up(name, mail)).send();
    post(&name, &mail).expect(201);
    problem_of(&post(&name.to_uppercase(), &email()), 409, "name-taken");
    problem_of(&post(&unique(), &mail.to_uppercase()), 409, "email-taken");
    // What was refused left nothing behind: the name is free.
    let other = unique();
    problem_of(&post(&other, &mail), 409, "email-taken");
    post(&other, &email()).expect(201);
}

fn coded(world: &World) {
    let (api, mail, name) = (world.account(), email(), unique());
    let post = |name: &str, mail: &str| api.post("/organisations").json(&sign_up(name, mail)).send();
    let made = post(&format!("Caf\u{e9} {name}"), &format!("\u{e9}{mail}")).expect(201);
    problem_of(&post(&format!("Cafe\u{301} {name}"), &email()), 409, "name-taken");
    problem_of(&post(&unique(), &format!("e\u{301}{mail}")), 409, "email-taken");
    assert_eq!(made.json()["name"], format!("Caf\u{e9} {name}"));
    let decomposed = post(&format!("Noe\u{308}l {name}"), &email()).expect(201);
    assert_eq!(decomposed.json()["name"], format!("No\u{eb}l {name}"));
}

fn invalid(world: &World) {
    let api = world.account();
    let good = sign_up(&unique(), &email());
    let wrong = [
        ("/name", json!(""), "name"),
        ("/name", json!(" "), "name"),
        ("/name", json!("x".repeat(201)), "name"),
        ("/plan", json!("nothing-like-it"), "plan"),
        ("/admin/email", json!("nobody"), "admin.email"),
        ("/admin/email", json!("a b@c.example"), "admin.email"),
        ("/admin/password", json!("short"), "admin.password"),
        ("/admin/password", json!("x".repeat(201)), "admin.password"),
    ];
    for (pointer, value, field) in wrong {
        let mut body = good.clone();
        *body.pointer_mut(pointer).expect("the body has it") = value;
        problem_at(&api.post("/organisations").json(&body).send(), 422, field);
    }
}

fn changing(world: &World) {
    let signed = Signed::up(world);
    let before = signed.get("").expect(200);
    let name = unique();
    let renamed = signed.patch("", &before.etag(), &json!({"name": name})).expect(200);
    assert_eq!(renamed.json()["name"], json!(name));
    assert_ne!(renamed.etag(), before.etag());
    problem(&signed.patch("", &before.etag(), &json!({"name": unique()})), 412);
    let again = signed.patch("", &renamed.etag(), &json!({"name": name})).expect(200);
    same(&again.json(), &renamed.json());
    let nothing = signed.patch("", &renamed.etag(), &json!({})).expect(200);
    assert_eq!(nothing.etag(), renamed.etag());
    let team = signed.patch("", &renamed.etag(), &json!({"plan": "team"})).expect(200);
    assert_eq!(team.json()["plan"], "team");
    problem_at(&signed.patch("", &team.etag(), &json!({"plan": "none"})), 422, "plan");
    let other = Signed::up(world);
    let taken = signed.get("").json()["name"].clone();
    let etag = other.get("").etag();
    problem_of(&other.patch("", &etag, &json!({"name": taken})), 409, "name-taken");
}

fn standing(world: &World) {
    if !world.fixture.can_set_standing() {
        return;
    }
    let signed = Signed::up(world);
    for standing in ["overdue", "frozen", "active"] {
        world.fixture.set_standing(signed.org, standing);
        assert_eq!(signed.get("").expect(200).json()["standing"], standing);
    }
}

fn repeated(world: &World) {
    let api = world.account();
    let (body, key) = (sign_up(&unique(), &email()), unique());
    let post = || api.post("/organisations").idempotency_key(&key);
    let first = post().json(&body).send().expect(201);
    let second = post().json(&body).send().expect(201);
    same(&second.json(), &first.json());
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.etag(), first.etag());
    let mut other = body.clone();
    other["admin"]["password"] = json!("another password altogether");
    problem_at(&post().json(&other).send(), 422, "Idempotency-Key");
    let bad = api.post("/organisations").idempotency_key(&"x".repeat(129));
    problem_at(&bad.json(&body).send(), 400, "Idempotency-Key");
}

fn feed(world: &World) {
    let signed = Signed::up(world);
    let etag = signed.get("").etag();
    let patch = json!({"name": unique(), "plan": "team"});
    signed.patch("", &etag, &patch).expect(200);
    let (login, _) = signed.invite("member");
    signed.delete(&format!("/logins/{}", login.id()), &login.etag()).expect(204);
    let expected = [
        "OrganisationCreated",
        "LoginCreated",
        "OrganisationModified",
        "SubscriptionPlanModified",
        "LoginCreated",
        "LoginDeleted",
    ];
    let path = signed.path("/account-changes");
    let items = eventually("six changes", || {
        let (items, _) = changes(&signed.api, &path, &signed.token, None);
        (items.len() >= expected.len()).then_some(items)
    });
    let kinds: Vec<_> = items.iter().filter_map(|item| item["kind"].as_str()).collect();
    assert_eq!(kinds, expected);
    assert_eq!(items[2]["after"], json!({"name": patch["name"]}));
    assert_eq!(items[3]["before"], json!({"plan": "free"}));
    assert_eq!(items[5]["after"], json!(null));
    assert_eq!(items[5]["entityId"], json!(login.id()));
    assert!(!json!(items).to_string().contains("argon2"), "{items:?}");
    let (_, end) = changes(&signed.api, &path, &signed.token, None);
    let (rest, _) = changes(&signed.api, &path, &signed.token, end.as_deref());
    assert!(rest.is_empty(), "{rest:?}");
}
