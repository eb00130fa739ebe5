//! A fixture that uses the public contract alone.

use serde_json::json;
use uuid::Uuid;

use crate::http::Failed;
use crate::services::{Services, Urls};
use crate::session::{PASSWORD, Session, person, token, unique};
use crate::world::{Fixture, Tenant};

/// Sets an organisation's standing by whatever means the caller has.
pub type SetStanding = Box<dyn Fn(Uuid, &str) + Send + Sync>;

/// Accepts a login for the owner of its address by whatever means the caller has.
pub type Accept = Box<dyn Fn(Uuid) + Send + Sync>;

/// Makes tenants by sign-up, sessions and profiles: needs Account and Profile running.
pub struct HttpFixture {
    services: Services,
    operator: Option<(String, String)>,
    set_standing: Option<SetStanding>,
    frozen: Option<(String, String)>,
    accept: Option<Accept>,
}

impl HttpFixture {
    /// A fixture over services at these URLs.
    pub fn new(urls: &Urls) -> Self {
        Self::over(Services::new(urls.clone()))
    }

    /// A fixture over these services.
    pub fn over(services: Services) -> Self {
        Self { services, operator: None, set_standing: None, frozen: None, accept: None }
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

    /// With a way to accept logins, where nobody reads the mails.
    #[must_use]
    pub fn with_accepted_logins(mut self, accept: Accept) -> Self {
        self.accept = Some(accept);
        self
    }

    /// With the credentials of a login of a frozen organisation.
    #[must_use]
    pub fn with_frozen(mut self, email: &str, password: &str) -> Self {
        self.frozen = Some((email.to_owned(), password.to_owned()));
        self
    }

    /// An organisation on a plan, with an admin and a member, each a login linked to a profile.
    pub fn try_tenant(&self, plan: &str) -> Result<Tenant, Failed> {
        let unique = unique();
        let name = format!("Tenant {unique}");
        let (admin, member) = (format!("admin-{unique}@fixture.example"), format!("member-{unique}@fixture.example"));
        let session = Session::sign_up(&self.services, &name, plan, &admin, PASSWORD)?;
        let admin_profile = session.person("Ada Admin", &admin)?;
        let member_profile = session.person("Mel Member", &member)?;
        // The organisation's only login: the one that signed it up.
        let logins = session.get("account", "/logins")?.check(200)?.value();
        let path = format!("/logins/{}", logins["items"][0]["id"].as_str().unwrap_or_default());
        let login = session.patch("account", &path, &json!({"profileId": admin_profile}))?.check(200)?;
        let member_login = session.invite(&member, PASSWORD, "member", Some(member_profile))?;
        self.accept(member_login);
        session.accepted(member_login)?;
        // Again: the first token was made before the login had a profile.
        session.renew()?;
        Ok(Tenant {
            org: session.org.unwrap_or_default(),
            name,
            admin_token: session.token(),
            admin_login: login.find_id()?,
            admin_profile,
            member_token: token(&self.services, &member, PASSWORD)?,
            member_login,
            member_profile,
        })
    }
}

impl Fixture for HttpFixture {
    fn tenant(&self, plan: &str) -> Tenant {
        self.try_tenant(plan).unwrap_or_else(|why| panic!("no tenant could be made: {why}"))
    }

    fn profile(&self, tenant: &Tenant) -> Uuid {
        let body = person("Pat Person", &format!("{}@fixture.example", unique()));
        let profiles =
            self.services.api("profile").unwrap_or_else(|why| panic!("{why}")).post(&tenant.path("/profiles"));
        profiles.token(&tenant.admin_token).json(&body).send().expect(201).id()
    }

    fn accept(&self, login: Uuid) {
        if let Some(accept) = &self.accept {
            accept(login);
        }
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

    fn frozen(&self) -> Option<(Uuid, String)> {
        let (email, password) = self.frozen.as_ref()?;
        let session = Session::log_in(&self.services, email, password);
        let session = session.unwrap_or_else(|why| panic!("the frozen login can't log in: {why}"));
        Some((session.org.expect("the token says which organisation is frozen"), session.token()))
    }
}
