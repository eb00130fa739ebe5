//! A whole architecture for one test.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;

use behaviour::{Client, HttpFixture, PASSWORD, Services, Session, Urls, World};
use clap::{Args, Parser};
use kit::Service;
use kit::testing::{Running, common, spawn_with};
use mail_sink::MailSink;
use schema::apply::install;
use schema::testing::{TestCluster, needs};
use schema::{ApplyOptions, OwnDatabase, SERVICES};
use self_contained::kafka::{Broker, Options};
use self_contained::{Error, Log, OWNERS, ingest, relay, topics};
use tempfile::TempDir;
use uuid::Uuid;

use crate::freshness::Freshness;

/// Settings as a command line has them.
#[derive(Parser)]
struct Line<S: Args> {
    #[command(flatten)]
    settings: S,
}

/// A relay or an ingester in this process, until it is dropped.
pub struct Part {
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Part {
    fn start(run: impl FnOnce(&AtomicBool) -> Result<(), Error> + Send + 'static) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let of = Arc::clone(&stopping);
        Self { stopping, thread: Some(std::thread::spawn(move || run(&of))) }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

/// Databases and a log with its topics, and no service. The fields are dropped in this order.
pub struct Ground {
    pub log: Log,
    cluster: TestCluster,
}

/// One for all tests of this process; it ends with it.
fn broker() -> Option<&'static Broker> {
    static BROKER: LazyLock<Result<Broker, String>> =
        LazyLock::new(|| Broker::find_or_start(&Options::from_environment()).map_err(|error| error.to_string()));
    needs(BROKER.as_ref())
}

impl Ground {
    /// The databases of these services; none: there is no Kafka here, and the test is skipped.
    pub fn find(services: &[&str]) -> Option<Self> {
        let broker = broker()?;
        let log = Log { kafka_brokers: broker.servers.clone(), topic_prefix: format!("test-{}.", Uuid::now_v7()) };
        topics::create(&log, 1, 1).unwrap();
        let cluster = TestCluster::bare();
        for service in services {
            let own = OwnDatabase::of(service).unwrap();
            install(cluster.cluster(), &own.name(), cluster.passwords(), &ApplyOptions::alone(own)).unwrap();
        }
        Some(Self { log, cluster })
    }

    fn url(&self, service: &str, login: &str) -> String {
        self.cluster.url(&format!("govrnanza_{service}"), login)
    }

    /// A connection to a service's own database.
    pub fn connect(&self, service: &str, login: &str) -> postgres::Client {
        postgres::Client::connect(&self.url(service, login), postgres::NoTls).unwrap()
    }

    pub fn relay(&self, service: &str) -> Part {
        let settings = relay::Settings {
            service: service.to_owned(),
            relay_database_url: self.url(service, &format!("{service}_relay")),
            log: self.log.clone(),
            relay_poll_ms: 20,
            relay_compare_ms: 200,
        };
        Part::start(move |stopping| relay::run(&settings, stopping))
    }

    pub fn ingester(&self, service: &str) -> Part {
        let settings = ingest::Settings {
            service: service.to_owned(),
            copier_database_url: self.url(service, &format!("{service}_copier")),
            log: self.log.clone(),
        };
        Part::start(move |stopping| ingest::run(&settings, stopping))
    }

    pub fn freshness(&self) -> Freshness {
        Freshness::new(|service| self.url(service, "superuser"))
    }

    fn start<S: Service<Settings: Args>>(&self, arguments: &[&str]) -> Running {
        self.start_at::<S>(0, arguments)
    }

    fn start_at<S: Service<Settings: Args>>(&self, port: u16, arguments: &[&str]) -> Running {
        let url = |role: &str| self.url(S::NAME, &format!("{}_{role}", S::NAME));
        let line = ["test"].into_iter().chain(arguments.iter().copied());
        let settings = Line::<S::Settings>::parse_from(line).settings;
        let mut common = common(url("reader"), url("writer"));
        common.listen.set_port(port);
        spawn_with::<S>(common, settings).unwrap()
    }
}

/// The fields are dropped in this order, the server last.
pub struct Deployment {
    pub world: World,
    pub freshness: Freshness,
    _services: Vec<Running>,
    _parts: Vec<Part>,
    _mails: MailSink,
    _sandbox: payment_sandbox::Running,
    _folder: TempDir,
    pub ground: Ground,
}

impl Deployment {
    pub fn find() -> Option<Self> {
        let ground = Ground::find(SERVICES)?;
        let pem = account::keys::generate().unwrap();
        let key = format!("--jwt-signing-key={pem}");
        let account =
            ground.start::<account::Account>(&[&key, "--sign-up-limit-per-address=0", "--hash-queue-per-client=0"]);
        let operator = "operator@fixture.example";
        let alone: Urls = [("account", account.url.clone())].into_iter().collect();
        Session::sign_up(&Services::new(alone), "Operators", "team", operator, PASSWORD).unwrap();
        let promote =
            "update account.logins set scope = 'operator', organisation_id = null where email like 'operator@%'";
        ground.connect("account", "superuser").batch_execute(promote).unwrap();

        let parts =
            OWNERS.iter().map(|owner| ground.relay(owner)).chain(SERVICES.iter().map(|one| ground.ingester(one)));
        let parts = parts.collect();
        let freshness = ground.freshness();
        let wanted = mail_sink::Options { confirm: true, ..mail_sink::Options::default() };
        let (folder, mails) = (tempfile::tempdir().unwrap(), MailSink::start(&wanted).unwrap());
        let ledger = folder.path().join("ledger");
        let options =
            payment_sandbox::Options::parse_from(["sandbox", "--ledger", ledger.to_str().unwrap(), "--no-fsync"]);
        let sandbox = payment_sandbox::spawn(options).unwrap();
        let base = format!("--stripe-api-base={}", sandbox.url);
        let smtp = [format!("--smtp-host={}", mails.smtp().ip()), format!("--smtp-port={}", mails.smtp().port())];
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let public = format!("--public-url=http://127.0.0.1:{port}");
        // The signing key is everywhere before anybody sends a token.
        freshness.settle();
        let services = vec![
            account,
            ground.start::<profile::Service>(&[]),
            ground.start::<registry::Registry>(&[]),
            ground.start::<billing::Billing>(&["--stripe-api-key=sk_test_sandbox", &base, "--schedule=false"]),
            ground
                .start_at::<notification::NotificationService>(port, &[&smtp[0], &smtp[1], "--smtp-tls=none", &public]),
        ];
        let urls: Urls =
            SERVICES.iter().zip(&services).map(|(service, running)| (service, running.url.clone())).collect();
        let settle = freshness.clone();
        let client = Client::new().settling(move || settle.settle());
        let all = Services { client, ..Services::new(urls) };
        let (billing, settle) = (ground.url("billing", "superuser"), freshness.clone());
        let set = move |org: Uuid, standing: &str| {
            set_standing(&billing, org, standing);
            settle.settle();
        };
        // Notification puts nothing on the log: not that an invitation was accepted either.
        let (logins, settle) = (ground.url("account", "superuser"), freshness.clone());
        let accept = move |login: Uuid| {
            let accepted = format!(
                "insert into published.accepted_invitations select invitation_id from account.logins where id = '{login}' and invitation_id is not null"
            );
            postgres::Client::connect(&logins, postgres::NoTls).unwrap().batch_execute(&accepted).unwrap();
            settle.settle();
        };
        let fixture = HttpFixture::over(all.clone()).with_operator(operator, PASSWORD).with_standings(Box::new(set));
        let fixture = fixture.with_accepted_logins(Box::new(accept));
        let world = World::over(all, fixture);
        Some(Self {
            world,
            freshness,
            _services: services,
            _parts: parts,
            _mails: mails,
            _sandbox: sandbox,
            _folder: folder,
            ground,
        })
    }
}

/// As Billing's runs would, a year of invoices later. No change tells of it.
pub fn set_standing(url: &str, org: Uuid, standing: &str) {
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    let frozen = if standing == "frozen" { "now()" } else { "null" };
    let overdue = if standing == "active" { "null" } else { "now()" };
    let statement = format!(
        "insert into billing.standings
            (organisation_id, standing, overdue_since, first_failed_at, frozen_at, version, updated_at)
        values ('{org}', '{standing}', {overdue}, {overdue}, {frozen}, 1, now())
        on conflict (organisation_id) do update set standing = excluded.standing, overdue_since = excluded.overdue_since,
            first_failed_at = excluded.first_failed_at, frozen_at = excluded.frozen_at, version = standings.version + 1"
    );
    client.batch_execute(&statement).unwrap();
}
