//! A running service on a database of its own, and tenants as rows.

use std::sync::atomic::{AtomicU32, Ordering};

use behaviour::{Fixture, Tenant, Urls, World};
use chrono::Utc;
use diesel::prelude::*;
use kit::NoSettings;
use kit::auth::Scope;
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::testing::{Running, Signer, spawn};
use schema::testing::TestDb;
use schema::testing::fixture::Rows;
use uuid::Uuid;

/// The service and who there is. Fields are dropped in this order: the database last.
pub struct House {
    pub world: World,
    _running: Running,
    pub db: TestDb,
}

impl House {
    /// Profile on an empty database.
    pub fn new() -> Self {
        let db = TestDb::new();
        let fixture = SqlFixture::new(&db);
        let running =
            spawn::<profile::Service>(db.url("profile_reader"), db.url("profile_writer"), NoSettings {}).unwrap();
        let urls = Urls { profile: Some(running.url.clone()), ..Urls::default() };
        Self { world: World::new(urls, fixture), _running: running, db }
    }

    /// Does a connection of the service's writer wait for a lock?
    pub fn writer_waits(&self) -> bool {
        let waiting = pg_stat_activity::table
            .filter(pg_stat_activity::datname.eq(self.db.name()))
            .filter(pg_stat_activity::usename.eq("profile_writer"))
            .filter(pg_stat_activity::wait_event_type.eq("Lock"));
        waiting.count().get_result::<i64>(&mut self.db.connect("superuser")).unwrap() > 0
    }
}

diesel::table! {
    pg_catalog.pg_stat_activity (pid) {
        pid -> Integer,
        usename -> Nullable<Text>,
        datname -> Nullable<Text>,
        wait_event_type -> Nullable<Text>,
    }
}

/// Tenants as rows, written by the logins that own them, and tokens signed by a key of the test's.
pub struct SqlFixture {
    rows: Rows,
    signer: Signer,
    count: AtomicU32,
}

impl SqlFixture {
    pub fn new(db: &TestDb) -> Self {
        let signer = Signer::new().unwrap();
        signer.publish(&mut db.connect("account_writer")).unwrap();
        Self { rows: Rows::new(db), signer, count: AtomicU32::new(0) }
    }

    fn person(&self, org: Uuid, name: &str) -> Uuid {
        let id = ProfileId::new(Utc::now()).0;
        let email = format!("{id}@fixture.example");
        self.rows.profile(&org.to_string(), &id.to_string(), name, &email);
        id
    }

    /// A login linked to a person, and its token.
    fn login(&self, org: Uuid, profile: Uuid, scope: Scope) -> (Uuid, String) {
        let login = LoginId::new(Utc::now());
        let email = format!("{login}@logins.example");
        let (org_text, profile_text) = (org.to_string(), profile.to_string());
        self.rows.login(Some(&org_text), &login.to_string(), &email, scope.as_str(), Some(&profile_text));
        let token = self.signer.token(scope, Some(OrganisationId(org)), login, Some(ProfileId(profile)));
        (login.0, token)
    }
}

impl Fixture for SqlFixture {
    fn tenant(&self, plan: &str) -> Tenant {
        let org = OrganisationId::new(Utc::now()).0;
        let name = format!("Tenant {}", self.count.fetch_add(1, Ordering::Relaxed));
        self.rows.organisation(&org.to_string(), &name, plan);
        let (admin_profile, member_profile) = (self.person(org, "Ada Admin"), self.person(org, "Mel Member"));
        let (admin_login, admin_token) = self.login(org, admin_profile, Scope::Admin);
        let (member_login, member_token) = self.login(org, member_profile, Scope::Member);
        Tenant { org, name, admin_token, admin_login, admin_profile, member_token, member_login, member_profile }
    }

    fn profile(&self, tenant: &Tenant) -> Uuid {
        self.person(tenant.org, "Pat Person")
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
