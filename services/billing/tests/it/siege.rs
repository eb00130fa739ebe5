//! A service in its own process, with a database and a provider that can be hurt, and the mishaps that hurt them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use behaviour::{Value, World, json};
use billing::period::Period;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use schema::testing::TestCluster;

use crate::house::{sandbox, set_clock};
use crate::process::{Place, Process};

/// SplitMix64.
pub struct Seed(u64);

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
pub struct Siege {
    pub cluster: TestCluster,
    pub sandbox: payment_sandbox::Running,
    pub place: Place,
    pub service: Option<Process>,
    seed: Seed,
    pub points: usize,
    pub seen: HashMap<&'static str, usize>,
    pub folder: tempfile::TempDir,
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
    pub fn new(seed: u64, points: usize) -> Self {
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
        let siege = Self { cluster, sandbox, place, service: None, seed, points, seen: HashMap::new(), folder };
        // Test clusters forget what they committed when they are killed; this one must not.
        siege.sql("alter system set synchronous_commit = on");
        siege.sql("select pg_reload_conf()");
        siege
    }

    pub fn connect(&self) -> Option<PgConnection> {
        PgConnection::establish(&self.cluster.url("govrnanza", "superuser")).ok()
    }

    fn sql(&self, text: &str) {
        use diesel::connection::SimpleConnection;
        self.connect().unwrap().batch_execute(text).unwrap();
    }

    pub fn start(&mut self) {
        self.service = Some(self.place.start(SETTINGS));
    }

    fn progress(connection: &mut PgConnection) -> i64 {
        Progress {}.get_result(connection).unwrap()
    }

    /// Lets the work that is due at `time` be done, with mishaps in between.
    pub fn until_idle(&mut self, time: DateTime<Utc>) {
        set_clock(&self.place.clock, time + TimeDelta::seconds(1));
        let mut connection = self.connect().unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut next = Self::progress(&mut connection) + self.seed.next(3) as i64;
        loop {
            let busy: bool = Busy { now: time }.get_result(&mut connection).unwrap();
            if !busy {
                return;
            }
            assert!(Instant::now() < deadline, "not done in two minutes: {}", self.place.logged());
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
    pub fn order(&self, world: &World, period: Period) {
        behaviour::assert::eventually("a run is begun", || {
            let post = self.service.as_ref()?.api().post("/billing-runs");
            let post = post.json(&json!({ "period": period.to_string() }));
            let answer = post.token(&world.fixture.operator_token()).send();
            assert!(matches!(answer.status, 200 | 202 | 503), "{}", answer.describe());
            if answer.status == 503 {
                behaviour::assert::complete_problem(&answer);
            }
            (answer.status != 503).then_some(())
        });
    }

    pub fn dials(&self, dials: &Value) {
        let client = behaviour::http::Client::new();
        client.api(&self.sandbox.url).raw("POST", "/control").json(dials).send().expect(200);
    }
}
