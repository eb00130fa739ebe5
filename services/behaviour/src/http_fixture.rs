//! A fixture that uses the public contract alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use uuid::Uuid;

use crate::http::{Api, Client, Response};
use crate::world::{Fixture, Tenant, Urls};

const PASSWORD: &str = "correct horse battery staple 1";

/// Sets an organisation's standing by whatever means the caller has.
pub type SetStanding = Box<dyn Fn(Uuid, &str) + Send + Sync>;

/// Makes tenants by sign-up, sessions and profiles: needs Account and Profile running.
pub struct HttpFixture {
    account: Api,
    profile: Api,
    operator: Option<(String, String)>,
    set_standing: Option<SetStanding>,
    run: String,
    count: AtomicU64,
}

impl HttpFixture {
    /// A fixture over these services.
    #[track_caller]
    pub fn new(urls: &Urls) -> Self {
        let client = Client::new();
        let api = |url: &Option<String>| client.api(url.as_deref().expect("HttpFixture needs Account and Profile"));
        // Names are unique platform-wide, and a fixture may meet what an earlier run has left.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
        Self {
            account: api(&urls.account),
            profile: api(&urls.profile),
            operator: None,
            set_standing: None,
            run: format!("{:x}-{:x}", now.as_nanos(), std::process::id()),
            count: AtomicU64::new(0),
        }
    }

    /// With the credentials of an operator.
    #[must_use]
    pub fn with_operator(mut self, email: &str, password: &str) -> Self {
        self.operator = Some((email.to_owned(), password.to_owned()));
        self
    }

    /// With a way to set standings, which the contract offers to nobody.
    #[must_use]
    pub fn with_standings(mut self, set: SetStanding) -> Self {
        self.set_standing = Some(set);
        self
    }

    fn unique(&self) -> String {
        format!("{}-{}", self.run, self.count.fetch_add(1, Ordering::Relaxed))
    }

    fn sign_in(&self, email: &str) -> String {
        session(&self.account, email, PASSWORD)
    }

    /// Creates a person; each call makes another e-mail address.
    fn person(&self, org: Uuid, token: &str, name: &str) -> Uuid {
        let email = format!("{}@fixture.example", self.unique());
        let body = json!({"name": name, "jobTitle": "Engineer", "email": email, "timeZone": "Europe/Zurich"});
        let path = format!("/organisations/{org}/profiles");
        self.profile.post(&path).token(token).json(&body).send().expect(201).id()
    }

    /// The organisation's only login: the one that signed it up.
    fn first_login(&self, org: Uuid, token: &str) -> Response {
        let logins = self.account.get(&format!("/organisations/{org}/logins")).token(token).send().expect(200).json();
        let id = logins["items"][0]["id"].as_str().expect("sign-up made a login").to_owned();
        self.account.get(&format!("/organisations/{org}/logins/{id}")).token(token).send().expect(200)
    }
}

/// Signs in and returns the token.
#[track_caller]
pub(crate) fn session(account: &Api, email: &str, password: &str) -> String {
    let body = json!({"email": email, "password": password});
    let session = account.post("/sessions").json(&body).send().expect(200).json();
    session["token"].as_str().expect("a session has a token").to_owned()
}

impl Fixture for HttpFixture {
    fn tenant(&self, plan: &str) -> Tenant {
        let unique = self.unique();
        let name = format!("Tenant {unique}");
        let (admin, member) = (format!("admin-{unique}@fixture.example"), format!("member-{unique}@fixture.example"));
        let body = json!({"name": name, "plan": plan, "admin": {"email": admin, "password": PASSWORD}});
        let org = self.account.post("/organisations").json(&body).send().expect(201).id();
        let token = self.sign_in(&admin);
        let admin_profile = self.person(org, &token, "Ada Admin");
        let member_profile = self.person(org, &token, "Mel Member");
        let login = self.first_login(org, &token);
        let admin_login = login.id();
        let logins = format!("/organisations/{org}/logins");
        let link = json!({"profileId": admin_profile});
        let patch = self.account.patch(&format!("{logins}/{admin_login}")).token(&token).if_match(&login.etag());
        patch.json(&link).send().expect(200);
        let body = json!({"email": member, "password": PASSWORD, "scope": "member", "profileId": member_profile});
        let member_login = self.account.post(&logins).token(&token).json(&body).send().expect(201).id();
        Tenant {
            org,
            name,
            // Again: the first token was made before the login had a profile.
            admin_token: self.sign_in(&admin),
            admin_login,
            admin_profile,
            member_token: self.sign_in(&member),
            member_login,
            member_profile,
        }
    }

    fn profile(&self, tenant: &Tenant) -> Uuid {
        self.person(tenant.org, &tenant.admin_token, "Pat Person")
    }

    fn operator_token(&self) -> String {
        let (email, password) = self.operator.as_ref().expect("no operator's credentials were given");
        session(&self.account, email, password)
    }

    fn can_set_standing(&self) -> bool {
        self.set_standing.is_some()
    }

    fn set_standing(&self, org: Uuid, standing: &str) {
        self.set_standing.as_ref().expect("this fixture cannot set standings")(org, standing);
    }
}
