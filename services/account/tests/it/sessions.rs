//! Sessions: what a token says, how long a password is enough.

use account::Settings;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use behaviour::assert::{problem, problem_of};
use behaviour::{Value, json};

use crate::here::{Here, PASSWORD, token, unique};

fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).expect("three parts");
    let bytes = URL_SAFE_NO_PAD.decode(text).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn a_token_says_who_it_is_and_ends_within_the_hour() {
    let here = Here::new();
    let tenant = here.world.tenant("free");
    let claims = part(&tenant.member_token, 1);
    assert_eq!(claims["iss"], "govrnanza");
    assert_eq!(claims["aud"], "govrnanza");
    assert_eq!(claims["sub"], json!(tenant.member_login));
    assert_eq!(claims["org"], json!(tenant.org));
    assert_eq!(claims["profile"], json!(tenant.member_profile));
    assert_eq!(claims["scope"], "member");
    let lifetime = claims["exp"].as_i64().expect("exp") - claims["iat"].as_i64().expect("iat");
    assert!((1..=3600).contains(&lifetime), "{lifetime}");
    let operator = part(&here.world.fixture.operator_token(), 1);
    assert_eq!(operator["scope"], "operator");
    assert_eq!(operator.get("org"), None);
    // The key that signed is among the public ones.
    let header = part(&tenant.member_token, 0);
    assert_eq!(header["alg"], "EdDSA");
    let keys = here.account.root("/.well-known/jwks.json").send().expect(200);
    assert_eq!(keys.json()["keys"][0]["kid"], header["kid"]);
}

#[test]
fn a_token_is_worth_nothing_after_its_hour() {
    let here = Here::new();
    let (org, _, token) = here.organisation("free");
    let get = || here.account.get(&format!("/organisations/{org}")).token(&token).send();
    here.clock(3590);
    get().expect(200);
    here.clock(3601);
    problem(&get(), 401);
}

#[test]
fn an_expired_password_opens_nothing_but_its_own_change() {
    let here = Here::with(Settings { password_max_age_days: 30, ..Settings::default() });
    let (org, email, _) = here.organisation("free");
    here.clock(30 * 86_400 - 60);
    here.sign_in(&email, PASSWORD).expect(200);
    here.clock(30 * 86_400 + 60);
    problem_of(&here.sign_in(&email, PASSWORD), 403, "password-expired");
    problem(&here.sign_in(&email, "not the password"), 401);
    let body = json!({"email": email, "password": PASSWORD, "newPassword": "the next password"});
    let session = here.account.post("/sessions").json(&body).send().expect(200);
    let logins = format!("/organisations/{org}/logins");
    let page = here.account.get(&logins).token(&token(&session)).send().expect(200).json();
    let expires = page["items"][0]["passwordExpiresAt"].as_str().expect("a time");
    let expires: chrono::DateTime<chrono::Utc> = expires.parse().expect("RFC 3339");
    assert_eq!((expires - chrono::Utc::now()).num_days(), 60);
    here.sign_in(&email, "the next password").expect(200);
}

#[test]
fn a_login_that_has_gone_changes_no_password_with_its_token() {
    let here = Here::new();
    let tenant = here.world.tenant("free");
    let path = tenant.path(&format!("/logins/{}", tenant.member_login));
    let call = here.account.delete(&path).token(&tenant.admin_token);
    let etag = here.account.get(&path).token(&tenant.admin_token).send().etag();
    call.if_match(&etag).send().expect(204);
    let put = here.account.put("/logins/me/password").token(&tenant.member_token);
    let body = json!({"current": PASSWORD, "new": "quite another password"});
    problem(&put.json(&body).send(), 401);
}

#[test]
fn a_removed_admin_makes_no_new_one_with_the_token_that_is_left() {
    let here = Here::new();
    let (org, _, token_of_first) = here.organisation("team");
    let logins = format!("/organisations/{org}/logins");
    let body =
        |scope: &str| json!({"email": format!("{}@here.example", unique()), "password": PASSWORD, "scope": scope});
    let post = |token: &str, scope: &str| here.account.post(&logins).token(token).json(&body(scope)).send();
    for change in [None, Some(json!({"scope": "member"})), Some(json!({"disabled": true}))] {
        let made = post(&token_of_first, "admin").expect(201);
        let made = here.world.accept(&format!("{logins}/{}", made.id()), &token_of_first);
        let email = made.json()["email"].as_str().expect("a text").to_owned();
        let left = token(&here.sign_in(&email, PASSWORD).expect(200));
        let other = post(&left, "member").expect(201);
        let path = format!("{logins}/{}", made.id());
        match change {
            None => here.account.delete(&path).token(&token_of_first).if_match(&made.etag()).send().expect(204),
            Some(change) => {
                here.account.patch(&path).token(&token_of_first).if_match(&made.etag()).json(&change).send().expect(200)
            }
        };
        problem(&post(&left, "admin"), 403);
        let path = format!("{logins}/{}", other.id());
        let patch = here.account.patch(&path).token(&left).if_match(&other.etag());
        problem(&patch.json(&json!({"scope": "admin"})).send(), 403);
        problem(&here.account.delete(&path).token(&left).if_match(&other.etag()).send(), 403);
        let path = format!("/organisations/{org}");
        let etag = here.account.get(&path).token(&left).send().etag();
        let rename = here.account.patch(&path).token(&left).if_match(&etag);
        problem(&rename.json(&json!({"name": unique()})).send(), 403);
    }
}
