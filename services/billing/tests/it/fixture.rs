//! Tenants as rows, written by the logins of the services that own them, and tokens by a key of the test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use behaviour::{Fixture, Tenant};
use diesel::{Connection, PgConnection};
use kit::Clock;
use kit::auth::Scope;
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::testing::Signer;
use schema::testing::TestDb;
use schema::testing::fixture::Rows;
use uuid::Uuid;

/// Makes tenants by rows, and tokens by a key of its own that are good at whatever time it is.
pub struct SqlFixture {
    rows: Rows,
    signer: Signer,
    count: AtomicU64,
    clock: Clock,
}

impl SqlFixture {
    pub fn new(db: &TestDb, clock: Clock) -> Self {
        Self::of(&|role| db.url(role), clock)
    }

    /// In any database, given the URL of each login.
    pub fn of(url: &dyn Fn(&str) -> String, clock: Clock) -> Self {
        let signer = Signer::new().unwrap();
        let mut connection = PgConnection::establish(&url("account_writer")).unwrap();
        signer.publish(&mut connection).unwrap();
        Self { rows: Rows::of(url), signer, count: AtomicU64::new(0), clock }
    }

    fn unique(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    fn person(&self, org: Uuid) -> Uuid {
        let (id, n) = (Uuid::now_v7(), self.unique());
        let (name, email) = (format!("Person {n}"), format!("person-{n}@fixture.example"));
        self.rows.profile(&org.to_string(), &id.to_string(), &name, &email);
        id
    }

    pub fn token(&self, scope: Scope, org: Option<Uuid>, login: Uuid) -> String {
        let now = self.clock.now();
        let org = org.map(OrganisationId);
        self.signer.token_at(now, scope, org, LoginId(login), None)
    }
}

impl Fixture for SqlFixture {
    fn tenant(&self, plan: &str) -> Tenant {
        let org = Uuid::now_v7();
        let name = format!("Tenant {}", self.unique());
        self.rows.organisation(&org.to_string(), &name, plan);
        let [admin, member] = [Scope::Admin, Scope::Member].map(|scope| {
            let (profile, login) = (self.person(org), Uuid::now_v7());
            let token = self.signer.token_at(
                self.clock.now(),
                scope,
                Some(OrganisationId(org)),
                LoginId(login),
                Some(ProfileId(profile)),
            );
            (profile, login, token)
        });
        Tenant {
            org,
            name,
            admin_profile: admin.0,
            admin_login: admin.1,
            admin_token: admin.2,
            member_profile: member.0,
            member_login: member.1,
            member_token: member.2,
        }
    }

    fn profile(&self, tenant: &Tenant) -> Uuid {
        self.person(tenant.org)
    }

    fn operator_token(&self) -> String {
        self.token(Scope::Operator, None, Uuid::now_v7())
    }

    fn set_standing(&self, org: Uuid, standing: &str) {
        self.rows.standing(&org.to_string(), standing);
    }
}

/// The fixture, for [`World`] and for the test at once.
pub struct Shared(pub Arc<SqlFixture>);

impl Fixture for Shared {
    fn tenant(&self, plan: &str) -> Tenant {
        self.0.tenant(plan)
    }
    fn profile(&self, tenant: &Tenant) -> Uuid {
        self.0.profile(tenant)
    }
    fn operator_token(&self) -> String {
        self.0.operator_token()
    }
    fn set_standing(&self, org: Uuid, standing: &str) {
        self.0.set_standing(org, standing);
    }
}
