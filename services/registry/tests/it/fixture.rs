//! A database of its own, the service on it, and tenants as rows: written by the logins of the services that own them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use behaviour::{Api, Fixture, Tenant, Urls, World};
use kit::auth::Scope;
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::testing::{Running, Signer, common, spawn_with};
use registry::Registry;
use schema::testing::TestDb;
use schema::testing::fixture::Rows;
use uuid::Uuid;

/// Makes tenants by rows and tokens by a key of its own.
pub struct SqlFixture {
    rows: Rows,
    signer: Signer,
    count: AtomicU64,
}

impl SqlFixture {
    pub fn new(db: &TestDb) -> Self {
        let signer = Signer::new().unwrap();
        signer.publish(&mut db.connect("account_writer")).unwrap();
        Self { rows: Rows::new(db), signer, count: AtomicU64::new(0) }
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

    fn login(&self, org: Uuid, scope: Scope, profile: Option<Uuid>) -> (Uuid, String) {
        let (id, n) = (Uuid::now_v7(), self.unique());
        let (text, email) = (org.to_string(), format!("login-{n}@fixture.example"));
        let linked = profile.map(|id| id.to_string());
        self.rows.login(Some(&text), &id.to_string(), &email, scope.as_str(), linked.as_deref());
        let token = self.signer.token(scope, Some(OrganisationId(org)), LoginId(id), profile.map(ProfileId));
        (id, token)
    }

    /// One more login of a person.
    pub fn second_login(&self, org: Uuid, profile: Uuid) -> Uuid {
        self.login(org, Scope::Member, Some(profile)).0
    }

    /// A token of a login of this organisation that no person is linked to.
    pub fn faceless(&self, org: Uuid) -> String {
        self.login(org, Scope::Member, None).1
    }
}

impl Fixture for SqlFixture {
    fn tenant(&self, plan: &str) -> Tenant {
        let org = Uuid::now_v7();
        let name = format!("Tenant {}", self.unique());
        self.rows.organisation(&org.to_string(), &name, plan);
        let (admin_profile, member_profile) = (self.person(org), self.person(org));
        let (admin_login, admin_token) = self.login(org, Scope::Admin, Some(admin_profile));
        let (member_login, member_token) = self.login(org, Scope::Member, Some(member_profile));
        Tenant { org, name, admin_token, admin_login, admin_profile, member_token, member_login, member_profile }
    }

    fn profile(&self, tenant: &Tenant) -> Uuid {
        self.person(tenant.org)
    }

    fn operator_token(&self) -> String {
        let id = Uuid::now_v7();
        let email = format!("operator-{}@fixture.example", self.unique());
        self.rows.login(None, &id.to_string(), &email, "operator", None);
        self.signer.token(Scope::Operator, None, LoginId(id), None)
    }

    fn set_standing(&self, org: Uuid, standing: &str) {
        self.rows.standing(&org.to_string(), standing);
    }
}

/// The fixture, for [`World`] and for the test at once.
struct Shared(Arc<SqlFixture>);

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

/// One test's own house: the fields are dropped in this order, the database last.
pub struct House {
    pub world: World,
    pub fixture: Arc<SqlFixture>,
    _service: Running,
    pub db: TestDb,
}

impl House {
    /// With pools as tests have them.
    pub fn new() -> Self {
        Self::with_pools(2)
    }

    /// With this many connections for reads, and for writes.
    pub fn with_pools(size: u32) -> Self {
        Self::with(|common| (common.pool_read_size, common.pool_write_size) = (size, size))
    }

    /// With settings of a test's own.
    pub fn with(change: impl FnOnce(&mut kit::Common)) -> Self {
        let db = TestDb::new();
        let fixture = Arc::new(SqlFixture::new(&db));
        let mut settings = common(db.url("registry_reader"), db.url("registry_writer"));
        settings.queue_max = 1024;
        change(&mut settings);
        let service = spawn_with::<Registry>(settings, kit::NoSettings {}).unwrap();
        let urls = Urls { registry: Some(service.url.clone()), ..Urls::default() };
        Self { world: World::new(urls, Shared(Arc::clone(&fixture))), fixture, _service: service, db }
    }

    /// The service.
    pub fn api(&self) -> Api {
        self.world.registry()
    }
}
