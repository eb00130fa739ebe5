//! A whole architecture for one test.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};

use api_centric::settings::WithCalls;
use api_centric::{Composed, Product, SERVICES};
use behaviour::{Api, HttpFixture, Urls, World};
use clap::{Args, Parser};
use kit::testing::{Running, common, spawn_with};
use schema::apply::install;
use schema::testing::TestCluster;
use schema::{ApplyOptions, OwnDatabase};
use uuid::Uuid;

use crate::relay::Relay;

/// Settings as a command line has them.
#[derive(Parser)]
struct Line<S: Args> {
    #[command(flatten)]
    settings: S,
}

/// What a test changes of it.
#[derive(Clone, Copy, Default)]
pub struct Plan {
    pub ttl_ms: u64,
}

/// The fields are dropped in this order, the server last.
pub struct Town {
    pub world: World,
    pub relays: HashMap<&'static str, Relay>,
    pub urls: HashMap<&'static str, String>,
    _services: Vec<Running>,
    cluster: TestCluster,
}

impl Town {
    pub fn new(plan: Plan) -> Self {
        let cluster = TestCluster::bare();
        for service in SERVICES {
            let own = OwnDatabase::of(service).unwrap();
            install(cluster.cluster(), &own.name(), cluster.passwords(), &ApplyOptions::alone(own)).unwrap();
        }
        let ports: HashMap<_, _> = SERVICES.map(|service| (service, free_port())).into();
        let relays: HashMap<_, _> = ports.iter().map(|(service, port)| (*service, Relay::to(*port))).collect();
        let pem = account::keys::generate().unwrap();
        let at = Place { cluster: &cluster, ports: &ports, relays: &relays, plan };
        // Account first: the others ask it for keys.
        let key = format!("--jwt-signing-key={pem}");
        let provider = ["--stripe-api-key=key", "--stripe-api-base=http://127.0.0.1:9", "--work=false"];
        let services = vec![
            at.start::<account::Account>(&[&key, "--sign-up-limit-per-address=0", "--hash-queue-per-client=0"]),
            at.start::<profile::Service>(&[]),
            at.start::<registry::Registry>(&[]),
            at.start::<billing::Billing>(&provider),
        ];
        let urls: HashMap<_, _> =
            SERVICES.iter().zip(&services).map(|(service, running)| (*service, running.url.clone())).collect();
        let all: Urls = urls.iter().map(|(service, url)| (*service, url.clone())).collect();
        let standings = cluster.url("govrnanza_billing", "superuser");
        let set = move |org: Uuid, standing: &str| set_standing(&standings, org, standing);
        let world = World::new(all.clone(), HttpFixture::new(&all).with_standings(Box::new(set)));
        Self { world, relays, urls, _services: services, cluster }
    }

    pub fn api(&self, service: &str) -> Api {
        self.world.service(service)
    }

    /// A connection to a service's own database.
    pub fn connect(&self, service: &str, login: &str) -> postgres::Client {
        let url = self.cluster.url(&format!("govrnanza_{service}"), login);
        postgres::Client::connect(&url, postgres::NoTls).unwrap()
    }
}

struct Place<'a> {
    cluster: &'a TestCluster,
    ports: &'a HashMap<&'static str, u16>,
    relays: &'a HashMap<&'static str, Relay>,
    plan: Plan,
}

impl Place<'_> {
    fn start<P: Product>(&self, arguments: &[&str]) -> Running {
        let own = OwnDatabase::of(P::NAME).unwrap();
        let url = |login: &str| self.cluster.url(&own.name(), login);
        let [reader, writer] = ["reader", "writer"].map(|role| url(&format!("{}_{role}", P::NAME)));
        let secrets = SERVICES.map(|service| format!("{service}=secret-of-{service}")).join(",");
        let mut line: Vec<String> =
            ["test", "--copier-database-url", &url(&own.copier()), "--internal-read-url", &reader]
                .map(str::to_owned)
                .into();
        let more = [("--service-credentials", secrets), ("--cache-ttl-ms", self.plan.ttl_ms.to_string())];
        let urls = self.relays.iter().map(|(service, relay)| (format!("--{service}-url"), relay.url.clone()));
        line.extend(
            more.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(urls).flat_map(|(a, b)| [a, b]),
        );
        line.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let settings = Line::<WithCalls<P::Settings>>::parse_from(line).settings;
        let mut common = common(reader, writer);
        common.listen = SocketAddr::from(([127, 0, 0, 1], self.ports[P::NAME]));
        spawn_with::<Composed<P>>(common, settings).unwrap()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// As Billing's runs would, a year of invoices later.
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
