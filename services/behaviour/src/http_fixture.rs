//! A fixture that uses the public contract alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use uuid::Uuid;

use crate::http::Failed;
use crate::services::{Services, Urls};
use crate::session::{PASSWORD, Session, token};
use crate::world::{Fixture, Tenant};

/// Sets an organisation's standing by whatever means the caller has.
pub type SetStanding = Box<dyn Fn(Uuid, &str) + Send + Sync>;

/// Makes tenants by sign-up, sessions and profiles: needs Account and Profile running.
pub struct HttpFixture {
    services: Services,
    operator: Option<(String, String)>,
    set_standing: Option<SetStanding>,
    run: String,
    count: AtomicU64,
}

impl HttpFixture {
    /// A fixture over services at these URLs.
    pub fn new(urls: &Urls) -> Self {
        Self::over(Services::new(urls.clone()))
    }

    /// A fixture over these services.
    pub fn over(services: Services) -> Self {
        // Names are unique platform-wide, and a fixture may meet what an earlier run has left.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            services,
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

    /// An organisation on a plan, with an admin and a member, each a login linked to a profile.
    pub fn try_tenant(&self, plan: &str) -> Result<Tenant, Failed> {
        let unique = self.unique();
        let name = format!("Tenant {unique}");
        let (admin, member) = (format!("admin-{unique}@fixture.example"), format!("member-{unique}@fixture.example"));
        let session = Session::sign_up(&self.services, &name, plan, &admin, PASSWORD)?;
        let admin_profile = session.person("Ada Admin", &admin)?;
        let member_profile = session.person("Mel Member", &member)?;
        // The organisation's only login: the one that signed it up.
        let logins = session.call("account", "GET", "/logins")?.try_send()?.check(200)?.value();
        let path = format!("/logins/{}", logins["items"][0]["id"].as_str().unwrap_or_default());
        let login = session.call("account", "GET", &path)?.try_send()?.check(200)?;
        let link = session.call("account", "PATCH", &path)?.if_match(login.header("etag").unwrap_or_default());
        link.json(&json!({"profileId": admin_profile})).try_send()?.check(200)?;
        let member_login = session.login(&member, PASSWORD, "member", Some(member_profile))?;
        Ok(Tenant {
            org: session.org,
            name,
            // Again: the first token was made before the login had a profile.
            admin_token: token(&self.services, &admin, PASSWORD)?,
            admin_login: login.find_id()?,
            admin_profile,
            member_token: token(&self.services, &member, PASSWORD)?,
            member_login,
            member_profile,
        })
    }

    fn unique(&self) -> String {
        format!("{}-{}", self.run, self.count.fetch_add(1, Ordering::Relaxed))
    }
}

impl Fixture for HttpFixture {
    fn tenant(&self, plan: &str) -> Tenant {
        self.try_tenant(plan).unwrap_or_else(|why| panic!("no tenant could be made: {why}"))
    }

    fn profile(&self, tenant: &Tenant) -> Uuid {
        let (services, token) = (self.services.clone(), tenant.admin_token.clone());
        let admin = Session { services, org: tenant.org, token };
        let email = format!("{}@fixture.example", self.unique());
        admin.person("Pat Person", &email).unwrap_or_else(|why| panic!("no person could be made: {why}"))
    }

    fn operator_token(&self) -> String {
        let (email, password) = self.operator.as_ref().expect("no operator's credentials were given");
        token(&self.services, email, password).unwrap_or_else(|why| panic!("the operator can't log in: {why}"))
    }

    fn can_set_standing(&self) -> bool {
        self.set_standing.is_some()
    }

    fn set_standing(&self, org: Uuid, standing: &str) {
        self.set_standing.as_ref().expect("this fixture cannot set standings")(org, standing);
    }
}
