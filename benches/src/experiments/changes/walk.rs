//! The reduced suite: every operation of the five contracts once, in a few seconds.
//!
//! It asserts nothing but that no service fails (5xx, or no answer). Each walk makes things of its own and then works on those of the walk before, too: where
//! a change breaks the making, reading and changing are still tried.

mod account;
mod billing;
mod registry;
mod rows;
mod things;

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

pub use things::Things;

use crate::{Failure, Place};

const PASSWORD: &str = "correct horse battery staple 1";

/// A request that a service failed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Whose.
    pub service: String,
    /// Method and path, without ids.
    pub call: String,
    /// 5xx; 0: no answer.
    pub status: u16,
}

struct Answer {
    status: u16,
    etag: String,
    body: Value,
}

impl Answer {
    fn id(&self) -> Option<String> {
        (self.status < 300).then_some(())?;
        Some(self.body.get("id")?.as_str()?.to_owned())
    }
}

struct Walk<'a> {
    agent: Agent,
    target: &'a Place,
    token: String,
    broken: Vec<Broken>,
    calls: usize,
    salt: String,
}

/// Walks once over everything. `things` of a fresh system are the default; they are what the next walk stands on.
pub fn walk(target: &Place, things: &mut Things) -> Result<(Vec<Broken>, usize), Failure> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(15)))
        .max_idle_age(Duration::from_secs(2))
        .build();
    let mut walk = Walk {
        agent: config.new_agent(),
        target,
        token: String::new(),
        broken: Vec::new(),
        calls: 0,
        salt: uuid::Uuid::now_v7().simple().to_string(),
    };
    // A fresh system gets a store of what later walks delete.
    let rounds = if things.org.is_empty() { 3 } else { 1 };
    walk.sign_in(things)?;
    for _ in 0..rounds {
        walk.salt = uuid::Uuid::now_v7().simple().to_string();
        walk.make(things);
    }
    walk.account(things);
    walk.profile(things);
    walk.registry(things);
    walk.billing(things);
    walk.notification(things);
    walk.delete(things);
    Ok((walk.broken, walk.calls))
}

impl Walk<'_> {
    fn call(&mut self, service: &str, method: &str, path: &str, etag: &str, body: Option<Value>) -> Answer {
        self.calls += 1;
        let base = self.target.services.get(service).map_or("", String::as_str);
        let answer = self.once(method, &format!("{base}/api/v1{path}"), etag, body);
        let answer = answer.unwrap_or(Answer { status: 0, etag: String::new(), body: Value::Null });
        if answer.status == 0 || answer.status >= 500 {
            self.broken.push(Broken {
                service: service.to_owned(),
                call: format!("{method} {}", without_ids(path)),
                status: answer.status,
            });
        }
        answer
    }

    fn once(&self, method: &str, url: &str, etag: &str, body: Option<Value>) -> Result<Answer, ureq::Error> {
        let mut builder = ureq::http::Request::builder().method(method).uri(url);
        if !self.token.is_empty() {
            builder = builder.header("authorization", format!("Bearer {}", self.token));
        }
        if !etag.is_empty() {
            builder = builder.header("if-match", etag);
        }
        if method == "POST" {
            builder = builder.header("idempotency-key", uuid::Uuid::now_v7().to_string());
        }
        let mut response = match body {
            Some(body) => self.agent.run(builder.header("content-type", "application/json").body(body.to_string())?)?,
            None => self.agent.run(builder.body(())?)?,
        };
        let etag = response.headers().get("etag").and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_vec()?;
        Ok(Answer { status, etag, body: serde_json::from_slice(&body).unwrap_or_default() })
    }

    fn get(&mut self, service: &str, path: &str) -> Answer {
        self.call(service, "GET", path, "", None)
    }

    fn post(&mut self, service: &str, path: &str, body: Value) -> Answer {
        self.call(service, "POST", path, "", Some(body))
    }

    /// Reads it for its version and then changes it.
    fn change(&mut self, service: &str, method: &str, path: &str, body: Value) -> Answer {
        let etag = self.get(service, path).etag;
        self.call(service, method, path, &etag, Some(body))
    }

    fn remove(&mut self, service: &str, path: &str) {
        let etag = self.get(service, path).etag;
        self.call(service, "DELETE", path, &etag, None);
    }

    fn session(&mut self, email: &str, password: &str) -> Option<String> {
        let answer = self.post("account", "/sessions", json!({"email": email, "password": password}));
        Some(answer.body.get("token")?.as_str()?.to_owned())
    }

    /// An admin's and an operator's token; where Account fails, those of the walk before serve.
    fn sign_in(&mut self, things: &mut Things) -> Result<(), Failure> {
        let email = format!("{}@walk.example", self.salt);
        let body = json!({"name": format!("Walk {}", self.salt), "plan": "payg", "admin": {"email": email, "password": PASSWORD}});
        let made = self.post("account", "/organisations", body).id();
        if things.org.is_empty() {
            things.org = made.ok_or_else(|| Failure::could_not_run("Nobody can sign up on the fresh system."))?;
            things.admin = email;
        }
        let operator =
            self.target.operator.clone().ok_or_else(|| Failure::could_not_run("The system has no operator."))?;
        if let Some(token) = self.session(&operator.email, &operator.password) {
            things.operator = token;
        }
        let admin = things.admin.clone();
        if let Some(token) = self.session(&admin, PASSWORD) {
            things.token = token;
        }
        self.token.clone_from(&things.token);
        Ok(())
    }
}

/// A path with `{}` for each id, so that calls can be told apart and counted.
fn without_ids(path: &str) -> String {
    let parts = path.split('?').next().unwrap_or_default().split('/');
    let parts: Vec<&str> = parts.map(|part| if uuid::Uuid::parse_str(part).is_ok() { "{}" } else { part }).collect();
    parts.join("/")
}
