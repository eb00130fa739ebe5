//! Tokens that nobody should believe, at each of the five services.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use behaviour::{Value, json};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::support::{shared, until, world};

/// A key of our own that the services believe, or don't.
struct Key {
    id: String,
    secret: EncodingKey,
    public: Vec<u8>,
}

impl Key {
    fn new(id: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        Self {
            id: id.to_owned(),
            secret: EncodingKey::from_ed_der(document.as_ref()),
            public: pair.public_key().as_ref().to_vec(),
        }
    }

    /// Puts it where Account would; `until` is when it was withdrawn, in seconds from now.
    fn publish(&self, until: Option<i32>) {
        let x = URL_SAFE_NO_PAD.encode(&self.public);
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.id, "alg": "EdDSA", "use": "sig"});
        let until = until.map_or("null".to_owned(), |s| format!("now() + interval '{s} seconds'"));
        let sql = format!(
            "insert into account.signing_keys (id, public_key, valid_from, valid_until) \
             values ('{}', '{jwk}', now() - interval '1 hour', {until})",
            self.id
        );
        crate::sql::run_as(&mut crate::sql::connect(shared()), "account_owner", &sql);
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(Some(&self.id), claims)
    }

    fn sign_as(&self, kid: Option<&str>, claims: &Value) -> String {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, &self.secret).unwrap()
    }
}

fn with(claims: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims.clone();
    claims[name] = value.into();
    claims
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Sixteen, each wrong in one thing, made from claims and keys with which a right one is made as well.
fn bad_tokens(claims: &Value, key: &Key, stranger: &Key, withdrawn: &Key) -> Vec<(&'static str, String)> {
    let now = Utc::now().timestamp();
    let good = key.sign(claims);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let none = |kid: Value| part(&json!({"alg": "none", "typ": "JWT", "kid": kid}));
    let hmac = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::HS256) };
    let body = part(&with(claims, "scope", "admin"));
    vec![
        ("no algorithm", format!("{}.{}.", none(json!(key.id)), part(claims))),
        ("no algorithm, another's signature", format!("{}.{}.{signature}", none(json!(key.id)), part(claims))),
        ("another key under a known id", stranger.sign_as(Some(&key.id), claims)),
        ("an unknown key", stranger.sign(claims)),
        ("no key named", key.sign_as(None, claims)),
        ("the public key as a shared secret", encode(&hmac, claims, &EncodingKey::from_secret(&key.public)).unwrap()),
        ("a withdrawn key", withdrawn.sign(claims)),
        ("wrong issuer", key.sign(&with(claims, "iss", "evil"))),
        ("wrong audience", key.sign(&with(claims, "aud", "somebody"))),
        ("expired", key.sign(&with(claims, "exp", now - 5))),
        ("not yet valid", key.sign(&with(claims, "nbf", now + 600))),
        ("valid for a day", key.sign(&with(claims, "exp", now + 86_400))),
        ("an operator of an organisation", key.sign(&with(claims, "scope", "operator"))),
        ("an unknown scope", key.sign(&with(claims, "scope", "root"))),
        ("claims changed after signing", format!("{header}.{body}.{signature}")),
        ("no signature", head.to_owned() + "."),
    ]
}

#[test]
fn sixteen_bad_tokens_are_401_at_each_service() {
    let world = world(shared());
    let tenant = world.tenant("team");
    let [key, stranger, withdrawn] = ["it-key", "it-stranger", "it-withdrawn"].map(Key::new);
    key.publish(None);
    withdrawn.publish(Some(-1));
    let now = Utc::now().timestamp();
    let claims = json!({"iss": "govrnanza", "aud": "govrnanza", "sub": tenant.member_login, "org": tenant.org,
        "profile": tenant.member_profile, "scope": "member", "iat": now, "exp": now + 900});
    let good = key.sign(&claims);
    let bad = bad_tokens(&claims, &key, &stranger, &withdrawn);
    assert_eq!(bad.len(), 16);
    for (service, path) in [
        ("account", ""),
        ("profile", "/profiles"),
        ("registry", "/apis"),
        ("billing", "/standing"),
        ("notification", "/notifications"),
    ] {
        let (api, path) = (world.service(service), tenant.path(path));
        let ask = |token: &str| api.get(&path).token(token).send().status;
        until("the new key is believed", || ask(&good) == 200);
        let of_good = median(|| assert_eq!(ask(&good), 200));
        for (what, token) in &bad {
            // The first look at an unknown key reads the keys anew: what comes after is what a flood would see.
            assert_eq!(ask(token), 401, "{service}: {what}");
            let time = median(|| assert_eq!(ask(token), 401, "{service}: {what}"));
            let times = time.as_secs_f64() / of_good.as_secs_f64();
            println!("{service}, {what}: {time:?}, {times:.1} times a good one");
        }
    }
}

fn median(mut ask: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..9)
        .map(|_| {
            let start = Instant::now();
            ask();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// At once where one signs in, within the token's hour everywhere else: as docs/SECURITY.md has it.
#[test]
fn who_is_disabled_signs_in_no_more() {
    let world = world(shared());
    let (account, tenant) = (world.account(), world.tenant("team"));
    let email = format!("{}@it.example", crate::support::unique("disabled"));
    let login = json!({"email": email, "password": "correct horse battery", "scope": "member"});
    let logins = tenant.path("/logins");
    let added = account.post(&logins).token(&tenant.admin_token).json(&login).send().expect(201);
    let path = format!("{logins}/{}", added.id());
    let made = world.accept(&path, &tenant.admin_token);
    let sign_in = || {
        let body = json!({"email": email, "password": "correct horse battery"});
        account.post("/sessions").json(&body).send()
    };
    let token = sign_in().expect(200).json()["token"].as_str().unwrap().to_owned();
    let disable = account.patch(&path).token(&tenant.admin_token).if_match(&made.etag());
    disable.json(&json!({"disabled": true})).send().expect(200);
    assert_eq!(sign_in().status, 401);
    let put = account.put("/logins/me/password").token(&token);
    let change = json!({"current": "correct horse battery", "new": "quite another one"});
    assert_eq!(put.json(&change).send().status, 401);
    let read = world.registry().get(&tenant.path("/apis")).token(&token).send();
    assert_eq!(read.status, 200, "until the token's hour is over");
}
