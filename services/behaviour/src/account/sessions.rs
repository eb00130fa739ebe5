//! Sessions: signing in, and passwords.

use serde_json::json;

use super::signed::{Signed, email, sign_in, token};
use crate::assert::{has_members, problem, problem_at, problem_of};
use crate::session::PASSWORD;
use crate::world::{Case, World};

pub(super) const CASES: &[Case] = &[
    Case { name: "sessions: e-mail and password give a token, whatever the e-mail's case", run: signing_in },
    Case { name: "sessions: a wrong password and an unknown e-mail get the same answer", run: the_same },
    Case { name: "sessions: who knows the password changes it", run: changing },
    Case { name: "sessions: a session can bring the new password along", run: new_password },
    Case { name: "sessions: a password is the same on every device, however it codes accents", run: coded },
    Case { name: "sessions: the public keys are those that tokens name", run: public_keys },
];

fn signing_in(world: &World) {
    let signed = Signed::up(world);
    let session = sign_in(&signed.api, &signed.email.to_uppercase(), PASSWORD).expect(200);
    has_members(&session.json(), &["expiresAt", "token"]);
    let used = signed.api.get(&signed.path("")).token(&token(&session)).send();
    used.expect(200);
}

fn the_same(world: &World) {
    let signed = Signed::up(world);
    let mut answers =
        [sign_in(&signed.api, &signed.email, "not the password"), sign_in(&signed.api, &email(), "not the password")]
            .map(|answer| problem_of(&answer, 401, "wrong-credentials"));
    for answer in &mut answers {
        answer["instance"] = json!(null);
    }
    assert_eq!(answers[0], answers[1]);
}

fn changing(world: &World) {
    let signed = Signed::up(world);
    let put = |current: &str, new: &str| {
        let call = signed.api.put("/logins/me/password").token(&signed.token);
        call.json(&json!({"current": current, "new": new})).send()
    };
    let new = "quite another password";
    problem_at(&put("not the password", new), 422, "current");
    problem_at(&put(PASSWORD, "short"), 422, "new");
    problem_at(&put(PASSWORD, PASSWORD), 422, "new");
    put(PASSWORD, new).expect(204);
    problem(&sign_in(&signed.api, &signed.email, PASSWORD), 401);
    sign_in(&signed.api, &signed.email, new).expect(200);
}

fn new_password(world: &World) {
    let signed = Signed::up(world);
    let new = "the next password";
    let post = |password: &str, new: &str| {
        let body = json!({"email": signed.email, "password": password, "newPassword": new});
        signed.api.post("/sessions").json(&body).send()
    };
    problem(&post("not the password", new), 401);
    problem_at(&post(PASSWORD, "short"), 422, "newPassword");
    post(PASSWORD, new).expect(200);
    problem(&sign_in(&signed.api, &signed.email, PASSWORD), 401);
    sign_in(&signed.api, &signed.email, new).expect(200);
}

fn coded(world: &World) {
    let signed = Signed::up(world);
    let (composed, decomposed) = ("mot de pass\u{e9} secret", "mot de passe\u{301} secret");
    let put = |current: &str, new: &str| {
        let call = signed.api.put("/logins/me/password").token(&signed.token);
        call.json(&json!({"current": current, "new": new})).send()
    };
    put(PASSWORD, decomposed).expect(204);
    sign_in(&signed.api, &signed.email, composed).expect(200);
    sign_in(&signed.api, &signed.email, decomposed).expect(200);
    problem_at(&put(composed, decomposed), 422, "new");
    put(composed, PASSWORD).expect(204);
    problem(&sign_in(&signed.api, &signed.email, composed), 401);
    // Nine characters, however many are sent.
    problem_at(&put(PASSWORD, &"e\u{301}".repeat(9)), 422, "new");
}

fn public_keys(world: &World) {
    let set = world.account().root("/.well-known/jwks.json").send().expect(200).json();
    let all = set["keys"].as_array().expect("keys");
    assert!(!all.is_empty());
    for key in all {
        assert!(key.get("d").is_none(), "a secret half: {key}");
        assert!(key["kid"].is_string() && key["kty"].is_string(), "{key}");
    }
}
