//! A whole architecture for one test.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;

use api_centric::settings::WithCalls;
use api_centric::{Composed, Product, SERVICES};
use behaviour::assert::eventually;
use behaviour::{Api, HttpFixture, PASSWORD, Session, Tenant, Urls, World, json};
use clap::{Args, Parser};
use kit::testing::{common, spawn_with};
use mail_sink::MailSink;
use schema::apply::install;
use schema::ports::free_port;
use schema::testing::TestCluster;
use schema::testing::fixture::Rows;
use schema::{ApplyOptions, OwnDatabase};
use tempfile::TempDir;
use uuid::Uuid;

use crate::process::{Process, Service};
use crate::relay::{Condition, Relay};

/// Settings as a command line has them.
#[derive(Parser)]
struct Line<S: Args> {
    #[command(flatten)]
    settings: S,
}

/// What a test changes of it.
#[derive(Clone, Copy, Default)]
pub struct Plan {
    pub ttl: Option<&'static str>,
    /// Each service its own process, which can be killed, and which calls the others without a relay.
    pub processes: bool,
    /// No handler runs before its facts are there.
    pub in_sequence: bool,
    /// Further settings of Billing.
    pub billing: &'static [&'static str],
}

/// The fields are dropped in this order, the server last.
pub struct Deployment {
    pub world: World,
    pub relays: HashMap<&'static str, Relay>,
    _mails: MailSink,
    services: HashMap<&'static str, Service>,
    pub sandbox: payment_sandbox::Running,
    pub folder: TempDir,
    cluster: TestCluster,
}

impl Deployment {
    pub fn new(plan: Plan) -> Self {
        let cluster = TestCluster::bare();
        for service in SERVICES {
            let own = OwnDatabase::of(service).unwrap();
            install(cluster.cluster(), &own.name(), cluster.passwords(), &ApplyOptions::alone(own)).unwrap();
        }
        let ports: HashMap<_, _> = SERVICES.map(|service| (service, free_port().unwrap())).into();
        let relays: HashMap<_, _> = ports.iter().map(|(service, port)| (*service, Relay::to(*port))).collect();
        let pem = account::keys::generate().unwrap();
        let (folder, mails) = (tempfile::tempdir().unwrap(), MailSink::start(&wanted()).unwrap());
        let at = Place { cluster: &cluster, ports: &ports, relays: &relays, plan, folder: folder.path() };
        // Account first: the others ask it for keys.
        let key = format!("--jwt-signing-key={pem}");
        let ledger = folder.path().join("ledger");
        let options =
            payment_sandbox::Options::parse_from(["sandbox", "--ledger", ledger.to_str().unwrap(), "--no-fsync"]);
        let sandbox = payment_sandbox::spawn(options).unwrap();
        let provider = ["--stripe-api-key=sk_test_sandbox".to_owned(), format!("--stripe-api-base={}", sandbox.url)];
        let smtp = mails.smtp();
        let smtp = [
            format!("--smtp-host={}", smtp.ip()),
            format!("--smtp-port={}", smtp.port()),
            "--smtp-tls=none".to_owned(),
            format!("--public-url=http://127.0.0.1:{}", ports["notification"]),
        ];
        let schedule = if plan.billing.is_empty() { &["--schedule=false"] } else { plan.billing };
        let services = [
            at.start::<account::Account>(&[&key, "--sign-up-limit-per-address=0", "--hash-queue-per-client=0"]),
            at.start::<profile::Service>(&[]),
            at.start::<registry::Registry>(&[]),
            at.start::<billing::Billing>(&[&[&provider[0][..], &provider[1]], schedule].concat()),
            at.start::<notification::NotificationService>(&smtp.each_ref().map(String::as_str)),
        ];
        let services: HashMap<_, _> = SERVICES.into_iter().zip(services).collect();
        let all: Urls =
            SERVICES.map(|service| (service, format!("http://127.0.0.1:{}", ports[service]))).iter().cloned().collect();
        let ready = |url: &str| {
            let api = behaviour::http::Client::new().api(url);
            eventually("it is ready", || api.root("/readyz").try_send().ok().filter(|answer| answer.status == 200));
        };
        SERVICES.iter().filter_map(|service| all.get(service)).for_each(ready);
        let standings = cluster.url("govrnanza_billing", "superuser");
        let rows = Rows::of(&|_| standings.clone());
        // As Billing's runs would, a year of invoices later.
        let set = move |org: Uuid, standing: &str| rows.standing(&org.to_string(), standing);
        let operator = "operator@fixture.example";
        let logins = cluster.url("govrnanza_account", "superuser");
        let invitations = cluster.url("govrnanza_notification", "superuser");
        let accept = move |login: Uuid| {
            let of = "select invitation_id from account.logins where id = $1 and invitation_id is not null";
            let mut account = postgres::Client::connect(&logins, postgres::NoTls).unwrap();
            let Some(invitation) = account.query_opt(of, &[&login]).unwrap().map(|row| row.get::<_, Uuid>(0)) else {
                return;
            };
            let mut notification = postgres::Client::connect(&invitations, postgres::NoTls).unwrap();
            let accepted = "update notification.invitations set accepted_at = now() where invitation_id = $1";
            eventually("Notification has invited", || {
                (notification.execute(accepted, &[&invitation]).unwrap() == 1).then_some(())
            });
        };
        let fixture = HttpFixture::new(&all).with_operator(operator, PASSWORD).with_standings(Box::new(set));
        let fixture = fixture.with_accepted_logins(Box::new(accept));
        let world = World::new(all, fixture);
        Session::sign_up(&world.services, "Operators", "team", operator, PASSWORD).unwrap();
        let account = cluster.url("govrnanza_account", "superuser");
        let promote =
            "update account.logins set scope = 'operator', organisation_id = null where email like 'operator@%'";
        postgres::Client::connect(&account, postgres::NoTls).unwrap().batch_execute(promote).unwrap();
        Self { world, relays, _mails: mails, services, sandbox, folder, cluster }
    }

    pub fn api(&self, service: &str) -> Api {
        self.world.service(service)
    }

    /// SIGKILL, and a start; it is ready when this returns.
    pub fn kill(&self, service: &str) {
        let Service::Process(process) = &self.services[service] else { panic!("{service} is no process") };
        process.lock().unwrap().kill();
        process.lock().unwrap().start_again();
        self.ready(service);
    }

    /// Waits until it is.
    pub fn ready(&self, service: &str) {
        let ask = || self.api(service).root("/readyz").try_send().is_ok_and(|answer| answer.status == 200);
        eventually("it is ready", || ask().then_some(()));
    }

    /// A connection to a service's own database.
    pub fn connect(&self, service: &str, login: &str) -> postgres::Client {
        let url = self.cluster.url(&format!("govrnanza_{service}"), login);
        postgres::Client::connect(&url, postgres::NoTls).unwrap()
    }
}

impl Deployment {
    /// Sets a standing as Billing's runs would.
    pub fn set_standing(&self, org: Uuid, standing: &str) {
        self.world.fixture.set_standing(org, standing);
    }

    /// Makes every neighbour well, and has every breaker that is open tried until none is.
    pub fn recover(&self, tenant: &Tenant) {
        self.relays.values().for_each(|relay| relay.is(Condition::Well));
        let get =
            |service: &str, path: &str| self.api(service).get(&tenant.path(path)).token(&tenant.admin_token).send();
        eventually("no breaker is open", || {
            let open = SERVICES.iter().any(|service| {
                let metrics = self.api(service).root("/metrics").send().text();
                metrics.lines().any(|line| line.starts_with("edge_breaker_open") && line.ends_with(" 1"))
            });
            let someone = tenant.path(&format!("/profiles/{}", Uuid::nil()));
            if open {
                get("registry", "/apis");
                get("account", "");
                get("billing", "/usage");
                self.api("profile").delete(&someone).token(&tenant.admin_token).send();
                self.api("profile").post(&tenant.path("/profiles")).token(&tenant.admin_token).json(&json!({})).send();
            }
            (!open).then_some(())
        });
    }
}

struct Place<'a> {
    cluster: &'a TestCluster,
    ports: &'a HashMap<&'static str, u16>,
    relays: &'a HashMap<&'static str, Relay>,
    plan: Plan,
    folder: &'a Path,
}

impl Place<'_> {
    fn start<P: Product>(&self, arguments: &[&str]) -> Service {
        let own = OwnDatabase::of(P::NAME).unwrap();
        let url = |login: &str| self.cluster.url(&own.name(), login);
        let [reader, writer] = ["reader", "writer"].map(|role| url(&format!("{}_{role}", P::NAME)));
        let secrets = SERVICES.map(|service| format!("{service}=secret-of-{service}")).join(",");
        let mut line: Vec<String> =
            ["test", "--copier-database-url", &url(&own.copier()), "--internal-read-url", &reader]
                .map(str::to_owned)
                .into();
        let more = [
            ("--service-credentials", secrets),
            ("--cache-ttl-ms", self.plan.ttl.unwrap_or("0").to_owned()),
            ("--in-sequence", self.plan.in_sequence.to_string()),
        ];
        let url = |service: &str| match self.plan.processes {
            true => format!("http://127.0.0.1:{}", self.ports[service]),
            false => self.relays[service].url.clone(),
        };
        let urls = SERVICES.map(|service| (format!("--{service}-url"), url(service)));
        line.extend(
            more.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(urls).flat_map(|(a, b)| [a, b]),
        );
        line.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let listen = SocketAddr::from(([127, 0, 0, 1], self.ports[P::NAME]));
        if self.plan.processes {
            let own = [("listen", listen.to_string()), ("database-read-url", reader), ("database-write-url", writer)];
            line.extend(own.map(|(name, value)| format!("--{name}={value}")));
            line.push(format!("--clock-file={}", self.folder.join("clock").display()));
            line.extend(["--pool-read-size=2", "--pool-write-size=2", "--workers=1", "--log=error"].map(str::to_owned));
            return Service::Process(Mutex::new(Process::start(P::NAME, line)));
        }
        let settings = Line::<WithCalls<P::Settings>>::parse_from(line).settings;
        let mut common = common(reader, writer);
        common.listen = listen;
        Service::Within(spawn_with::<Composed<P>>(common, settings).unwrap())
    }
}

fn wanted() -> mail_sink::Options {
    mail_sink::Options { confirm: true, ..mail_sink::Options::default() }
}
