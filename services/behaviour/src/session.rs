//! Making tenants through the contract alone: signing up, logging in, people, logins, places. Nothing here panics.

use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Call, Failed, Response};
use crate::services::Services;

/// Long enough for every target's rules.
pub const PASSWORD: &str = "correct horse battery staple 1";

/// Whoever reads the mails presses their buttons at once.
const ACCEPTED_WITHIN: Duration = Duration::from_secs(60);

/// A text that nothing else has: names are unique platform-wide, and what an earlier run made stays.
pub fn unique() -> String {
    format!("a{}", Uuid::now_v7().simple())
}

/// A login at work: what it sends carries its token and goes below its organisation.
#[derive(Clone)]
pub struct Session {
    /// Where the services are.
    pub services: Services,
    /// The organisation; none for an operator.
    pub org: Option<Uuid>,
    email: String,
    password: String,
    token: Arc<RwLock<String>>,
}

impl Session {
    /// Makes an organisation with its first admin, and logs that one in.
    pub fn sign_up(services: &Services, name: &str, plan: &str, email: &str, password: &str) -> Result<Self, Failed> {
        let body = json!({"name": name, "plan": plan, "admin": {"email": email, "password": password}});
        let call = services.api("account")?.post("/organisations").json(&body);
        let org = call.send_patiently(services.patience)?.check(201)?.find_id()?;
        let login = Self::log_in(services, email, password)?;
        Ok(Self { org: Some(org), ..login })
    }

    /// Logs in; the token says to which organisation.
    pub fn log_in(services: &Services, email: &str, password: &str) -> Result<Self, Failed> {
        let token = token(services, email, password)?;
        Ok(Self {
            services: services.clone(),
            org: organisation_of(&token),
            email: email.to_owned(),
            password: password.to_owned(),
            token: Arc::new(RwLock::new(token)),
        })
    }

    /// Logs in again, for a new token.
    pub fn renew(&self) -> Result<(), Failed> {
        let token = token(&self.services, &self.email, &self.password)?;
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
        Ok(())
    }

    /// The token; it lasts as long as the service lets it.
    pub fn token(&self) -> String {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A request to a path below the organisation, for [`Session::send`]: `session.call("registry", "GET", "/apis")`.
    pub fn call(&self, service: &str, method: &str, path: &str) -> Result<Call, Failed> {
        let organisation = self.org.map(|org| format!("/organisations/{org}")).unwrap_or_default();
        Ok(self.services.api(service)?.request(method, &format!("{organisation}{path}")))
    }

    /// Sends a request with the token, and with a new one where that has run out: much to do, a clock that was moved.
    pub fn send(&self, call: Call) -> Result<Response, Failed> {
        let answer = call.clone().token(&self.token()).send_patiently(self.services.patience)?;
        if answer.status != 401 {
            return Ok(answer);
        }
        self.renew()?;
        call.token(&self.token()).send_patiently(self.services.patience)
    }

    /// The answer to a GET.
    pub fn get(&self, service: &str, path: &str) -> Result<Response, Failed> {
        self.send(self.call(service, "GET", path)?)
    }

    /// The answer to a POST.
    pub fn post(&self, service: &str, path: &str, body: &Value) -> Result<Response, Failed> {
        self.send(self.call(service, "POST", path)?.json(body))
    }

    /// The answer to a PATCH with the ETag that the resource has now.
    pub fn patch(&self, service: &str, path: &str, body: &Value) -> Result<Response, Failed> {
        let read = self.get(service, path)?.check(200)?;
        let etag = read.header("etag").unwrap_or_default();
        self.send(self.call(service, "PATCH", path)?.if_match(etag).json(body))
    }

    /// Every item of a list.
    pub fn all(&self, service: &str, path: &str) -> Result<Vec<Value>, Failed> {
        let (mut items, mut cursor) = (Vec::new(), None);
        loop {
            let call = self.call(service, "GET", path)?.query("limit", "200");
            let call = cursor.iter().fold(call, |call, cursor: &String| call.query("cursor", cursor));
            let page = self.send(call)?.check(200)?;
            if let Some(Value::Array(more)) = page.value().get_mut("items").map(Value::take) {
                items.extend(more);
            }
            cursor = page.member("nextCursor");
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }

    /// Makes something by a POST; its id.
    pub fn make(&self, service: &str, path: &str, body: &Value) -> Result<Uuid, Failed> {
        self.post(service, path, body)?.check(201)?.find_id()
    }

    /// Makes a person.
    pub fn person(&self, name: &str, email: &str) -> Result<Uuid, Failed> {
        self.make("profile", "/profiles", &person(name, email))
    }

    /// Makes a login of a scope (`member`, `admin`), linked to a person, and waits until the owner of its address has accepted it.
    pub fn login(&self, email: &str, password: &str, scope: &str, profile: Option<Uuid>) -> Result<Uuid, Failed> {
        let login = self.invite(email, password, scope, profile)?;
        self.accepted(login)?;
        Ok(login)
    }

    /// The same without waiting.
    pub(crate) fn invite(
        &self,
        email: &str,
        password: &str,
        scope: &str,
        profile: Option<Uuid>,
    ) -> Result<Uuid, Failed> {
        let body = json!({"email": email, "password": password, "scope": scope, "profileId": profile});
        self.make("account", "/logins", &body)
    }

    /// Waits until a login is accepted.
    pub(crate) fn accepted(&self, login: Uuid) -> Result<(), Failed> {
        let end = Instant::now() + ACCEPTED_WITHIN;
        loop {
            let read = self.get("account", &format!("/logins/{login}"))?.check(200)?;
            if read.value()["invited"] != true {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(Failed::NotAccepted(Box::new(read)));
            }
            thread::sleep(Duration::from_millis(100));
        }
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

/// The body that makes a person.
pub(crate) fn person(name: &str, email: &str) -> Value {
    json!({"name": name, "jobTitle": "Engineer", "email": email, "timeZone": "Europe/Zurich"})
}

/// The token of a login: of an organisation's, or of an operator.
pub fn token(services: &Services, email: &str, password: &str) -> Result<String, Failed> {
    let body = json!({"email": email, "password": password});
    let call = services.api("account")?.post("/sessions").json(&body);
    let answer = call.send_patiently(services.patience)?.check(200)?;
    answer.member("token").ok_or_else(|| Failed::Lacks("token", Box::new(answer)))
}

/// The claim `org`. Not verified: that is for the services, here it only says where to ask.
fn organisation_of(token: &str) -> Option<Uuid> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("org")?.as_str()?.parse().ok()
}
