//! An API that is changed, and the mails that tell of it.

use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Value, json};

use super::{Options, Times, failed};
use crate::{Failure, Place};

/// An API, an admin who changes it, a member who watches it.
pub(super) struct Scene {
    agent: ureq::Agent,
    pub database: String,
    mailbox: String,
    api: String,
    token: String,
    etag: String,
    made: u64,
}

impl Scene {
    pub fn new(target: &Place) -> Result<Self, Failure> {
        let missing = |what: &str| Failure::could_not_run(format!("The system has no {what}."));
        let base = |service: &str| target.url(service).map(|url| format!("{url}/api/v1"));
        let mut scene = Self {
            agent: ureq::Agent::new_with_defaults(),
            database: target.database_url.clone().ok_or_else(|| missing("database"))?,
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
        scene.token = scene.post(&format!("{account}/sessions"), &admin)?.text("token");
        let org = format!("organisations/{}", org.text("id"));
        let person = json!({"name": "Watcher", "email": "watcher@bench.example", "timeZone": "UTC"});
        let person = scene.post(&format!("{profile}/{org}/profiles"), &person)?.text("id");
        let member = json!({"email": "member@bench.example", "password": "correct horse battery"});
        let mut login = member.clone();
        (login["scope"], login["profileId"]) = (json!("member"), json!(person));
        scene.post(&format!("{account}/{org}/logins"), &login)?;
        let domain = scene.post(&format!("{registry}/{org}/domains"), &json!({"name": "d"}))?.text("id");
        let sub =
            scene.post(&format!("{registry}/{org}/domains/{domain}/sub-domains"), &json!({"name": "s"}))?.text("id");
        let api = scene.post(&format!("{registry}/{org}/apis"), &json!({"name": "a", "subDomainId": sub}))?.text("id");
        scene.api = format!("{registry}/{org}/apis/{api}");
        let by_admin = scene.token.clone();
        scene.token = scene.post(&format!("{account}/sessions"), &member)?.text("token");
        scene.post(&format!("{registry}/{org}/watches"), &json!({"kind": "api", "targetId": api}))?;
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
        let mut answer = call.send_json(body).map_err(|error| failed(&format!("{url}: {error}")))?;
        answer.body_mut().read_json().map_err(|error| failed(&error))
    }

    /// Changes the API at the rate wanted; when each change was answered.
    pub fn change_for(&mut self, options: &Options, seconds: u64) -> Result<Times, Failure> {
        let (begin, mut times) = (Instant::now(), Times::new());
        for turn in 0..u64::from(options.rate) * seconds {
            let due = begin + Duration::from_secs_f64(turn as f64 / f64::from(options.rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.made += 1;
            let call =
                self.agent.patch(&self.api).header("authorization", self.bearer()).header("if-match", &self.etag);
            let answer = call.send_json(json!({"title": format!("n{}", self.made)})).map_err(|error| failed(&error))?;
            times.insert(self.made, Utc::now());
            self.etag = etag(&answer);
        }
        Ok(times)
    }

    /// When each change's mail came.
    pub fn arrived(&self) -> Result<Times, Failure> {
        let url = format!("{}/mails?limit=1000000", self.mailbox);
        let mut answer = self.agent.get(&url).call().map_err(|error| failed(&error))?;
        let body = answer.body_mut().with_config().limit(1 << 30);
        let listed: Value = body.read_json().map_err(|error| failed(&error))?;
        let items = listed["items"].as_array().cloned().unwrap_or_default();
        let arrival = |mail: &Value| {
            let line = mail["text"].as_str()?.lines().find(|line| line.trim_start().starts_with("title: "))?;
            let number = line.rsplit_once("→ n")?.1.trim().parse().ok()?;
            Some((number, mail["arrivedAt"].as_str()?.parse().ok()?))
        };
        // A repeat is listed first, being newer: the first arrival counts.
        Ok(items.iter().filter_map(arrival).collect())
    }

    pub fn wait_for_all(&self) -> Result<(), Failure> {
        let end = Instant::now() + Duration::from_secs(120);
        while (self.arrived()?.len() as u64) < self.made {
            if Instant::now() > end {
                return Err(Failure::could_not_run("Two minutes after the last change there are mails missing."));
            }
            thread::sleep(Duration::from_millis(250));
        }
        Ok(())
    }
}

fn etag<T>(answer: &ureq::http::Response<T>) -> String {
    answer.headers().get("etag").and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned()
}

trait Text {
    fn text(&self, key: &str) -> String;
}

impl Text for Value {
    fn text(&self, key: &str) -> String {
        self[key].as_str().unwrap_or_default().to_owned()
    }
}
