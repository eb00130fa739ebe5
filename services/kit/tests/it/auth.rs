//! Who may: tokens, and the order in which answers win.

use chrono::Utc;
use kit::auth::{Claims, Scope};
use kit::id::{LoginId, OrganisationId};
use kit::testing::Signer;
use serde_json::json;

use crate::http::{get, json as send_json, send, until};
use crate::sample::World;

fn claims(organisation: OrganisationId) -> Claims {
    let now = Utc::now().timestamp();
    Claims {
        iss: "govrnanza".into(),
        aud: "govrnanza".into(),
        sub: LoginId::new(Utc::now()),
        org: Some(organisation),
        profile: None,
        scope: Scope::Member,
        exp: now + 900,
        iat: now,
        nbf: None,
    }
}

#[test]
fn only_a_token_that_is_right_in_everything_is_one() {
    let world = World::new();
    let organisation = world.organisation("Acme");
    let url = world.url(&format!("/organisations/{organisation}"));
    let status = |token: String| get(&url, &[("authorization", &format!("Bearer {token}"))]).status;
    let with = |change: &dyn Fn(&mut Claims)| {
        let mut claims = claims(organisation);
        change(&mut claims);
        status(world.signer.sign(&claims))
    };
    assert_eq!(with(&|_| {}), 200);
    assert_eq!(with(&|c| c.exp = Utc::now().timestamp() - 1), 401, "expired");
    assert_eq!(with(&|c| c.exp = Utc::now().timestamp() + 7200), 401, "lives longer than an hour");
    assert_eq!(with(&|c| c.nbf = Some(Utc::now().timestamp() + 60)), 401, "not yet");
    assert_eq!(with(&|c| c.aud = "other".into()), 401);
    assert_eq!(with(&|c| c.iss = "other".into()), 401);
    assert_eq!(with(&|c| c.scope = Scope::Operator), 401, "an operator of an organisation is nobody");
    assert_eq!(with(&|c| c.org = None), 401, "a member of none is nobody");

    let stranger = Signer::new().unwrap();
    assert_eq!(status(stranger.sign(&claims(organisation))), 401, "an unknown key");
    let good = world.signer.sign(&claims(organisation));
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let flipped = format!("{head}.{body}.{}A", &signature[..signature.len() - 1].chars().rev().collect::<String>());
    assert_eq!(status(flipped), 401, "a wrong signature");
    let none = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        json!({ "alg": "none", "kid": world.signer.kid() }).to_string(),
    );
    assert_eq!(status(format!("{none}.{body}.")), 401, "alg none");
    assert_eq!(status("x".into()), 401);
    // HS256 with the public key as the secret: the algorithm must come from the key.
    let header = jsonwebtoken::Header { kid: Some(world.signer.kid().into()), ..Default::default() };
    let secret = jsonwebtoken::EncodingKey::from_secret(world.signer.public_jwk().as_bytes());
    assert_eq!(status(jsonwebtoken::encode(&header, &claims(organisation), &secret).unwrap()), 401);
}

#[test]
fn a_key_published_later_is_believed_at_once_and_a_file_works_as_well() {
    let world = World::new();
    let organisation = world.organisation("Acme");
    assert_eq!(world.find(organisation).status, 200);
    let second = Signer::new().unwrap();
    let token = format!("Bearer {}", second.token(Scope::Member, Some(organisation), LoginId::new(Utc::now()), None));
    let url = world.url(&format!("/organisations/{organisation}"));
    assert_eq!(get(&url, &[("authorization", &token)]).status, 401);
    second.publish(&mut world.db.connect("account_writer")).unwrap();
    // Its id was just looked for in vain, and is again after a second.
    until("a key that came after its token", || (get(&url, &[("authorization", &token)]).status == 200).then_some(()));

    let third = Signer::new().unwrap();
    let file = std::env::temp_dir().join(format!("jwks-{}", uuid::Uuid::now_v7()));
    std::fs::write(&file, third.key_set()).unwrap();
    let from_file =
        World::with(crate::sample::Settings::default(), |common| common.jwks = Some(file.display().to_string()));
    let organisation = from_file.organisation("Acme");
    assert_eq!(from_file.find(organisation).status, 401, "the database isn't asked");
    let token = format!("Bearer {}", third.token(Scope::Member, Some(organisation), LoginId::new(Utc::now()), None));
    let url = from_file.url(&format!("/organisations/{organisation}"));
    assert_eq!(get(&url, &[("authorization", &token)]).status, 200);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn the_first_reason_wins() {
    let world = World::new();
    let (own, other) = (world.organisation("Own"), world.organisation("Other"));
    let member = world.token(Scope::Member, Some(own));
    let admin = world.token(Scope::Admin, Some(own));
    let operator = world.token(Scope::Operator, None);
    let own = world.url(&format!("/organisations/{own}"));
    let other = world.url(&format!("/organisations/{other}"));
    let patch = |url: &str, headers: &[(&str, &str)], body: &[u8]| send("PATCH", url, headers, Some(body)).status;
    let typed = ("content-type", "application/json");
    let large = vec![b' '; 300 * 1024];
    assert_eq!(patch(&own, &[], b"{"), 401);
    assert_eq!(patch(&own, &[("authorization", &member)], b"{"), 403, "no admin, before the body");
    assert_eq!(patch(&other, &[("authorization", &admin)], &large), 403, "another organisation, before the body");
    assert_eq!(patch(&own, &[("authorization", &operator)], b"{"), 403, "operators belong to none");
    assert_eq!(patch(&own, &[("authorization", &admin), typed], b"{\"name\":\"a\"}"), 428);
    let seen = ("if-match", "\"1\"");
    assert_eq!(patch(&own, &[("authorization", &admin), typed, seen], &large), 413);
    assert_eq!(patch(&own, &[("authorization", &admin), seen], b"{\"name\":\"a\"}"), 415);
    assert_eq!(patch(&own, &[("authorization", &admin), typed, seen], b"{"), 400);
    let stale = ("if-match", "\"9\"");
    assert_eq!(patch(&own, &[("authorization", &admin), typed, stale], b"{\"name\":\"\"}"), 412, "before 422");
    assert_eq!(patch(&own, &[("authorization", &admin), typed, seen], b"{\"name\":\"\"}"), 422);
    assert_eq!(patch(&own, &[("authorization", &admin), typed, seen], b"{\"name\":\"Other\"}"), 409);
    assert_eq!(patch(&own, &[("authorization", &admin), typed, seen], b"{\"name\":\"New\"}"), 200);

    let url = world.url("/operators");
    let post = |token: &str| send_json("POST", &url, &[("authorization", token)], &json!({ "name": "a" })).status;
    assert_eq!((post(&operator), post(&admin)), (204, 403));
    let problem = get(&own, &[]);
    problem.problem(401);
    assert_eq!(problem.header("www-authenticate"), "Bearer");
}
