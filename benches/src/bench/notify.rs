//! `lab bench notify`: how long it takes from a change's commit to the mail about it, and what a transaction held open elsewhere does to that.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Failure, Target, up};

/// How long is measured, and at what rate.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Changes in a second.
    pub rate: u32,
    /// Seconds of each quiet part.
    pub seconds: u64,
    /// Seconds for which a transaction is held open.
    pub hold: u64,
    /// Services as they are built for load.
    pub release: bool,
}

/// Delays of one part, in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// What was going on.
    pub name: &'static str,
    /// Changes made.
    pub changes: usize,
    /// Mails that came.
    pub mails: usize,
    /// Half were faster.
    pub p50_ms: f64,
    /// All but one in a hundred were faster.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Before, during and after the held transaction.
    pub parts: Vec<Part>,
    /// From its end until everything it had held back was mailed.
    pub recovered_after_ms: f64,
}

impl Outcome {
    /// Whether every change had its mail.
    pub fn complete(&self) -> bool {
        self.parts.iter().all(|part| part.mails == part.changes)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "From a change's commit to the mail about it, in milliseconds:\n"
        )?;
        writeln!(
            f,
            "  {:<34}{:>8}{:>8}{:>10}{:>10}{:>10}",
            "", "changes", "mails", "p50", "p99", "max"
        )?;
        for part in &self.parts {
            writeln!(
                f,
                "  {:<34}{:>8}{:>8}{:>10.0}{:>10.0}{:>10.0}",
                part.name, part.changes, part.mails, part.p50_ms, part.p99_ms, part.max_ms
            )?;
        }
        write!(
            f,
            "\nEverything held back was mailed {:.0} ms after the transaction's end.",
            self.recovered_after_ms
        )
    }
}

/// Brings up a system of its own and measures.
pub fn run(options: &Options) -> Result<Outcome, Failure> {
    let up_options = up::Options {
        ephemeral: true,
        port_base: 0,
        release: options.release,
        ..up::Options::default()
    };
    let instance = up::Instance::start(&up_options, &Arc::new(AtomicBool::new(false)), |news| {
        eprintln!("{news}")
    })?;
    let mut scene = Scene::new(instance.target())?;
    eprintln!("Changing an API {} times a second …", options.rate);
    let quiet = scene.change_for(options, options.seconds)?;
    let hold = Duration::from_secs(options.hold);
    let url = scene.database.clone();
    eprintln!(
        "The same, with a transaction held open for {} s …",
        options.hold
    );
    let holder = thread::spawn(move || {
        let held = || -> Result<DateTime<Utc>, postgres::Error> {
            let mut client = postgres::Client::connect(&url, postgres::NoTls)?;
            client.batch_execute("begin; select pg_current_xact_id()")?;
            thread::sleep(hold);
            client.batch_execute("rollback")?;
            Ok(Utc::now())
        };
        held().map_err(|error| failed(&error))
    });
    let held = scene.change_for(options, options.hold)?;
    let released = holder
        .join()
        .map_err(|_| Failure::could_not_run("The thread that held a transaction is gone."))??;
    scene.wait_for_all()?;
    let after = scene.change_for(options, options.seconds)?;
    scene.wait_for_all()?;
    let arrived = scene.arrived()?;
    let last_held = held
        .keys()
        .filter_map(|number| arrived.get(number))
        .max()
        .copied()
        .unwrap_or(released);
    Ok(Outcome {
        parts: vec![
            part("nothing else going on", &quiet, &arrived),
            part("a transaction held open elsewhere", &held, &arrived),
            part("after its end", &after, &arrived),
        ],
        recovered_after_ms: millis(last_held - released).max(0.0),
    })
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::could_not_run(format!("The benchmark can't go on: {error}."))
}

fn millis(time: chrono::TimeDelta) -> f64 {
    time.num_microseconds().unwrap_or(i64::MAX) as f64 / 1000.0
}

/// By the number of the change: when it was answered, or when its mail came.
type Times = HashMap<u64, DateTime<Utc>>;

fn part(name: &'static str, made: &Times, arrived: &Times) -> Part {
    let delay = |(number, made): (&u64, &DateTime<Utc>)| {
        arrived
            .get(number)
            .map(|arrived| millis(*arrived - *made).max(0.0))
    };
    let mut delays: Vec<f64> = made.iter().filter_map(delay).collect();
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (delays.len() as f64 * share) as usize;
        delays
            .get(index.min(delays.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    Part {
        name,
        changes: made.len(),
        mails: delays.len(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        max_ms: at(1.0),
    }
}

/// An API, an admin who changes it, a member who watches it.
struct Scene {
    agent: ureq::Agent,
    database: String,
    mailbox: String,
    api: String,
    token: String,
    etag: String,
    made: u64,
}

impl Scene {
    fn new(target: &Target) -> Result<Self, Failure> {
        let missing = |what: &str| Failure::could_not_run(format!("The system has no {what}."));
        let base = |service: &str| target.url(service).map(|url| format!("{url}/api/v1"));
        let mut scene = Self {
            agent: ureq::Agent::new_with_defaults(),
            database: target
                .database_url
                .clone()
                .ok_or_else(|| missing("database"))?,
            mailbox: target.mailbox.clone().ok_or_else(|| missing("mailbox"))?,
            api: String::new(),
            token: String::new(),
            etag: String::new(),
            made: 0,
        };
        let (account, profile, registry) = (base("account")?, base("profile")?, base("registry")?);
        let admin = json!({"email": "admin@bench.example", "password": "correct horse battery"});
        let sign_up = json!({"name": "Bench", "plan": "enterprise", "admin": admin});
        let org = scene.post(&format!("{account}/organisations"), &sign_up)?;
        scene.token = scene
            .post(&format!("{account}/sessions"), &admin)?
            .text("token");
        let org = format!("organisations/{}", org.text("id"));
        let person =
            json!({"name": "Watcher", "email": "watcher@bench.example", "timeZone": "UTC"});
        let person = scene
            .post(&format!("{profile}/{org}/profiles"), &person)?
            .text("id");
        let member = json!({"email": "member@bench.example", "password": "correct horse battery"});
        let mut login = member.clone();
        (login["scope"], login["profileId"]) = (json!("member"), json!(person));
        scene.post(&format!("{account}/{org}/logins"), &login)?;
        let domain = scene
            .post(&format!("{registry}/{org}/domains"), &json!({"name": "d"}))?
            .text("id");
        let sub = scene
            .post(
                &format!("{registry}/{org}/domains/{domain}/sub-domains"),
                &json!({"name": "s"}),
            )?
            .text("id");
        let api = scene
            .post(
                &format!("{registry}/{org}/apis"),
                &json!({"name": "a", "subDomainId": sub}),
            )?
            .text("id");
        scene.api = format!("{registry}/{org}/apis/{api}");
        let by_admin = scene.token.clone();
        scene.token = scene
            .post(&format!("{account}/sessions"), &member)?
            .text("token");
        scene.post(
            &format!("{registry}/{org}/watches"),
            &json!({"kind": "api", "targetId": api}),
        )?;
        scene.token = by_admin;
        let read = scene
            .agent
            .get(&scene.api)
            .header("authorization", scene.bearer())
            .call()
            .map_err(|error| failed(&error))?;
        scene.etag = etag(&read);
        Ok(scene)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn post(&self, url: &str, body: &Value) -> Result<Value, Failure> {
        let call = self.agent.post(url).header("authorization", self.bearer());
        let mut answer = call
            .send_json(body)
            .map_err(|error| failed(&format!("{url}: {error}")))?;
        answer
            .body_mut()
            .read_json()
            .map_err(|error| failed(&error))
    }

    /// Changes the API at the rate wanted; when each change was answered.
    fn change_for(&mut self, options: &Options, seconds: u64) -> Result<Times, Failure> {
        let (begin, mut times) = (Instant::now(), Times::new());
        for turn in 0..u64::from(options.rate) * seconds {
            let due = begin + Duration::from_secs_f64(turn as f64 / f64::from(options.rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.made += 1;
            let call = self
                .agent
                .patch(&self.api)
                .header("authorization", self.bearer())
                .header("if-match", &self.etag);
            let answer = call
                .send_json(json!({"title": format!("n{}", self.made)}))
                .map_err(|error| failed(&error))?;
            times.insert(self.made, Utc::now());
            self.etag = etag(&answer);
        }
        Ok(times)
    }

    /// When each change's mail came.
    fn arrived(&self) -> Result<Times, Failure> {
        let url = format!("{}/mails?limit=1000000", self.mailbox);
        let mut answer = self
            .agent
            .get(&url)
            .call()
            .map_err(|error| failed(&error))?;
        let body = answer.body_mut().with_config().limit(1 << 30);
        let listed: Value = body.read_json().map_err(|error| failed(&error))?;
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        let arrival = |mail: &Value| {
            let line = mail["text"]
                .as_str()?
                .lines()
                .find(|line| line.trim_start().starts_with("title: "))?;
            let number = line.rsplit_once("→ n")?.1.trim().parse().ok()?;
            Some((number, mail["arrivedAt"].as_str()?.parse().ok()?))
        };
        // A repeat is listed first, being newer: the first arrival counts.
        Ok(items.iter().filter_map(arrival).collect())
    }

    fn wait_for_all(&self) -> Result<(), Failure> {
        let end = Instant::now() + Duration::from_secs(120);
        while (self.arrived()?.len() as u64) < self.made {
            if Instant::now() > end {
                return Err(Failure::could_not_run(
                    "Two minutes after the last change there are mails missing.",
                ));
            }
            thread::sleep(Duration::from_millis(250));
        }
        Ok(())
    }
}

fn etag<T>(answer: &ureq::http::Response<T>) -> String {
    answer
        .headers()
        .get("etag")
        .and_then(|etag| etag.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

trait Text {
    fn text(&self, key: &str) -> String;
}

impl Text for Value {
    fn text(&self, key: &str) -> String {
        self[key].as_str().unwrap_or_default().to_owned()
    }
}
