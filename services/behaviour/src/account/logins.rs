//! Logins: who may sign in.

use serde_json::json;
use uuid::Uuid;

use super::signed::{Signed, email, sign_in, token};
use crate::assert::{has_members, pages, pages_with, problem, problem_at, problem_of, same};
use crate::session::PASSWORD;
use crate::world::{Case, World};

pub(super) const CASES: &[Case] = &[
    Case { name: "logins: one is made, read, changed and removed", run: life },
    Case { name: "logins: the last admin who can sign in stays one", run: last_admin },
    Case { name: "logins: a disabled one can't sign in until it is enabled again", run: disabled },
    Case { name: "logins: they are linked to people of their own organisation only", run: linked },
    Case { name: "logins: no organisation makes an operator", run: no_operator },
    Case { name: "logins: they work once the owner of the address has accepted them", run: invited },
    Case { name: "logins: an admin sets a new password for who has forgotten theirs", run: reset },
    Case { name: "logins: pages hold each once, whatever is added meanwhile", run: paged },
    Case { name: "logins: a repeated request with the same key makes one", run: repeated },
];

fn life(world: &World) {
    let signed = Signed::up(world);
    let (made, email) = signed.login(world, "member");
    let path = format!("/logins/{}", made.id());
    let expected = [
        "createdAt",
        "disabled",
        "email",
        "id",
        "invited",
        "passwordExpiresAt",
        "profileId",
        "scope",
        "updatedAt",
        "version",
    ];
    has_members(&made.json(), &expected);
    same(&signed.get(&path).expect(200).json(), &made.json());
    let member = token(&sign_in(&signed.api, &email, PASSWORD).expect(200));
    problem(&signed.api.delete(&signed.path(&path)).token(&member).if_match("\"1\"").send(), 403);
    let admin = signed.patch(&path, &made.etag(), &json!({"scope": "admin"})).expect(200);
    assert_eq!(admin.json()["scope"], "admin");
    problem(&signed.patch(&path, &made.etag(), &json!({"scope": "member"})), 412);
    let same_again = signed.patch(&path, &admin.etag(), &json!({"scope": "admin"})).expect(200);
    assert_eq!(same_again.etag(), admin.etag());
    signed.delete(&path, &admin.etag()).expect(204);
    problem(&signed.get(&path), 404);
    problem(&signed.delete(&path, &admin.etag()), 404);
    problem(&sign_in(&signed.api, &email, PASSWORD), 401);
    problem(&signed.get(&format!("/logins/{}", Uuid::nil())), 404);
}

fn last_admin(world: &World) {
    let signed = Signed::up(world);
    let first = signed.get("/logins").expect(200).json()["items"][0].clone();
    let path = format!("/logins/{}", first["id"].as_str().expect("an id"));
    let refused = |etag: &str| {
        for patch in [json!({"scope": "member"}), json!({"disabled": true}), json!({"email": email()})] {
            problem_of(&signed.patch(&path, etag, &patch), 409, "last-admin");
        }
        problem_of(&signed.delete(&path, etag), 409, "last-admin");
    };
    refused("\"1\"");
    signed.login(world, "member");
    refused("\"1\"");
    // An admin who can't sign in is none.
    if world.fixture.accepts_alone() {
        let (invited, _) = signed.invite("admin");
        refused("\"1\"");
        signed.delete(&format!("/logins/{}", invited.id()), "\"1\"").expect(204);
    }
    let (second, _) = signed.login(world, "admin");
    let second_path = format!("/logins/{}", second.id());
    let second = signed.patch(&second_path, &second.etag(), &json!({"disabled": true})).expect(200);
    refused("\"1\"");
    signed.patch(&second_path, &second.etag(), &json!({"disabled": false})).expect(200);
    signed.patch(&path, "\"1\"", &json!({"scope": "member"})).expect(200);
}

fn disabled(world: &World) {
    let signed = Signed::up(world);
    let (made, email) = signed.login(world, "member");
    let path = format!("/logins/{}", made.id());
    let off = signed.patch(&path, &made.etag(), &json!({"disabled": true})).expect(200);
    assert_eq!(off.json()["disabled"], true);
    let right = sign_in(&signed.api, &email, PASSWORD);
    let wrong = sign_in(&signed.api, &email, "something else");
    assert_eq!(problem(&right, 401)["type"], problem(&wrong, 401)["type"]);
    signed.patch(&path, &off.etag(), &json!({"disabled": false})).expect(200);
    sign_in(&signed.api, &email, PASSWORD).expect(200);
}

fn linked(world: &World) {
    let (tenant, other) = (world.tenant("team"), world.tenant("team"));
    let api = world.account();
    let post = |profile: Uuid| {
        let body = json!({"email": email(), "password": PASSWORD, "scope": "member", "profileId": profile});
        api.post(&tenant.path("/logins")).token(&tenant.admin_token).json(&body).send()
    };
    problem_at(&post(other.admin_profile), 422, "profileId");
    problem_at(&post(Uuid::nil()), 422, "profileId");
    let made = post(world.fixture.profile(&tenant)).expect(201);
    let path = tenant.path(&format!("/logins/{}", made.id()));
    let patch = |etag: &str, profile| {
        let call = api.patch(&path).token(&tenant.admin_token).if_match(etag);
        call.json(&json!({"profileId": profile})).send()
    };
    let made = world.accept(&path, &tenant.admin_token);
    problem_at(&patch(&made.etag(), Some(other.member_profile)), 422, "profileId");
    let unlinked = patch(&made.etag(), None).expect(200);
    assert_eq!(unlinked.json()["profileId"], json!(null));
    let linked = patch(&unlinked.etag(), Some(tenant.admin_profile)).expect(200);
    assert_eq!(linked.json()["profileId"], json!(tenant.admin_profile));
}

fn no_operator(world: &World) {
    let signed = Signed::up(world);
    let body = json!({"email": email(), "password": PASSWORD, "scope": "operator"});
    problem_at(&signed.post("/logins", &body), 422, "scope");
    let (made, _) = signed.login(world, "member");
    let path = format!("/logins/{}", made.id());
    problem_at(&signed.patch(&path, &made.etag(), &json!({"scope": "operator"})), 422, "scope");
}

fn invited(world: &World) {
    let (one, two) = (Signed::up(world), Signed::up(world));
    // Whether somebody has the address elsewhere makes no difference to whoever adds it.
    let add = |email: &str| {
        let made = one.post("/logins", &json!({"email": email, "password": PASSWORD, "scope": "admin"})).expect(201);
        assert_eq!((made.json()["invited"].clone(), made.etag()), (json!(true), "\"1\"".to_owned()));
        problem_of(&sign_in(&one.api, &email.to_lowercase(), "not the password"), 401, "wrong-credentials");
        format!("/logins/{}", made.id())
    };
    let (taken, free) = (two.email.to_uppercase(), email());
    let paths = [add(&taken), add(&free)];
    // Elsewhere whoever reads the mails may have accepted the second one by now.
    if world.fixture.accepts_alone() {
        problem_of(&sign_in(&one.api, &free, PASSWORD), 401, "wrong-credentials");
        for path in &paths {
            let patch = one.patch(path, "\"1\"", &json!({"scope": "member"})).expect(200);
            assert_eq!((patch.json()["invited"].clone(), patch.etag()), (json!(true), "\"2\"".to_owned()));
        }
    }
    // Its owner's own goes on.
    assert_eq!(two.get("/logins").expect(200).json()["items"][0]["invited"], false);
    sign_in(&two.api, &two.email, PASSWORD).expect(200);
    let accepted = world.accept(&one.path(&paths[1]), &one.token);
    sign_in(&one.api, &free, PASSWORD).expect(200);
    // In another case it is the same address, another one is accepted anew.
    let same = one.patch(&paths[1], &accepted.etag(), &json!({"email": free.to_uppercase()})).expect(200);
    assert_eq!(same.json()["invited"], false);
    let moved = one.patch(&paths[1], &same.etag(), &json!({"email": two.email})).expect(200);
    assert_eq!(moved.json()["invited"], true);
    problem_of(&sign_in(&one.api, &free, PASSWORD), 401, "wrong-credentials");
}

fn reset(world: &World) {
    let signed = Signed::up(world);
    let (made, email) = signed.login(world, "member");
    let path = format!("/logins/{}", made.id());
    let new = "a password set by the admin";
    problem_at(&signed.patch(&path, &made.etag(), &json!({"password": "short"})), 422, "password");
    let patched = signed.patch(&path, &made.etag(), &json!({"password": new})).expect(200);
    assert_ne!(patched.etag(), made.etag());
    problem(&sign_in(&signed.api, &email, PASSWORD), 401);
    sign_in(&signed.api, &email, new).expect(200);
}

fn paged(world: &World) {
    let signed = Signed::up(world);
    for _ in 0..4 {
        signed.login(world, "member");
    }
    let path = signed.path("/logins");
    assert_eq!(pages(&signed.api, &path, &signed.token, 2).len(), 5);
    let before = pages(&signed.api, &path, &signed.token, 50);
    let mut added = 0;
    let walked = pages_with(&signed.api, &path, &signed.token, 2, |_| {
        if added < 2 {
            signed.login(world, "member");
            added += 1;
        }
    });
    for login in before {
        assert!(walked.iter().any(|item| item["id"] == login["id"]), "{login} was skipped");
    }
}

fn repeated(world: &World) {
    let signed = Signed::up(world);
    let body = json!({"email": email(), "password": PASSWORD, "scope": "member"});
    let post = || signed.api.post(&signed.path("/logins")).token(&signed.token).idempotency_key("k");
    let first = post().json(&body).send().expect(201);
    same(&post().json(&body).send().expect(201).json(), &first.json());
    let mut other = body.clone();
    other["scope"] = json!("admin");
    problem_at(&post().json(&other).send(), 422, "Idempotency-Key");
}
