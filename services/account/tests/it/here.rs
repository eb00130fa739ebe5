//! One Account on a database of its own, with tenants made through the contract and people by Profile's login.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use account::{Account, Settings};
use behaviour::assert::eventually;
use behaviour::http::Api;
use behaviour::{Fixture, Response, Tenant, Urls, World, json};
use diesel::connection::SimpleConnection;
use diesel::sql_types::{Text, Timestamptz, Uuid as SqlUuid};
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use kit::testing::{Running, common, spawn_with};
use schema::testing::fixture::Rows;
use schema::testing::{TestCluster, TestDb};
use tempfile::NamedTempFile;
use uuid::Uuid;

pub const PASSWORD: &str = "correct horse battery staple";

/// A database with everything in it: one of the shared cluster's, or one in a cluster of its own.
pub trait Database: Send + Sync {
    /// The URL of a login.
    fn url(&self, role: &str) -> String;

    /// A connection of a login.
    fn connect(&self, role: &str) -> PgConnection {
        PgConnection::establish(&self.url(role)).unwrap_or_else(|why| panic!("{role}: {why}"))
    }
}

impl Database for TestDb {
    fn url(&self, role: &str) -> String {
        Self::url(self, role)
    }
}

impl Database for TestCluster {
    fn url(&self, role: &str) -> String {
        Self::url(self, schema::DATABASE, role)
    }
}

/// Everything a test needs; all of it ends with the value.
pub struct Here {
    pub world: World,
    pub account: Api,
    /// Runs as long as this is held.
    _service: Running,
    pub db: Arc<dyn Database>,
    clock: NamedTempFile,
}

impl Here {
    /// With the settings as they are by default.
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// With these settings; a signing key is made if they name none.
    pub fn with(settings: Settings) -> Self {
        Self::on(Arc::new(TestDb::new()), settings)
    }

    /// On a database that is there already.
    pub fn on(db: Arc<dyn Database>, settings: Settings) -> Self {
        Self::custom(db, settings, |_| ())
    }

    /// With common settings of one's own as well.
    pub fn custom(db: Arc<dyn Database>, mut settings: Settings, change: impl FnOnce(&mut kit::Common)) -> Self {
        let fresh = || account::keys::generate().expect("a key");
        settings.jwt_signing_key.get_or_insert_with(fresh);
        let clock = NamedTempFile::new().expect("a file");
        let mut common = common(db.url("account_reader"), db.url("account_writer"));
        common.clock_file = Some(clock.path().to_owned());
        change(&mut common);
        let service = spawn_with::<Account>(common, settings).expect("Account starts");
        let urls = Urls { account: Some(service.url.clone()), ..Urls::default() };
        let client = behaviour::http::Client::new();
        let fixture = Local { db: Arc::clone(&db), account: client.api(&service.url), operator: OnceLock::new() };
        let world = World::new(urls, fixture);
        Self { account: world.account(), world, _service: service, db, clock }
    }

    /// Moves the service's clock so far ahead of the system's.
    pub fn clock(&self, seconds: i64) {
        fs::write(self.clock.path(), format!("{seconds:+}")).expect("the clock file can be written");
    }

    /// A connection of the superuser, who sees everything.
    pub fn superuser(&self) -> PgConnection {
        self.db.connect("superuser")
    }

    pub fn sign_in(&self, email: &str, password: &str) -> Response {
        let body = json!({"email": email, "password": password});
        self.account.post("/sessions").json(&body).send()
    }

    /// Signs up and in; the organisation, its admin's e-mail and token.
    pub fn organisation(&self, plan: &str) -> (Uuid, String, String) {
        let email = format!("{}@here.example", unique());
        let body = json!({"name": format!("Org {}", unique()), "plan": plan,
            "admin": {"email": email, "password": PASSWORD}});
        let org = self.account.post("/organisations").json(&body).send();
        let token = token(&self.sign_in(&email, PASSWORD).expect(200));
        (org.expect(201).id(), email, token)
    }
}

/// A text that nothing else in this process holds.
pub fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("u{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The token of a session's answer.
pub fn token(session: &Response) -> String {
    let token = session.json()["token"].as_str().map(str::to_owned);
    token.expect("a session has a token")
}

/// Runs the binary as one would on the command line; exit code, standard output, standard error.
pub fn command(db: &dyn Database, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_account"))
        .args(arguments)
        .env("DATABASE_READ_URL", db.url("account_reader"))
        .env("DATABASE_WRITE_URL", db.url("account_writer"))
        .env("POOL_READ_SIZE", "1")
        .env("POOL_WRITE_SIZE", "1")
        .env_remove("JWT_SIGNING_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("piped");
    // A command that doesn't read is gone before this is written.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("no signal");
    (code, text(&output.stdout), text(&output.stderr))
}

/// Tenants by sign-up; people and standings, which other services own, by these services' logins.
struct Local {
    db: Arc<dyn Database>,
    account: Api,
    operator: OnceLock<String>,
}

impl Local {
    fn sign_in(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        token(&self.account.post("/sessions").json(&body).send().expect(200))
    }
}

/// A person of an organisation, as Profile would write it.
pub fn person(db: &dyn Database, org: Uuid) -> Uuid {
    let mut connection = db.connect("profile_writer");
    let id = Uuid::now_v7();
    sql_query(
        "insert into profile.profiles (organisation_id, id, name, email, time_zone, version, created_at, updated_at) \
         values ($1, $2, 'Pat Person', $3, 'Europe/Zurich', 1, $4, $4)",
    )
    .bind::<SqlUuid, _>(org)
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(format!("{id}@people.example"))
    .bind::<Timestamptz, _>(chrono::Utc::now())
    .execute(&mut connection)
    .expect("a person");
    id
}

/// The owner of a login's address accepts it, as Notification would write it.
pub fn accept(db: &dyn Database, login: Uuid) {
    let text = format!(
        "insert into notification.invitations (invitation_id, organisation_id, address_id, created_at, accepted_at) \
         select l.invitation_id, l.organisation_id, gen_random_uuid(), now(), now() \
         from account.logins l where l.id = '{login}' and l.invitation_id is not null"
    );
    db.connect("superuser").batch_execute(&text).expect("an acceptance");
}

impl Fixture for Local {
    fn tenant(&self, plan: &str) -> Tenant {
        let name = format!("Tenant {}", unique());
        let (admin, member) = (format!("admin-{}@here.example", unique()), format!("member-{}@here.example", unique()));
        let body = json!({"name": name, "plan": plan, "admin": {"email": admin, "password": PASSWORD}});
        let org = self.account.post("/organisations").json(&body).send().expect(201).id();
        let (admin_profile, member_profile) = (person(&*self.db, org), person(&*self.db, org));
        let token = self.sign_in(&admin);
        let logins = format!("/organisations/{org}/logins");
        let page = self.account.get(&logins).token(&token).send().expect(200).json();
        let admin_login = page["items"][0]["id"].as_str().expect("an id").parse().expect("a UUID");
        let body = json!({"profileId": admin_profile});
        let link = self.account.patch(&format!("{logins}/{admin_login}")).token(&token);
        link.if_match("\"1\"").json(&body).send().expect(200);
        let body = json!({"email": member, "password": PASSWORD, "scope": "member", "profileId": member_profile});
        let member_login = self.account.post(&logins).token(&token).json(&body).send().expect(201).id();
        accept(&*self.db, member_login);
        let read = || self.account.get(&format!("{logins}/{member_login}")).token(&token).send().expect(200).json();
        eventually("the login is accepted", || (read()["invited"] == false).then_some(()));
        Tenant {
            org,
            name,
            admin_token: self.sign_in(&admin),
            admin_login,
            admin_profile,
            member_login,
            member_token: self.sign_in(&member),
            member_profile,
        }
    }

    fn profile(&self, tenant: &Tenant) -> Uuid {
        person(&*self.db, tenant.org)
    }

    fn operator_token(&self) -> String {
        let make = || {
            let arguments = ["create-operator", "--email", "operator@here.example"];
            let (code, _, error) = command(&*self.db, &arguments, PASSWORD);
            assert_eq!(code, 0, "{error}");
            self.sign_in("operator@here.example")
        };
        self.operator.get_or_init(make).clone()
    }

    fn accept(&self, login: Uuid) {
        accept(&*self.db, login);
    }

    fn accepts_alone(&self) -> bool {
        true
    }

    fn set_standing(&self, org: Uuid, to: &str) {
        Rows::of(&|role| self.db.url(role)).standing(&org.to_string(), to);
    }
}
