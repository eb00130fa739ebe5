//! A whole architecture for one test.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use behaviour::assert::eventually;
use behaviour::http::Patience;
use behaviour::{Client, HttpFixture, PASSWORD, Services, Session, Urls, World};
use clap::{Args, Parser};
use kit::testing::{Running, common, spawn_with};
use mail_sink::MailSink;
use schema::SERVICES;
use schema::ports::free_port;
use schema::testing::fixture::Rows;
use self_contained::OWNERS;
use tempfile::TempDir;
use uuid::Uuid;

use crate::copies::equal;
use crate::freshness::Freshness;
use crate::ground::{Ground, Line, Part};
use crate::process::Process;

/// What a busy machine may take for what the product refuses after a second or two.
const LONG_MS: u64 = 60_000;

/// How a service runs; it ends when this is dropped.
enum Service {
    /// As threads of the test.
    Within(#[expect(dead_code, reason = "ends with it")] Running),
    /// As a process, which can be killed.
    Process(Mutex<Process>),
}

/// The fields are dropped in this order, the server last.
pub struct Deployment {
    pub world: World,
    pub freshness: Freshness,
    services: Vec<Service>,
    relays: Vec<Part>,
    ingesters: Vec<Part>,
    _mails: MailSink,
    pub sandbox: payment_sandbox::Running,
    pub folder: TempDir,
    pub ground: Ground,
}

/// Whom a SIGKILL meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    Service(&'static str),
    Relay(&'static str),
    Ingester(&'static str),
    Database(&'static str),
    Broker,
}

impl Victim {
    /// All that there are.
    pub fn all() -> Vec<Self> {
        let services = SERVICES.iter().flat_map(|one| [Self::Service(one), Self::Ingester(one), Self::Database(one)]);
        services.chain(OWNERS.map(Self::Relay)).chain([Self::Broker]).collect()
    }
}

impl Deployment {
    /// All within this process.
    pub fn find() -> Option<Self> {
        let ground = Ground::find(SERVICES)?;
        wait_long(&ground);
        Some(Self::on(ground, &["--schedule=false"]))
    }

    /// All as processes, which can be killed; with further settings of Billing.
    pub fn apart(billing: &[&str]) -> Option<Self> {
        Some(Self::on(Ground::apart(SERVICES)?, billing))
    }

    fn on(ground: Ground, billing: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: Vec<u16> = SERVICES.iter().map(|_| free_port().unwrap()).collect();
        let at = Place { ground: &ground, folder: &folder, ports: &ports };
        let urls: Urls =
            SERVICES.iter().zip(&ports).map(|(service, port)| (service, format!("http://127.0.0.1:{port}"))).collect();
        let pem = account::keys::generate().unwrap();
        let key = format!("--jwt-signing-key={pem}");
        let account =
            at.start::<account::Account>(&[&key, "--sign-up-limit-per-address=0", "--hash-queue-per-client=0"]);
        ready(&urls, "account");
        let operator = "operator@fixture.example";
        Session::sign_up(&Services::new(urls.clone()), "Operators", "team", operator, PASSWORD).unwrap();
        let promote =
            "update account.logins set scope = 'operator', organisation_id = null where email like 'operator@%'";
        ground.connect("account").batch_execute(promote).unwrap();

        let relays = OWNERS.iter().map(|owner| ground.relay(owner)).collect();
        let ingesters = SERVICES.iter().map(|one| ground.ingester(one)).collect();
        let freshness = ground.freshness();
        // Nobody uses the links of mails: logins are accepted when a case says so.
        let mails = MailSink::start(&mail_sink::Options::default()).unwrap();
        let ledger = folder.path().join("ledger");
        let options =
            payment_sandbox::Options::parse_from(["sandbox", "--ledger", ledger.to_str().unwrap(), "--no-fsync"]);
        let sandbox = payment_sandbox::spawn(options).unwrap();
        let base = format!("--stripe-api-base={}", sandbox.url);
        let smtp = [format!("--smtp-host={}", mails.smtp().ip()), format!("--smtp-port={}", mails.smtp().port())];
        let public = format!("--public-url=http://127.0.0.1:{}", ports[4]);
        // The signing key is everywhere before anybody sends a token.
        freshness.settle();
        let services = vec![
            account,
            at.start::<profile::Service>(&[]),
            at.start::<registry::Registry>(&[]),
            at.start::<billing::Billing>(&[&["--stripe-api-key=sk_test_sandbox", &base], billing].concat()),
            at.start::<notification::NotificationService>(&[&smtp[0], &smtp[1], "--smtp-tls=none", &public]),
        ];
        SERVICES.iter().for_each(|service| ready(&urls, service));
        let settle = freshness.clone();
        let client = Client::new().settling(move || settle.settle());
        let all = Services { client, ..Services::new(urls) };
        let (billing, settle) = (ground.url("billing", "superuser"), freshness.clone());
        let set = move |org: Uuid, standing: &str| {
            Rows::of(&|_| billing.clone()).standing(&org.to_string(), standing);
            settle.settle();
        };
        let databases = [ground.url("account", "superuser"), ground.url("notification", "superuser")];
        let fixture = HttpFixture::over(all.clone()).with_operator(operator, PASSWORD).with_standings(Box::new(set));
        let settle = freshness.clone();
        let accept = move |login| {
            accept(&databases, login);
            settle.settle();
        };
        let fixture = fixture.with_accepted_logins(Box::new(accept));
        let world = World::over(all, fixture);
        Self { world, freshness, services, relays, ingesters, _mails: mails, sandbox, folder, ground }
    }

    /// SIGKILL, and a start; who was killed may still be on the way up when this returns.
    pub fn kill(&self, victim: Victim) {
        let number = |all: &[&str], name: &str| all.iter().position(|one| *one == name).unwrap();
        match victim {
            Victim::Service(name) => {
                let Service::Process(process) = &self.services[number(SERVICES, name)] else { panic!("no process") };
                process.lock().unwrap().kill();
                process.lock().unwrap().start_again();
            }
            Victim::Relay(name) => self.relays[number(&OWNERS, name)].kill(),
            Victim::Ingester(name) => self.ingesters[number(SERVICES, name)].kill(),
            Victim::Database(name) => self.ground.kill_database(name),
            Victim::Broker => {
                let node = self.ground.node.as_ref().unwrap();
                // Else it would be on its way up nearly always, and nothing would be written meanwhile.
                node.ready();
                node.kill();
                node.start_again();
            }
        }
    }

    /// The services for a client that asks again while one is away, and doesn't wait for the copies.
    pub fn patient(&self) -> Services {
        let patience = Patience { absent: std::time::Duration::from_secs(120), ..Patience::default() };
        Services { client: Client::new(), patience, ..self.world.services.clone() }
    }

    /// Waits until all is at work again and every copy is its owner's view; how many rows there are of each noun.
    pub fn recovered(&self) -> BTreeMap<String, usize> {
        self.ground.node.as_ref().unwrap().ready();
        SERVICES.iter().for_each(|service| ready(&self.world.services.urls, service));
        self.ground.freshness().settle();
        equal(&self.ground)
    }
}

/// The cases are about what is answered, and not how soon: no statement is ended and no lock refused because the machine is busy.
fn wait_long(ground: &Ground) {
    let logins = SERVICES.iter().flat_map(|service| ["reader", "writer"].map(|role| format!("{service}_{role}")));
    let limits = logins.map(|login| {
        format!(
            "alter role {login} set statement_timeout = {LONG_MS}; alter role {login} set lock_timeout = {LONG_MS};"
        )
    });
    ground.connect("account").batch_execute(&limits.collect::<String>()).unwrap();
}

fn ready(urls: &Urls, service: &str) {
    let api = Client::new().api(urls.get(service).unwrap());
    eventually("it is ready", || api.root("/readyz").try_send().ok().filter(|answer| answer.status == 200));
}

struct Place<'a> {
    ground: &'a Ground,
    folder: &'a TempDir,
    ports: &'a [u16],
}

impl Place<'_> {
    fn start<S: kit::Service<Settings: Args>>(&self, arguments: &[&str]) -> Service {
        let url = |role: &str| self.ground.url(S::NAME, &format!("{}_{role}", S::NAME));
        let port = self.ports[SERVICES.iter().position(|one| *one == S::NAME).unwrap()];
        let listen = SocketAddr::from(([127, 0, 0, 1], port));
        let more = arguments.iter().map(|&argument| argument.to_owned());
        if self.ground.node.is_some() {
            let clock = self.folder.path().join("clock").display().to_string();
            let own = [
                ("listen", listen.to_string()),
                ("database-read-url", url("reader")),
                ("database-write-url", url("writer")),
                ("clock-file", clock),
            ];
            let mut line: Vec<String> = own.map(|(name, value)| format!("--{name}={value}")).into();
            line.extend(["--pool-read-size=2", "--pool-write-size=2", "--workers=1", "--log=off"].map(str::to_owned));
            line.extend(more);
            return Service::Process(Mutex::new(Process::of_test(S::NAME, &line)));
        }
        let settings = Line::<S::Settings>::parse_from(["test".to_owned()].into_iter().chain(more)).settings;
        let mut common = common(url("reader"), url("writer"));
        common.listen = listen;
        common.pool_wait_ms = LONG_MS;
        Service::Within(spawn_with::<S>(common, settings).unwrap())
    }
}

/// As Notification would write it once the mail's link was followed; the log tells it to Account.
fn accept([account, notification]: &[String; 2], login: Uuid) {
    let mut account = postgres::Client::connect(account, postgres::NoTls).unwrap();
    let of = "select invitation_id, organisation_id from account.logins where id = $1 and invitation_id is not null";
    let Some(row) = account.query_opt(of, &[&login]).unwrap() else { return };
    let accepted =
        "insert into notification.invitations (invitation_id, organisation_id, address_id, created_at, accepted_at)
        values ($1, $2, gen_random_uuid(), now(), now()) on conflict (invitation_id) do update set accepted_at = now()";
    let mut notification = postgres::Client::connect(notification, postgres::NoTls).unwrap();
    notification.execute(accepted, &[&row.get::<_, Uuid>(0), &row.get::<_, Uuid>(1)]).unwrap();
}
