//! An API that is changed, and the mails about it.

use std::thread;
use std::time::{Duration, Instant};

use behaviour::{Client, PASSWORD, Services, Session};
use chrono::Utc;
use serde_json::{Value, json};

use super::{Options, Times};
use crate::{Failure, Place};

/// An API, an admin who changes it, and a member who watches it.
pub(super) struct Changes {
    admin: Session,
    mailbox: String,
    path: String,
    etag: String,
    made: u64,
}

impl Changes {
    pub fn new(place: &Place) -> Result<Self, Failure> {
        let mailbox = place.mailbox.clone().ok_or_else(|| Failure::could_not_run("The system has no mailbox."))?;
        let services = Services::new(place.services.iter().collect());
        let (admin, member) = ("admin@bench.example", "member@bench.example");
        let admin = Session::sign_up(&services, "Bench", "enterprise", admin, PASSWORD)?;
        let watcher = admin.person("Watcher", "watcher@bench.example")?;
        admin.login(member, PASSWORD, "member", Some(watcher))?;
        let api = admin.api(admin.sub_domain(admin.domain("d")?, "s")?, "a")?;
        let watch = json!({"kind": "api", "targetId": api});
        Session::log_in(&services, member, PASSWORD)?.make("registry", "/watches", &watch)?;
        let path = format!("/apis/{api}");
        let etag = admin.get("registry", &path)?.check(200)?.header("etag").unwrap_or_default().to_owned();
        Ok(Self { admin, mailbox, path, etag, made: 0 })
    }

    /// Changes the API at the rate wanted; when each change was answered.
    pub fn make_for(&mut self, options: &Options, seconds: u64) -> Result<Times, Failure> {
        let (begin, mut times) = (Instant::now(), Times::new());
        for turn in 0..u64::from(options.rate) * seconds {
            let due = begin + Duration::from_secs_f64(turn as f64 / f64::from(options.rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.made += 1;
            let call = self.admin.call("registry", "PATCH", &self.path)?.if_match(&self.etag);
            let call = call.token(&self.admin.token()).json(&json!({"title": format!("n{}", self.made)}));
            let answer = call.try_send()?.check(200)?;
            times.insert(self.made, Utc::now());
            self.etag = answer.header("etag").unwrap_or_default().to_owned();
        }
        Ok(times)
    }

    /// When each change's mail came.
    pub fn arrived(&self) -> Result<Times, Failure> {
        let listed = Client::new().api(&self.mailbox).root("/mails?limit=1000000").try_send()?.check(200)?.value();
        let arrival = |mail: &Value| {
            let line = mail["text"].as_str()?.lines().find(|line| line.trim_start().starts_with("title: "))?;
            let number = line.rsplit_once("→ n")?.1.trim().parse().ok()?;
            Some((number, mail["arrivedAt"].as_str()?.parse().ok()?))
        };
        // A repeat is listed first, being newer: the first arrival counts.
        Ok(listed["items"].as_array().into_iter().flatten().filter_map(arrival).collect())
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
