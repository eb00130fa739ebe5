//! Account: organisations, logins, sessions, plans.

mod logins;
mod organisations;
mod plans;
mod sessions;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Api, Response};
use crate::{Case, World};

const PASSWORD: &str = "correct horse battery staple";

/// All cases.
pub fn suite() -> Vec<Case> {
    [organisations::CASES, logins::CASES, sessions::CASES, plans::CASES].concat()
}

/// An organisation that has just signed up, and its only login.
struct Signed {
    api: Api,
    org: Uuid,
    email: String,
    token: String,
}

impl Signed {
    fn up(world: &World) -> Self {
        let api = world.account();
        let email = email();
        let org = api.post("/organisations").json(&sign_up(&unique(), &email)).send();
        let token = token(&sign_in(&api, &email, PASSWORD).expect(200));
        Self { org: org.expect(201).id(), api, email, token }
    }

    fn path(&self, rest: &str) -> String {
        format!("/organisations/{}{rest}", self.org)
    }

    fn get(&self, rest: &str) -> Response {
        self.api.get(&self.path(rest)).token(&self.token).send()
    }

    fn post(&self, rest: &str, body: &Value) -> Response {
        let call = self.api.post(&self.path(rest)).token(&self.token);
        call.json(body).send()
    }

    fn patch(&self, rest: &str, etag: &str, body: &Value) -> Response {
        let call = self.api.patch(&self.path(rest)).token(&self.token);
        call.if_match(etag).json(body).send()
    }

    fn delete(&self, rest: &str, etag: &str) -> Response {
        let call = self.api.delete(&self.path(rest)).token(&self.token);
        call.if_match(etag).send()
    }

    /// A further login of this scope.
    fn login(&self, scope: &str) -> (Response, String) {
        let email = email();
        let body = json!({"email": email, "password": PASSWORD, "scope": scope});
        (self.post("/logins", &body).expect(201), email)
    }
}

fn sign_up(name: &str, email: &str) -> Value {
    json!({"name": name, "plan": "free", "admin": {"email": email, "password": PASSWORD}})
}

fn sign_in(api: &Api, email: &str, password: &str) -> Response {
    let body = json!({"email": email, "password": password});
    api.post("/sessions").json(&body).send()
}

fn token(session: &Response) -> String {
    let token = session.json()["token"].as_str().map(str::to_owned);
    token.expect("a session has a token")
}

/// A name that no other run has used: names are unique platform-wide, and what a run made stays.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("a{:x}-{count}", now.expect("past 1970").as_nanos())
}

fn email() -> String {
    format!("{}@suite.example", unique())
}
