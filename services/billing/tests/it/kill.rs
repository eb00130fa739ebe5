//! Once, whatever dies: a month for many organisations, in which the service is killed, answers are lost and the
//! database is restarted at seeded points. In the end ledger and invoices agree to the cent.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use behaviour::{Tenant, Value, World, json};
use billing::period::Period;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use kit::Clock;
use schema::testing::TestCluster;

use crate::house::{self, ledger, sandbox, this_month};
use crate::process::{Place, Process};

/// SplitMix64.
struct Seed(u64);

impl Seed {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}

kit::statement! {
    /// Invoices written, attempts begun, attempts ended: whatever happens, this rises.
    struct Progress() -> BigInt =
        "select (select count(*) from billing.invoices) + (select count(*) from billing.payment_attempts) \
         + (select count(*) from billing.payment_attempts where outcome <> 'started')"
}

kit::statement! {
    /// Whether anything is left to do at this time.
    struct Busy(now: DateTime<Utc> as Timestamptz) -> Bool =
        "select exists (select from billing.runs where status in ('pending', 'invoicing')) \
         or exists (select from billing.invoices where next_attempt_at <= $1) \
         or exists (select from billing.payment_attempts where outcome = 'started') \
         or exists (select from billing.standings where standing = 'overdue' and first_failed_at <= $1 - interval '14 days')"
}

/// Everything that is there, and the mishaps that are left.
struct Siege {
    cluster: TestCluster,
    sandbox: payment_sandbox::Running,
    place: Place,
    service: Option<Process>,
    seed: Seed,
    points: usize,
    seen: HashMap<&'static str, usize>,
    folder: tempfile::TempDir,
}

const SETTINGS: &[(&str, &str)] = &[
    ("INVOICE_BATCH", "7"),
    ("CHARGE_BATCH", "6"),
    ("CHARGE_PARALLEL", "3"),
    ("LEASE_MS", "150"),
    ("ASK_AGAIN_MS", "250"),
    ("PROVIDER_TIMEOUT_MS", "1000"),
    ("LOG", "warn,kit::server=info"),
];

impl Siege {
    fn new(seed: u64, points: usize) -> Self {
        let cluster = TestCluster::ephemeral();
        let folder = tempfile::tempdir().unwrap();
        let sandbox = sandbox(folder.path());
        let place = Place {
            read_url: cluster.url("govrnanza", "billing_reader"),
            write_url: cluster.url("govrnanza", "billing_writer"),
            sandbox: sandbox.url.clone(),
            clock: folder.path().join("clock"),
            log: folder.path().join("log"),
        };
        let seed = Seed(seed);
        let siege = Self {
            cluster,
            sandbox,
            place,
            service: None,
            seed,
            points,
            seen: HashMap::new(),
            folder,
        };
        // Test clusters forget what they committed when they are killed; this one must not.
        siege.sql("alter system set synchronous_commit = on");
        siege.sql("select pg_reload_conf()");
        siege
    }

    fn connect(&self) -> Option<PgConnection> {
        PgConnection::establish(&self.cluster.url("govrnanza", "superuser")).ok()
    }

    fn sql(&self, text: &str) {
        use diesel::connection::SimpleConnection;
        self.connect().unwrap().batch_execute(text).unwrap();
    }

    fn start(&mut self) {
        self.service = Some(self.place.start(SETTINGS));
    }

    fn progress(connection: &mut PgConnection) -> i64 {
        Progress {}.get_result(connection).unwrap()
    }

    /// Lets the work that is due at `time` be done, with mishaps in between.
    fn until_idle(&mut self, time: DateTime<Utc>) {
        let offset = (time - Utc::now()).num_seconds() + 1;
        std::fs::write(&self.place.clock, offset.to_string()).unwrap();
        let mut connection = self.connect().unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut next = Self::progress(&mut connection) + self.seed.next(3) as i64;
        loop {
            let busy: bool = Busy { now: time }.get_result(&mut connection).unwrap();
            if !busy {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "not done in two minutes: {}",
                self.place.logged()
            );
            if self.points == 0 || Self::progress(&mut connection) < next {
                std::thread::yield_now();
                continue;
            }
            self.points -= 1;
            drop(connection);
            self.mishap();
            connection = self.connect().unwrap();
            next = Self::progress(&mut connection) + self.seed.next(3) as i64;
        }
    }

    fn mishap(&mut self) {
        // Some moment within the next few milliseconds: between two statements as well as within one.
        let moment = Instant::now() + Duration::from_micros(self.seed.next(6_000));
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        let which = match self.seed.next(10) {
            0..=4 => {
                self.service = None;
                self.start();
                "service killed"
            }
            5..=7 => {
                let lost = 1 + self.seed.next(3);
                self.dials(&json!({ "latencyMs": 2, "dropNext": lost }));
                "answers dropped"
            }
            8 => {
                self.cluster.stop().unwrap();
                self.cluster.start().unwrap();
                "database restarted"
            }
            _ => {
                self.cluster.kill().unwrap();
                self.cluster.start().unwrap();
                "database killed"
            }
        };
        *self.seen.entry(which).or_default() += 1;
    }

    /// Begins a run as an operator, who asks again where the database has just been restarted.
    fn order(&self, world: &World, period: Period) {
        behaviour::assert::eventually("a run is begun", || {
            let post = self.service.as_ref()?.api().post("/billing-runs");
            let post = post.json(&json!({ "period": period.to_string() }));
            let answer = post.token(&world.fixture.operator_token()).send();
            assert!(
                matches!(answer.status, 200 | 202 | 503),
                "{}",
                answer.describe()
            );
            if answer.status == 503 {
                behaviour::assert::complete_problem(&answer);
            }
            (answer.status != 503).then_some(())
        });
    }

    fn dials(&self, dials: &Value) {
        let client = behaviour::http::Client::new();
        client
            .api(&self.sandbox.url)
            .raw("POST", "/control")
            .json(dials)
            .send()
            .expect(200);
    }
}

kit::statement! {
    /// Every invoice, with what its lines sum up to, how often it was told to be paid, and its attempts that succeeded.
    struct Invoices() -> (Uuid, Uuid, Text, BigInt, Text, BigInt, BigInt, BigInt, BigInt) =
        "select i.organisation_id, i.id, i.period, i.amount_cents, i.status, \
         (select sum(l.quantity * l.unit_price_cents)::bigint from billing.invoice_lines l \
          where l.organisation_id = i.organisation_id and l.invoice_id = i.id), \
         (select count(*) from billing.changes c where c.entity_id = i.id::text and c.kind = 'InvoicePaid'), \
         (select count(*) from billing.payment_attempts a where a.organisation_id = i.organisation_id and a.invoice_id = i.id and a.outcome = 'succeeded'), \
         (select count(*) from billing.payment_attempts a where a.organisation_id = i.organisation_id and a.invoice_id = i.id and a.outcome = 'failed') \
         from billing.invoices i order by i.organisation_id, i.period"
}

type Invoice = (
    uuid::Uuid,
    uuid::Uuid,
    String,
    i64,
    String,
    i64,
    i64,
    i64,
    i64,
);

/// Ledger and invoices agree to the cent.
fn agree(siege: &Siege, tenants: &[Tenant], periods: &[Period]) {
    let invoices: Vec<Invoice> = Invoices {}.load(&mut siege.connect().unwrap()).unwrap();
    let mut expected: Vec<(uuid::Uuid, String)> = Vec::new();
    for tenant in tenants {
        expected.extend(
            periods
                .iter()
                .map(|period| (tenant.org, period.to_string())),
        );
    }
    expected.sort();
    let written: Vec<(uuid::Uuid, String)> = invoices.iter().map(|i| (i.0, i.2.clone())).collect();
    assert_eq!(
        written, expected,
        "one invoice for each organisation and period"
    );
    let charges = ledger(&siege.sandbox.url).charges;
    let (mut charged, mut declined) = (
        HashMap::<String, Vec<i64>>::new(),
        HashMap::<String, i64>::new(),
    );
    for charge in &charges {
        let key = charge["metadata"]["attempt"].as_str().unwrap();
        let invoice = key
            .strip_prefix("invoice-")
            .and_then(|key| key.rsplit_once('-'))
            .unwrap()
            .0;
        match charge["status"].as_str() {
            Some("succeeded") => charged
                .entry(invoice.to_owned())
                .or_default()
                .push(charge["amount"].as_i64().unwrap()),
            _ => *declined.entry(invoice.to_owned()).or_default() += 1,
        }
    }
    let mut sum = 0;
    for (org, id, period, amount, status, lines, told, succeeded, failed) in &invoices {
        let what = format!("{org} {period} {id}: {status}");
        assert_eq!(amount, lines, "{what}: its lines");
        let of_ledger = charged.remove(&id.to_string()).unwrap_or_default();
        let should = match (status.as_str(), *amount) {
            ("paid", 0) | ("overdue", _) => vec![],
            ("paid", amount) => vec![amount],
            other => panic!("{what}: {other:?} is no end"),
        };
        assert_eq!(of_ledger, should, "{what}: charged");
        assert_eq!(
            *succeeded,
            should.len() as i64,
            "{what}: attempts that succeeded"
        );
        assert_eq!(*told, i64::from(status == "paid"), "{what}: told");
        let refused = declined.remove(&id.to_string()).unwrap_or_default();
        // Each refusal is one failed attempt; without a card there is an attempt and nobody to refuse it.
        assert!(
            refused == *failed || (refused == 0 && *failed == 4),
            "{what}: {refused} refused, {failed} failed"
        );
        assert!(
            matches!((status.as_str(), *failed), ("paid", 0) | ("overdue", 4)),
            "{what}: {failed} failed"
        );
        sum += should.iter().sum::<i64>();
    }
    assert!(
        charged.is_empty() && declined.is_empty(),
        "charged for nothing: {charged:?} {declined:?}"
    );
    assert_eq!(ledger(&siege.sandbox.url).amount, sum);
    println!(
        "{} invoices, {} charges, {sum} cents; {:?}",
        invoices.len(),
        charges.len(),
        siege.seen
    );
}

/// Makes the town: four plans, most with a good card, some with a bad one, some with none.
fn town(siege: &Siege, world: &World, size: usize) -> Vec<Tenant> {
    let api = siege.service.as_ref().unwrap().api();
    (0..size)
        .map(|n| {
            let tenant = world.tenant(["team", "payg", "enterprise", "free"][n % 4]);
            let card = match n % 10 {
                8 => Some("pm_card_chargeCustomerFail"),
                9 => None,
                _ => Some("pm_card_visa"),
            };
            if let Some(token) = card {
                let put = api
                    .put(&tenant.path("/payment-method"))
                    .token(&tenant.admin_token);
                put.json(&json!({ "paymentMethodToken": token }))
                    .send()
                    .expect(201);
            }
            tenant
        })
        .collect()
}

fn month(seed: u64, points: usize, organisations: usize) {
    let mut siege = Siege::new(seed, points);
    siege.start();
    let url = |role: &str| siege.cluster.url("govrnanza", role);
    let fixture = house::SqlFixture::of(&url, Clock::new(Some(siege.place.clock.clone())));
    let world = World::new(behaviour::Urls::default(), fixture);
    let tenants = town(&siege, &world, organisations);
    siege.dials(&json!({ "latencyMs": 2 }));
    let (mut period, _) = this_month();
    let mut periods = Vec::new();
    let begun = Instant::now();
    // One month, and further ones as long as points are left.
    while periods.is_empty() || siege.points > 0 {
        let time = period.run_at();
        std::fs::write(
            &siege.place.clock,
            (time - Utc::now()).num_seconds().to_string(),
        )
        .unwrap();
        siege.order(&world, period);
        periods.push(period);
        for day in [0, 3, 4, 6, 10, 17] {
            siege.until_idle(time + TimeDelta::days(day) + TimeDelta::hours(day));
        }
        period = period.after();
    }
    println!(
        "seed {seed}: {points} points, {} months, {:.0} s",
        periods.len(),
        begun.elapsed().as_secs_f64()
    );
    agree(&siege, &tenants, &periods);
    drop(siege.service.take());
    drop(siege.folder);
}

/// Restarting a database takes what it takes: one siege at a time.
static ONE: Mutex<()> = Mutex::new(());

#[test]
fn once_whatever_dies_at_20_points() {
    let _one = ONE.lock().unwrap();
    month(20, 20, 60);
}

/// Long: `cargo test -p billing --test it -- --ignored once_whatever_dies_at_200_points`.
#[test]
#[ignore = "some minutes"]
fn once_whatever_dies_at_200_points() {
    let _one = ONE.lock().unwrap();
    month(200, 200, 300);
}
