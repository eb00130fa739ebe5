//! The reduced suite: every operation of the five contracts once, in a few seconds.
//!
//! It asserts nothing but that no service fails (5xx, or no answer). Each walk makes things of its own and then works on those of the walk before, too: where
//! a change breaks the making, reading and changing are still tried.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use crate::{Failure, Target};

const PASSWORD: &str = "correct horse battery staple 1";

/// Ids by what they are of, the oldest first; a walk takes from the front what it deletes, and adds at the end.
#[derive(Clone, Debug, Default)]
pub struct Things {
    org: String,
    admin: String,
    token: String,
    operator: String,
    period: u32,
    kept: std::collections::BTreeMap<&'static str, VecDeque<String>>,
}

impl Things {
    fn add(&mut self, kind: &'static str, id: Option<String>) {
        if let Some(id) = id {
            self.kept.entry(kind).or_default().push_back(id);
        }
    }

    /// The newest: it stays.
    fn last(&self, kind: &str) -> String {
        let found = self.kept.get(kind).and_then(VecDeque::back);
        found
            .cloned()
            .unwrap_or_else(|| uuid::Uuid::nil().to_string())
    }

    /// The one before the newest: made by the walk before this one.
    fn before(&self, kind: &str) -> String {
        let found = self.kept.get(kind).and_then(|ids| ids.iter().nth_back(1));
        found.cloned().unwrap_or_else(|| self.last(kind))
    }

    /// The oldest, to be deleted.
    fn take(&mut self, kind: &str) -> String {
        let found = self.kept.get_mut(kind).and_then(VecDeque::pop_front);
        found.unwrap_or_else(|| uuid::Uuid::nil().to_string())
    }
}

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
    target: &'a Target,
    token: String,
    broken: Vec<Broken>,
    calls: usize,
    salt: String,
}

/// Walks once over everything. `things` of a fresh system are the default; they are what the next walk stands on.
pub fn walk(target: &Target, things: &mut Things) -> Result<(Vec<Broken>, usize), Failure> {
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
    fn call(
        &mut self,
        service: &str,
        method: &str,
        path: &str,
        etag: &str,
        body: Option<Value>,
    ) -> Answer {
        self.calls += 1;
        let base = self.target.services.get(service).map_or("", String::as_str);
        let answer = self.once(method, &format!("{base}/api/v1{path}"), etag, body);
        let answer = answer.unwrap_or(Answer {
            status: 0,
            etag: String::new(),
            body: Value::Null,
        });
        if answer.status == 0 || answer.status >= 500 {
            self.broken.push(Broken {
                service: service.to_owned(),
                call: format!("{method} {}", without_ids(path)),
                status: answer.status,
            });
        }
        answer
    }

    fn once(
        &self,
        method: &str,
        url: &str,
        etag: &str,
        body: Option<Value>,
    ) -> Result<Answer, ureq::Error> {
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
            Some(body) => self.agent.run(
                builder
                    .header("content-type", "application/json")
                    .body(body.to_string())?,
            )?,
            None => self.agent.run(builder.body(())?)?,
        };
        let etag = response
            .headers()
            .get("etag")
            .and_then(|etag| etag.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_vec()?;
        Ok(Answer {
            status,
            etag,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
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
        let answer = self.post(
            "account",
            "/sessions",
            json!({"email": email, "password": password}),
        );
        Some(answer.body.get("token")?.as_str()?.to_owned())
    }

    /// An admin's and an operator's token; where Account fails, those of the walk before serve.
    fn sign_in(&mut self, things: &mut Things) -> Result<(), Failure> {
        let email = format!("{}@walk.example", self.salt);
        let body = json!({"name": format!("Walk {}", self.salt), "plan": "payg", "admin": {"email": email, "password": PASSWORD}});
        let made = self.post("account", "/organisations", body).id();
        if things.org.is_empty() {
            things.org = made
                .ok_or_else(|| Failure::could_not_run("Nobody can sign up on the fresh system."))?;
            things.admin = email;
        }
        let operator = self
            .target
            .operator
            .clone()
            .ok_or_else(|| Failure::could_not_run("The system has no operator."))?;
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

    /// One of everything.
    fn make(&mut self, things: &mut Things) {
        let (org, salt) = (format!("/organisations/{}", things.org), self.salt.clone());
        let person = |walk: &mut Self, name: &str| {
            let body = json!({"name": name, "jobTitle": "Engineer", "email": format!("{name}-{salt}@walk.example").replace(' ', "."), "timeZone": "Europe/Zurich"});
            walk.post("profile", &format!("{org}/profiles"), body).id()
        };
        let (owner, leaver) = (person(self, "Ada Owner"), person(self, "Pat Leaver"));
        things.add("profile", owner);
        things.add("leaver", leaver);
        let owner = things.last("profile");
        let body = json!({"email": format!("login-{}@walk.example", self.salt), "password": PASSWORD, "scope": "member", "profileId": owner});
        let login = self.post("account", &format!("{org}/logins"), body).id();
        things.add("login", login);
        let domain = self.post("registry", &format!("{org}/domains"), json!({"name": format!("d-{}", self.salt), "description": "d", "businessOwnerId": owner})).id();
        things.add("domain", domain);
        // Below what the walk before has made: so each statement can be tried for itself.
        let path = format!("{org}/domains/{}/sub-domains", things.before("domain"));
        let sub = self
            .post(
                "registry",
                &path,
                json!({"name": format!("s-{}", self.salt)}),
            )
            .id();
        things.add("sub", sub);
        let under = things.before("sub");
        let body = json!({"name": format!("a-{}", self.salt), "title": "An API", "tags": ["walk"], "subDomainId": under,
            "businessOwnerId": owner, "technicalOwnerId": owner, "version": {"major": 1, "minor": 0}});
        let api = self.post("registry", &format!("{org}/apis"), body).id();
        things.add("api", api);
        let body = json!({"name": format!("b-{}", self.salt), "subDomainId": under});
        let bare = self.post("registry", &format!("{org}/apis"), body).id();
        things.add("spare", bare);
    }

    fn account(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        self.change(
            "account",
            "PATCH",
            &org,
            json!({"name": format!("Walked {}", self.salt)}),
        );
        let plan = if self
            .get("account", &org)
            .body
            .get("plan")
            .and_then(Value::as_str)
            == Some("payg")
        {
            "team"
        } else {
            "payg"
        };
        self.change("account", "PATCH", &org, json!({"plan": plan}));
        let logins = self.get("account", &format!("{org}/logins")).body;
        let path = format!("{org}/logins/{}", things.before("login"));
        let owner = things.before("profile");
        self.change("account", "PATCH", &path, json!({"profileId": owner}));
        self.change(
            "account",
            "PATCH",
            &path,
            json!({"disabled": false, "email": format!("again-{}@walk.example", self.salt)}),
        );
        // The admin is linked to a person: watches are for persons.
        if let Some(admin) = logins.pointer("/items/0/id").and_then(Value::as_str) {
            self.change(
                "account",
                "PATCH",
                &format!("{org}/logins/{admin}"),
                json!({"profileId": owner}),
            );
        }
        let admin = things.admin.clone();
        if let Some(token) = self.session(&admin, PASSWORD) {
            things.token = token;
            self.token.clone_from(&things.token);
        }
        self.call(
            "account",
            "PUT",
            "/logins/me/password",
            "",
            Some(json!({"current": PASSWORD, "new": PASSWORD})),
        );
        self.get("account", &format!("{org}/account-changes"));
        self.get("account", "/plans");
        self.get("account", "/plans/team");
        self.token.clone_from(&things.operator);
        let code = format!(
            "w-{}",
            self.salt.get(self.salt.len() - 12..).unwrap_or_default()
        );
        let body = json!({"code": code, "name": "Walk", "kind": "fixed", "currency": "EUR", "monthlyPriceCents": 1,
            "limits": {"apis": 1, "domains": 1, "subDomains": 1, "users": 1}, "unitPricesCents": {"api": 0, "domain": 0, "subDomain": 0, "user": 0}});
        self.post("account", "/plans", body);
        self.change(
            "account",
            "PATCH",
            &format!("/plans/{code}"),
            json!({"name": "Walked"}),
        );
        self.get("account", "/account-changes");
        self.token.clone_from(&things.token);
    }

    fn profile(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        let path = format!("{org}/profiles/{}", things.before("profile"));
        self.get("profile", &format!("{org}/profiles"));
        self.get("profile", &format!("{org}/profiles?q=Ada"));
        self.change("profile", "PATCH", &path, json!({"name": format!("Ada {}", self.salt), "jobTitle": "Architect", "timeZone": "Europe/Berlin"}));
        for body in [
            json!({"mode": "daily", "at": "17:30"}),
            json!({"mode": "instant"}),
        ] {
            self.change(
                "profile",
                "PUT",
                &format!("{path}/notification-settings"),
                body,
            );
        }
        self.get("profile", &format!("{org}/profile-changes"));
        self.token.clone_from(&things.operator);
        self.get("profile", "/profile-changes");
        self.token.clone_from(&things.token);
    }

    fn registry(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        let (domain, sub, api) = (
            things.before("domain"),
            things.before("sub"),
            things.before("api"),
        );
        self.post(
            "registry",
            &format!("{org}/watches"),
            json!({"kind": "api", "targetId": api}),
        );
        self.post(
            "registry",
            &format!("{org}/watches"),
            json!({"kind": "domain", "targetId": domain}),
        );
        let spare = things.last("spare");
        let watch = self
            .post(
                "registry",
                &format!("{org}/watches"),
                json!({"kind": "api", "targetId": spare}),
            )
            .id();
        for path in [
            "/domains",
            "/apis",
            "/tags",
            "/watches",
            "/registry-changes",
        ] {
            self.get("registry", &format!("{org}{path}"));
        }
        let owner = things.before("profile");
        for filter in [
            format!("domainId={domain}"),
            format!("subDomainId={sub}"),
            format!("ownerId={owner}"),
            "tag=walk".into(),
            "status=inception".into(),
            "q=a".into(),
        ] {
            self.get("registry", &format!("{org}/apis?{filter}"));
        }
        self.get("registry", &format!("{org}/domains/{domain}/sub-domains"));
        self.change(
            "registry",
            "PATCH",
            &format!("{org}/domains/{domain}"),
            json!({"description": self.salt}),
        );
        self.change(
            "registry",
            "PATCH",
            &format!("{org}/sub-domains/{sub}"),
            json!({"description": self.salt}),
        );
        let path = format!("{org}/apis/{api}");
        self.change(
            "registry",
            "PATCH",
            &path,
            json!({"title": self.salt, "tags": ["walk", "walked"], "businessOwnerId": owner}),
        );
        self.get("registry", &format!("{path}/versions"));
        let minor = things.period;
        let etag = self.get("registry", &path).etag;
        self.call(
            "registry",
            "POST",
            &format!("{path}/versions"),
            &etag,
            Some(json!({"major": 9, "minor": minor})),
        );
        let etag = self.get("registry", &path).etag;
        self.call(
            "registry",
            "PUT",
            &format!("{path}/versions/9.{}/status", minor),
            &etag,
            Some(json!({"status": "development"})),
        );
        let etag = self.get("registry", &path).etag;
        self.call(
            "registry",
            "DELETE",
            &format!("{path}/versions/9.{}", minor),
            &etag,
            None,
        );
        let etag = self.get("registry", &path).etag;
        let other = things.last("sub");
        self.call(
            "registry",
            "POST",
            &format!("{path}/move"),
            &etag,
            Some(json!({"subDomainId": other})),
        );
        let path = format!("{org}/sub-domains/{other}");
        let etag = self.get("registry", &path).etag;
        let other = things.last("domain");
        self.call(
            "registry",
            "POST",
            &format!("{path}/move"),
            &etag,
            Some(json!({"domainId": other})),
        );
        if let Some(watch) = watch {
            self.call(
                "registry",
                "DELETE",
                &format!("{org}/watches/{watch}"),
                "",
                None,
            );
        }
        self.token.clone_from(&things.operator);
        self.get("registry", "/registry-changes");
        self.token.clone_from(&things.token);
    }

    fn billing(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        let card = format!("{org}/payment-method");
        // Deleted and set anew: both statements, whatever the walk before has left.
        self.remove("billing", &card);
        self.call(
            "billing",
            "PUT",
            &card,
            "",
            Some(json!({"paymentMethodToken": "pm_card_visa"})),
        );
        self.change(
            "billing",
            "PUT",
            &card,
            json!({"paymentMethodToken": "pm_card_mastercard"}),
        );
        for path in ["/usage", "/invoices", "/standing", "/billing-changes"] {
            self.get("billing", &format!("{org}{path}"));
        }
        let invoices = self.get("billing", &format!("{org}/invoices")).body;
        for invoice in invoices
            .get("items")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let id = invoice
                .get("id")
                .and_then(Value::as_str)
                .unwrap_or_default();
            self.get("billing", &format!("{org}/invoices/{id}"));
            self.post(
                "billing",
                &format!("{org}/invoices/{id}/payments"),
                json!({}),
            );
        }
        self.token.clone_from(&things.operator);
        // A period of its own, long ago: nobody was there, but a run it is.
        things.period += 1;
        let period = format!(
            "{}-{:02}",
            2019 + things.period / 12,
            things.period % 12 + 1
        );
        let run = self
            .post("billing", "/billing-runs", json!({"period": period}))
            .id()
            .unwrap_or_default();
        self.get("billing", &format!("/billing-runs/{run}"));
        self.get("billing", "/billing-runs");
        self.get("billing", "/billing-changes");
        self.token.clone_from(&things.token);
    }

    fn notification(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        self.get("notification", &format!("{org}/notifications?unread=true"));
        let list = self
            .get("notification", &format!("{org}/notifications"))
            .body;
        let ids: Vec<&Value> = list
            .get("items")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|one| one.get("id"))
            .collect();
        self.post(
            "notification",
            &format!("{org}/notifications/read"),
            json!({"ids": ids}),
        );
        self.token.clone_from(&things.operator);
        self.get("notification", "/deliveries");
        self.token.clone_from(&things.token);
    }

    fn delete(&mut self, things: &mut Things) {
        let org = format!("/organisations/{}", things.org);
        for (service, path, kind) in [
            ("registry", "apis", "spare"),
            ("account", "logins", "login"),
            ("profile", "profiles", "leaver"),
        ] {
            let id = things.take(kind);
            self.remove(service, &format!("{org}/{path}/{id}"));
        }
        // An empty sub domain and an empty domain, made for this.
        let made = self
            .post(
                "registry",
                &format!("{org}/domains"),
                json!({"name": format!("e-{}", self.salt)}),
            )
            .id();
        things.add("empty", made);
        let domain = things.take("empty");
        let sub = self
            .post(
                "registry",
                &format!("{org}/domains/{domain}/sub-domains"),
                json!({"name": "e"}),
            )
            .id();
        if let Some(sub) = sub {
            self.remove("registry", &format!("{org}/sub-domains/{sub}"));
        }
        self.remove("registry", &format!("{org}/domains/{domain}"));
    }
}

/// A path with `{}` for each id, so that calls can be told apart and counted.
fn without_ids(path: &str) -> String {
    let parts = path.split('?').next().unwrap_or_default().split('/');
    let parts: Vec<&str> = parts
        .map(|part| {
            if uuid::Uuid::parse_str(part).is_ok() {
                "{}"
            } else {
                part
            }
        })
        .collect();
    parts.join("/")
}
