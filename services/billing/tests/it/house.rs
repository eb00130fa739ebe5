//! One test's own house: a database, the sandbox, the service, and the work, which is done when the test says so.

use std::sync::{Arc, Mutex};

use behaviour::{Api, Call, Fixture, Tenant, Urls, Value, World, json};
use billing::Settings;
use billing::period::Period;
use billing::provider::Provider;
use billing::work::Work;
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::query_dsl::LoadQuery;

use kit::Clock;
use kit::auth::Scope;
use kit::testing::{Running, common, database, spawn_with};
use payment_sandbox::Dials;
use schema::testing::TestDb;
use uuid::Uuid;

use crate::fixture::{Shared, SqlFixture};

/// Settings for a test: the sandbox at `url`, short times but for what a busy machine may exceed, no work by itself.
pub fn settings(url: &str) -> Settings {
    Settings {
        stripe_api_base: url.to_owned(),
        stripe_api_key: Some("sk_test_sandbox".to_owned()),
        provider_timeout_ms: 20_000,
        ask_again_ms: 1_000,
        charge_parallel: 4,
        charge_batch: 16,
        invoice_batch: 10,
        lease_ms: 300,
        notice_days: 3,
        freeze_days: 14,
        work: false,
        schedule: false,
    }
}

/// The sandbox with its ledger in `folder`.
pub fn sandbox(folder: &std::path::Path) -> payment_sandbox::Running {
    payment_sandbox::spawn(payment_sandbox::Options {
        listen: "127.0.0.1:0".into(),
        ledger: folder.join("ledger"),
        api_key: "sk_test_sandbox".into(),
        no_fsync: true,
        dials: Dials::default(),
    })
    .unwrap()
}

/// Moves the clock in this file to (within a second of) `time`. Moved into place whole: a service that reads a file half
/// written takes the system's time.
pub fn set_clock(file: &std::path::Path, time: DateTime<Utc>) {
    let new = file.with_extension("new");
    std::fs::write(&new, (time - Utc::now()).num_seconds().to_string()).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// The fields are dropped in this order, the database last.
pub struct House {
    pub world: World,
    pub fixture: Arc<SqlFixture>,
    pub work: Work,
    _service: Running,
    pub sandbox: payment_sandbox::Running,
    folder: tempfile::TempDir,
    connection: Mutex<PgConnection>,
    pub db: TestDb,
}

impl House {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with_pools(2, change)
    }

    /// With this many connections to each side.
    pub fn with_pools(size: u32, change: impl FnOnce(&mut Settings)) -> Self {
        let (db, folder) = (TestDb::new(), tempfile::tempdir().unwrap());
        let sandbox = sandbox(folder.path());
        let mut settings = settings(&sandbox.url);
        change(&mut settings);
        let clock_file = folder.path().join("clock");
        let mut common = common(db.url("billing_reader"), db.url("billing_writer"));
        common.clock_file = Some(clock_file.clone());
        (common.pool_read_size, common.pool_write_size) = (size, size);
        let service = spawn_with::<billing::Billing>(common, settings.clone()).unwrap();
        let fixture = Arc::new(SqlFixture::new(&db, Clock::new(Some(clock_file))));
        let urls = Urls { billing: Some(service.url.clone()), ..Urls::default() };
        Self {
            world: World::new(urls, Shared(Arc::clone(&fixture))),
            fixture,
            work: work(&db, &settings),
            _service: service,
            connection: Mutex::new(db.connect("superuser")),
            sandbox,
            folder,
            db,
        }
    }

    /// A second instance's work on the same database.
    pub fn other_work(&self, change: impl FnOnce(&mut Settings)) -> Work {
        let mut settings = settings(&self.sandbox.url);
        change(&mut settings);
        work(&self.db, &settings)
    }

    pub fn api(&self) -> Api {
        self.world.billing()
    }

    /// Moves the service's clock to (within a second of) `time`.
    pub fn go_to(&self, time: DateTime<Utc>) {
        set_clock(&self.folder.path().join("clock"), time);
    }

    /// Does everything that is due at `time`.
    pub fn tick(&self, time: DateTime<Utc>) {
        self.work.tick(&time).unwrap();
    }

    /// A token of the tenant's admin that is good now.
    pub fn token(&self, tenant: &Tenant) -> String {
        let fixture = &self.fixture;
        fixture.token(Scope::Admin, Some(tenant.org), tenant.admin_login)
    }

    /// The tenant's admin's call.
    pub fn admin(&self, tenant: &Tenant, call: Call) -> Call {
        call.token(&self.token(tenant))
    }

    /// Gives the tenant a card, whatever it had before.
    pub fn card(&self, tenant: &Tenant, token: &str) {
        let path = tenant.path("/payment-method");
        let before = self.admin(tenant, self.api().get(&path)).send();
        let mut put = self.api().put(&path).json(&json!({ "paymentMethodToken": token }));
        if before.status == 200 {
            put = put.if_match(&before.etag());
        }
        let answer = self.admin(tenant, put).send();
        assert!(matches!(answer.status, 200 | 201), "{}", answer.describe());
    }

    /// Pays an invoice by hand.
    pub fn pay(&self, tenant: &Tenant, invoice: &str) -> behaviour::Response {
        let path = tenant.path(&format!("/invoices/{invoice}/payments"));
        self.admin(tenant, self.api().post(&path)).send()
    }

    /// Begins a run as an operator.
    pub fn run(&self, period: Period) -> behaviour::Response {
        let body = json!({ "period": period.to_string() });
        let call = self.api().post("/billing-runs").json(&body);
        call.token(&self.fixture.operator_token()).send()
    }

    /// The tenant's invoices, by period.
    pub fn invoices(&self, tenant: &Tenant) -> Vec<Value> {
        let call = self.admin(tenant, self.api().get(&tenant.path("/invoices")));
        let mut invoices = call.send().expect(200).json()["items"].as_array().unwrap().clone();
        invoices.sort_by_key(|invoice| invoice["period"].to_string());
        invoices
    }

    /// SQL without an answer, as the superuser.
    pub fn sql(&self, text: &str) {
        self.connection.lock().unwrap().batch_execute(text).unwrap();
    }

    /// Rows of a statement, as the superuser.
    pub fn rows<'a, S, T>(&self, statement: S) -> Vec<T>
    where
        S: LoadQuery<'a, PgConnection, T>,
    {
        statement.load(&mut *self.connection.lock().unwrap()).unwrap()
    }

    /// Lets the tenant be older than it is.
    pub fn made_at(&self, tenant: &Tenant, time: DateTime<Utc>) {
        let (org, time) = (tenant.org, time.to_rfc3339());
        self.sql(&format!("update account.organisations set created_at = '{time}' where id = '{org}'"));
    }

    /// Counts of what the tenant has registered, as Registry would leave them.
    pub fn usage(&self, tenant: &Tenant, apis: i32, domains: i32, sub_domains: i32) {
        let org = tenant.org;
        self.sql(&format!(
            "insert into registry.usage (organisation_id, apis, domains, sub_domains) \
             values ('{org}', {apis}, {domains}, {sub_domains})"
        ));
    }

    /// How the tenant stands, as the others read it.
    pub fn standing(&self, tenant: &Tenant) -> String {
        kit::statement! {
            /// The published standing.
            struct Standing(org: Uuid as Uuid) -> Text =
                "select s.standing from published.standings s where s.organisation_id = $1"
        }
        let rows: Vec<String> = self.rows(Standing { org: tenant.org });
        rows.into_iter().next().unwrap_or_else(|| "active".to_owned())
    }

    /// Turns the sandbox's dials; what isn't named is at rest.
    pub fn dials(&self, dials: Value) {
        let url = &self.sandbox.url;
        let client = behaviour::http::Client::new();
        client.api(url).raw("POST", "/control").json(&dials).send().expect(200);
    }

    /// What the sandbox charged.
    pub fn ledger(&self) -> Ledger {
        ledger(&self.sandbox.url)
    }
}

fn work(db: &TestDb, settings: &Settings) -> Work {
    let provider = Provider::new(&settings.stripe_api_base, "sk_test_sandbox", settings.provider_timeout());
    Work::new(pools(db), Arc::new(provider), settings)
}

/// The service's two pools, for a test that calls what the service calls.
pub fn pools(db: &TestDb) -> kit::Db {
    database("billing", &db.url("billing_reader"), &db.url("billing_writer"))
}

/// What a sandbox charged.
pub struct Ledger {
    pub count: u64,
    pub amount: i64,
    pub charges: Vec<Value>,
}

/// Asks the sandbox at `url`.
pub fn ledger(url: &str) -> Ledger {
    let client = behaviour::http::Client::new();
    let body = client.api(url).root("/ledger").send().expect(200).json();
    Ledger {
        count: body["count"].as_u64().unwrap(),
        amount: body["amount"].as_i64().unwrap(),
        charges: body["charges"].as_array().unwrap().clone(),
    }
}

/// The month that is billed in most tests (this one), and the moment its run may begin.
pub fn this_month() -> (Period, DateTime<Utc>) {
    let period = Period::of(Utc::now());
    (period, period.run_at())
}
