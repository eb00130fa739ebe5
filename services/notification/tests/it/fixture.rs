//! Tenants for the behaviour suites.

use std::sync::atomic::{AtomicU32, Ordering};

use behaviour::{Fixture, Tenant};
use chrono::Utc;
use kit::auth::Scope;
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::testing::Signer;
use schema::testing::fixture::Rows;
use uuid::Uuid;

/// Tenants as rows, written by the logins that own them.
pub struct SqlFixture {
    pub rows: Rows,
    pub signer: Signer,
    pub count: AtomicU32,
}

impl SqlFixture {
    fn somebody(&self, org: Uuid, scope: Scope) -> (Uuid, Uuid, String) {
        let (login, profile) = (LoginId::new(Utc::now()), ProfileId::new(Utc::now()));
        let org_text = org.to_string();
        self.rows.profile(&org_text, &profile.to_string(), "Pat Person", &format!("{profile}@fixture.example"));
        let email = format!("{login}@logins.example");
        self.rows.login(Some(&org_text), &login.to_string(), &email, scope.as_str(), Some(&profile.to_string()));
        let token = self.signer.token(scope, Some(OrganisationId(org)), login, Some(profile));
        (login.0, profile.0, token)
    }
}

impl Fixture for SqlFixture {
    fn tenant(&self, plan: &str) -> Tenant {
        let org = OrganisationId::new(Utc::now()).0;
        let name = format!("Tenant {}", self.count.fetch_add(1, Ordering::Relaxed));
        self.rows.organisation(&org.to_string(), &name, plan);
        let (admin_login, admin_profile, admin_token) = self.somebody(org, Scope::Admin);
        let (member_login, member_profile, member_token) = self.somebody(org, Scope::Member);
        Tenant { org, name, admin_token, admin_login, admin_profile, member_token, member_login, member_profile }
    }

    fn profile(&self, tenant: &Tenant) -> Uuid {
        self.somebody(tenant.org, Scope::Member).1
    }

    fn operator_token(&self) -> String {
        let login = LoginId::new(Utc::now());
        self.rows.login(None, &login.to_string(), &format!("{login}@operators.example"), "operator", None);
        self.signer.token(Scope::Operator, None, login, None)
    }

    fn set_standing(&self, org: Uuid, standing: &str) {
        self.rows.standing(&org.to_string(), standing);
    }
}
