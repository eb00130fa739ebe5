//! Making tenants through the contract alone: signing up, logging in, people, logins, places. Nothing here panics.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Call, Failed, Patience};
use crate::services::Services;

/// Long enough for anybody's rules.
pub const PASSWORD: &str = "correct horse battery staple 1";

/// Whoever makes many things at once is refused as too much at times, and tries again.
const PATIENCE: Patience = Patience { busy: Duration::from_secs(120), absent: Duration::ZERO };

/// A login at work: its calls carry its token and go below its organisation.
#[derive(Clone)]
pub struct Session {
    /// Where the services are.
    pub services: Services,
    /// The organisation.
    pub org: Uuid,
    /// The token; it lasts as long as the service lets it.
    pub token: String,
}

impl Session {
    /// Makes an organisation with its first admin, and logs that one in.
    pub fn sign_up(services: &Services, name: &str, plan: &str, email: &str, password: &str) -> Result<Self, Failed> {
        let body = json!({"name": name, "plan": plan, "admin": {"email": email, "password": password}});
        let call = services.api("account")?.post("/organisations").json(&body);
        let org = call.send_patiently(PATIENCE)?.check(201)?.find_id()?;
        Self::log_in(services, org, email, password)
    }

    /// Logs in to an organisation.
    pub fn log_in(services: &Services, org: Uuid, email: &str, password: &str) -> Result<Self, Failed> {
        Ok(Self { services: services.clone(), org, token: token(services, email, password)? })
    }

    /// A call to a path below the organisation: `session.call("registry", "GET", "/apis")`.
    pub fn call(&self, service: &str, method: &str, path: &str) -> Result<Call, Failed> {
        let path = format!("/organisations/{}{path}", self.org);
        Ok(self.services.api(service)?.request(method, &path).token(&self.token))
    }

    /// Makes something by a POST; its id.
    pub fn make(&self, service: &str, path: &str, body: &Value) -> Result<Uuid, Failed> {
        self.call(service, "POST", path)?.json(body).send_patiently(PATIENCE)?.check(201)?.find_id()
    }

    /// Makes a person.
    pub fn person(&self, name: &str, email: &str) -> Result<Uuid, Failed> {
        let body = json!({"name": name, "jobTitle": "Engineer", "email": email, "timeZone": "Europe/Zurich"});
        self.make("profile", "/profiles", &body)
    }

    /// Makes a login of a scope (`member`, `admin`), linked to a person.
    pub fn login(&self, email: &str, password: &str, scope: &str, profile: Option<Uuid>) -> Result<Uuid, Failed> {
        let body = json!({"email": email, "password": password, "scope": scope, "profileId": profile});
        self.make("account", "/logins", &body)
    }

    /// Makes a domain.
    pub fn domain(&self, name: &str) -> Result<Uuid, Failed> {
        self.make("registry", "/domains", &json!({"name": name}))
    }

    /// Makes a sub domain.
    pub fn sub_domain(&self, domain: Uuid, name: &str) -> Result<Uuid, Failed> {
        self.make("registry", &format!("/domains/{domain}/sub-domains"), &json!({"name": name}))
    }

    /// Makes an API.
    pub fn api(&self, sub_domain: Uuid, name: &str) -> Result<Uuid, Failed> {
        self.make("registry", "/apis", &json!({"name": name, "subDomainId": sub_domain}))
    }
}

/// The token of a login: of an organisation's, or of an operator.
pub fn token(services: &Services, email: &str, password: &str) -> Result<String, Failed> {
    let body = json!({"email": email, "password": password});
    let answer = services.api("account")?.post("/sessions").json(&body).send_patiently(PATIENCE)?.check(200)?;
    let token = answer.value()["token"].as_str().map(str::to_owned);
    token.ok_or_else(|| Failed(format!("no token: {}", answer.describe())))
}
