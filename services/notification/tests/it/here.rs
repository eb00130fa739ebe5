//! A database, people in it, changes as the four services write them, a mail server, and the service: in this process or as a child.

// Long: the surroundings of every test, with all that it may ask and change there.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use behaviour::{Urls, World};
use chrono::{DateTime, Utc};
use diesel::PgConnection;
use diesel::connection::SimpleConnection as _;
use kit::id::{LoginId, OrganisationId, ProfileId};
use kit::testing::{Running, Signer, common, spawn_with};
use mail_sink::{MailSink, Options};
use notification::NotificationService;
use notification::settings::{Protection, Settings};
use schema::testing::TestDb;
use schema::testing::fixture::Rows;
use tempfile::NamedTempFile;
use uuid::Uuid;

pub use crate::ask::count;
use crate::ask::lines;
pub use crate::change::Change;
use crate::fixture::SqlFixture;
use crate::process::Process;

/// Long enough for anything on a busy machine; only a failing test waits it out.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a condition.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A database with nobody in it, a mail server, a clock.
pub struct Here {
    pub db: TestDb,
    pub sink: MailSink,
    pub signer: Signer,
    rows: Rows,
    clock: NamedTempFile,
    count: AtomicU32,
    connections: Mutex<HashMap<String, PgConnection>>,
}

/// Somebody with a login.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    pub login: Uuid,
    pub profile: Uuid,
}

impl Here {
    pub fn new() -> Self {
        let db = TestDb::new();
        let signer = Signer::new().unwrap();
        signer.publish(&mut db.connect("account_writer")).unwrap();
        Self {
            rows: Rows::new(&db),
            sink: MailSink::start(&Options::default()).unwrap(),
            signer,
            db,
            clock: NamedTempFile::new().unwrap(),
            count: AtomicU32::new(0),
            connections: Mutex::default(),
        }
    }

    /// Settings that fit a test.
    pub fn settings(&self) -> Settings {
        Settings {
            smtp_host: Some("127.0.0.1".into()),
            smtp_port: self.sink.smtp().port(),
            smtp_tls: Protection::None,
            smtp_user: None,
            smtp_password: None,
            smtp_timeout_seconds: 5,
            mail_from: "Govrnanza <no-reply@govrnanza.example>".into(),
            mail_unsubscribe: None,
            public_url: Some("https://govrnanza.example".into()),
            mails_per_address: 0,
            mails_per_organisation: 0,
            asks_per_organisation: 0,
            mail_senders: 2,
            mail_retry_seconds: 1,
            mail_give_up_hours: 120,
            mail_lease_seconds: 15,
            replay_from: None,
        }
    }

    /// The service in this process.
    pub fn start(&self) -> Running {
        self.start_with(self.settings())
    }

    pub fn start_with(&self, settings: Settings) -> Running {
        let mut common = common(self.db.url("notification_reader"), self.db.url("notification_writer"));
        common.clock_file = Some(self.clock.path().to_owned());
        spawn_with::<NotificationService>(common, settings).unwrap()
    }

    /// The service as a process of its own, which can be killed.
    pub fn child(&self, more: &[(&str, &str)]) -> Process {
        Process(
            Command::new(env!("CARGO_BIN_EXE_notification"))
                .env("DATABASE_READ_URL", self.db.url("notification_reader"))
                .env("DATABASE_WRITE_URL", self.db.url("notification_writer"))
                .env("POOL_READ_SIZE", "1")
                .env("POOL_WRITE_SIZE", "1")
                .env("CLOCK_FILE", self.clock.path())
                .env("LOG", "error")
                .env("SMTP_HOST", "127.0.0.1")
                .env("SMTP_PORT", self.sink.smtp().port().to_string())
                .env("SMTP_TLS", "none")
                .env("MAIL_SENDERS", "2")
                .env("PUBLIC_URL", "https://govrnanza.example")
                .env("MAILS_PER_ADDRESS", "0")
                .env("MAILS_PER_ORGANISATION", "0")
                .env("MAIL_RETRY_SECONDS", "1")
                .env_remove("REPLAY_FROM")
                .envs(more.iter().copied())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    /// Moves the service's clock to a time.
    pub fn set_clock(&self, to: DateTime<Utc>) {
        let seconds = (to - Utc::now()).num_milliseconds() as f64 / 1000.0;
        // Moved into place whole: a service that reads a file half written takes the system's time.
        let new = self.clock.path().with_extension("new");
        fs::write(&new, format!("{:+}", seconds.ceil() as i64)).unwrap();
        fs::rename(new, self.clock.path()).unwrap();
    }

    pub fn unique(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    pub fn organisation(&self) -> Uuid {
        let org = OrganisationId::new(Utc::now()).0;
        self.rows.organisation(&org.to_string(), &format!("Org {}", self.unique()), "enterprise");
        org
    }

    /// A person, told at once, with a login; both addresses are confirmed.
    pub fn person(&self, org: Uuid, scope: &str) -> Person {
        let person = self.stranger(org, scope);
        self.confirm(org, &format!("{}@people.example", person.profile));
        self.confirm(org, &format!("{}@logins.example", person.login));
        person
    }

    /// An address is confirmed.
    pub fn confirm(&self, org: Uuid, address: &str) {
        self.run(
            "notification_writer",
            &format!(
                "insert into notification.addresses (organisation_id, address_id, confirmed_at) \
                 values ('{org}', encode(substr(sha256('{address}'), 1, 16), 'hex')::uuid, '{}')",
                DateTime::UNIX_EPOCH
            ),
        );
    }

    /// The same, and nobody has confirmed anything.
    pub fn stranger(&self, org: Uuid, scope: &str) -> Person {
        let profile = ProfileId::new(Utc::now()).0;
        let login = LoginId::new(Utc::now()).0;
        let name = format!("Person {}", self.unique());
        self.rows.profile(&org.to_string(), &profile.to_string(), &name, &format!("{profile}@people.example"));
        let email = format!("{login}@logins.example");
        self.rows.login(Some(&org.to_string()), &login.to_string(), &email, scope, Some(&profile.to_string()));
        Person { login, profile }
    }

    /// One more login of a person.
    pub fn second_login(&self, org: Uuid, profile: Uuid) {
        let login = LoginId::new(Utc::now()).0.to_string();
        let email = format!("{login}@logins.example");
        self.rows.login(Some(&org.to_string()), &login, &email, "member", Some(&profile.to_string()));
        self.confirm(org, &email);
    }

    /// A person's settings: `instant`, `daily 17:30`, `weekly monday 09:00`, and their zone.
    pub fn set_schedule(&self, org: Uuid, profile: Uuid, schedule: &str, zone: &str) {
        let parts: Vec<_> = schedule.split(' ').collect();
        let (mode, weekday, at) = match parts.as_slice() {
            [mode, at] => (*mode, "null".to_owned(), format!("'{at}'")),
            [mode, day, at] => (*mode, format!("'{day}'"), format!("'{at}'")),
            _ => ("instant", "null".to_owned(), "null".to_owned()),
        };
        self.run(
            "profile_writer",
            &format!(
                "update profile.notification_settings set mode = '{mode}', at = {at}, weekday = {weekday} \
                 where organisation_id = '{org}' and profile_id = '{profile}'; \
                 update profile.profiles set time_zone = '{zone}' where organisation_id = '{org}' and id = '{profile}'"
            ),
        );
    }

    /// An open watch, made long ago.
    pub fn watch(&self, org: Uuid, profile: Uuid, kind: &str, target: Uuid) {
        self.run(
            "registry_writer",
            &format!(
                "insert into registry.watches (organisation_id, id, profile_id, kind, target_id, created_at) \
                 values ('{org}', '{}', '{profile}', '{kind}', '{target}', '{}')",
                Uuid::now_v7(),
                DateTime::UNIX_EPOCH
            ),
        );
    }

    /// A watch from before watches had positions: its times are all that is known.
    pub fn old_watch(
        &self,
        org: Uuid,
        profile: Uuid,
        kind: &str,
        target: Uuid,
        from: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
    ) {
        let until = until.map_or_else(|| "null".to_owned(), |until| format!("'{until}'"));
        self.run(
            "registry_writer",
            &format!(
                "insert into registry.watches (organisation_id, id, profile_id, kind, target_id, created_at, ended_at, created_xid) \
                 values ('{org}', '{}', '{profile}', '{kind}', '{target}', '{from}', {until}, null)",
                Uuid::now_v7()
            ),
        );
    }

    /// Writes a change as its service would, in a transaction of its own, and says so to readers.
    pub fn change(&self, change: &Change) {
        let role = format!("{}_writer", change.feed);
        self.run(&role, &format!("{}; notify {}_changes", change.sql(), change.feed));
    }

    /// Something done as a login, on the one connection that the test has for it.
    fn with<T>(&self, role: &str, work: impl FnOnce(&mut PgConnection) -> T) -> T {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = connections.entry(role.to_owned());
        work(connection.or_insert_with(|| self.db.connect(role)))
    }

    /// Runs SQL as a login.
    #[track_caller]
    pub fn run(&self, role: &str, sql: &str) {
        if let Err(error) = self.with(role, |connection| connection.batch_execute(sql)) {
            panic!("{role}: {sql}: {error}");
        }
    }

    /// A number, as the superuser sees it.
    pub fn count(&self, sql: &str) -> i64 {
        self.with("superuser", |connection| count(connection, sql))
    }

    /// Lines of text, as the superuser sees them: the query's one column is called `line`.
    pub fn lines(&self, sql: &str) -> Vec<String> {
        self.with("superuser", |connection| lines(connection, sql))
    }

    /// A connection of the service's writer, for tests that call its parts themselves.
    pub fn writer(&self) -> PgConnection {
        self.db.connect("notification_writer")
    }

    /// Whether every change has been read.
    pub fn all_read(&self) -> bool {
        let feeds = ["account", "profile", "registry", "billing"];
        feeds.iter().all(|feed| {
            self.count(&format!(
                "select count(*) from {feed}.changes c where (c.xid, c.id) > coalesce( \
                 (select (f.xid, f.id) from notification.feed_cursors f where f.feed = '{feed}'), ('0'::xid8, 0::bigint))"
            )) == 0
        })
    }

    /// Whether every change can be read: a transaction open anywhere in the cluster, another test's, too, holds the feeds back.
    pub fn all_readable(&self) -> bool {
        let feeds = ["account", "profile", "registry", "billing"];
        feeds.iter().all(|feed| {
            self.count(&format!(
                "select count(*) from {feed}.changes c where c.xid >= pg_snapshot_xmin(pg_current_snapshot())"
            )) == 0
        })
    }

    /// Titles that somebody was told, in their order.
    pub fn told(&self, who: Uuid) -> Vec<String> {
        self.lines(&format!(
            "select kind || ': ' || title as line from notification.notifications \
             where login_id = '{who}' or profile_id = '{who}' order by created_at, id"
        ))
    }

    /// Requests to a running service.
    pub fn world(&self, url: &str) -> World {
        let signer = Signer::new().unwrap();
        signer.publish(&mut self.db.connect("account_writer")).unwrap();
        let fixture = SqlFixture { rows: Rows::new(&self.db), signer, count: AtomicU32::new(0) };
        World::new(Urls { notification: Some(url.to_owned()), ..Urls::default() }, fixture)
    }
}
