//! An organisation that has just signed up, at work in Account.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Api, Response};
use crate::session::{PASSWORD, unique};
use crate::world::World;

/// An organisation that has just signed up, and its only login.
pub(super) struct Signed {
    pub(super) api: Api,
    pub(super) org: Uuid,
    pub(super) email: String,
    pub(super) token: String,
}

impl Signed {
    pub(super) fn up(world: &World) -> Self {
        let api = world.account();
        let email = email();
        let org = api.post("/organisations").json(&sign_up(&unique(), &email)).send();
        let token = token(&sign_in(&api, &email, PASSWORD).expect(200));
        Self { org: org.expect(201).id(), api, email, token }
    }

    pub(super) fn path(&self, rest: &str) -> String {
        format!("/organisations/{}{rest}", self.org)
    }

    pub(super) fn get(&self, rest: &str) -> Response {
        self.api.get(&self.path(rest)).token(&self.token).send()
    }

    pub(super) fn post(&self, rest: &str, body: &Value) -> Response {
        let call = self.api.post(&self.path(rest)).token(&self.token);
        call.json(body).send()
    }

    pub(super) fn patch(&self, rest: &str, etag: &str, body: &Value) -> Response {
        let call = self.api.patch(&self.path(rest)).token(&self.token);
        call.if_match(etag).json(body).send()
    }

    pub(super) fn delete(&self, rest: &str, etag: &str) -> Response {
        let call = self.api.delete(&self.path(rest)).token(&self.token);
        call.if_match(etag).send()
    }

    /// A further login of this scope, accepted.
    pub(super) fn login(&self, world: &World, scope: &str) -> (Response, String) {
        let (made, email) = self.invite(scope);
        let path = self.path(&format!("/logins/{}", made.id()));
        (world.accept(&path, &self.token), email)
    }

    /// A further login of this scope, not accepted.
    pub(super) fn invite(&self, scope: &str) -> (Response, String) {
        let email = email();
        let body = json!({"email": email, "password": PASSWORD, "scope": scope});
        (self.post("/logins", &body).expect(201), email)
    }
}

pub(super) fn sign_up(name: &str, email: &str) -> Value {
    json!({"name": name, "plan": "free", "admin": {"email": email, "password": PASSWORD}})
}

pub(super) fn sign_in(api: &Api, email: &str, password: &str) -> Response {
    let body = json!({"email": email, "password": password});
    api.post("/sessions").json(&body).send()
}

pub(super) fn token(session: &Response) -> String {
    let token = session.json()["token"].as_str().map(str::to_owned);
    token.expect("a session has a token")
}

pub(super) fn email() -> String {
    format!("{}@suite.example", unique())
}
