//! One walk: every request that [`behaviour::requests`] lists, in a few seconds.
//!
//! It asserts nothing but that no service fails (5xx, or no answer). Each walk makes things of its own and then works on those
//! of the walk before, too: where a change breaks the making, reading and changing are still tried.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use behaviour::requests::{ENTER, MAKE, REST, Request, Sender};
use behaviour::{Client, PASSWORD, Services, Value, unique};
use uuid::Uuid;

use crate::{Failure, Operator, Place};

/// A request that a service failed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Whose.
    pub service: String,
    /// Method and path, without ids.
    pub call: String,
    /// 5xx; 0: no answer.
    pub status: u16,
}

/// What walks have made and the next one works on: ids and tokens by name, the oldest first. Empty on a fresh system.
#[derive(Clone, Debug, Default)]
pub struct Things {
    /// Who signed up first: its organisation is the one that is worked in.
    admin: String,
    /// How many walks there were.
    round: u32,
    kept: BTreeMap<&'static str, VecDeque<String>>,
}

struct Walk<'a> {
    services: Services,
    operator: &'a Operator,
    things: &'a mut Things,
    salt: String,
    broken: Vec<Broken>,
    calls: usize,
}

/// Walks once over everything; what failed, and how many requests there were.
pub fn walk(target: &Place, things: &mut Things) -> Result<(Vec<Broken>, usize), Failure> {
    let client = Client::with_timeout(Duration::from_secs(15));
    let services = Services { client, ..Services::new(target.services.iter().collect()) };
    let operator = target.operator.as_ref().ok_or_else(|| Failure::could_not_run("The system has no operator."))?;
    let mut walk = Walk { services, operator, things, salt: unique(), broken: Vec::new(), calls: 0 };
    let fresh = walk.things.admin.is_empty();
    if fresh {
        walk.things.admin = format!("{}@walk.example", walk.salt);
    }
    walk.all(ENTER);
    if !walk.things.kept.contains_key("org") {
        return Err(Failure::could_not_run("Nobody can sign up on the fresh system."));
    }
    // A fresh system gets a store of what later walks delete.
    for _ in 0..if fresh { 3 } else { 1 } {
        walk.salt = unique();
        walk.all(MAKE);
    }
    walk.all(REST);
    walk.things.round += 1;
    Ok((walk.broken, walk.calls))
}

impl Walk<'_> {
    fn all(&mut self, requests: &[Request]) {
        for request in requests {
            let path = self.fill(request.path);
            let etag = request.etag_of.map(|of| if of.is_empty() { path.clone() } else { self.fill(of) });
            let etag = etag.and_then(|of| self.send(request, "GET", &of, None, "")).and_then(|(etag, _)| etag);
            let body = self.fill(request.body);
            let answer = self.send(request, request.method, &path, etag, &body);
            let told = answer.zip(request.keeps).and_then(|((_, body), (name, at))| Some((name, text_at(&body, at)?)));
            if let Some((name, value)) = told {
                self.things.kept.entry(name).or_default().push_back(value);
            }
        }
    }

    /// ETag and body of a good answer; any other is counted and noted.
    fn send(
        &mut self,
        request: &Request,
        method: &str,
        path: &str,
        etag: Option<String>,
        body: &str,
    ) -> Option<(Option<String>, Value)> {
        let below = if request.sender == Sender::Admin {
            format!("/organisations/{}{path}", self.things.kept.get("org")?.front()?)
        } else {
            path.to_owned()
        };
        let mut call = self.services.api(request.service).ok()?.request(method, &below);
        call = match request.sender {
            Sender::Nobody => call,
            Sender::Admin | Sender::Myself => call.token(&self.value("token")),
            Sender::Operator => call.token(&self.value("operator-token")),
        };
        if method == "POST" {
            call = call.idempotency_key(&unique());
        }
        if let Some(etag) = etag {
            call = call.if_match(&etag);
        }
        if !body.is_empty() {
            call = call.body("application/json", body.as_bytes().to_vec());
        }
        self.calls += 1;
        let answer = call.try_send().ok();
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        if status == 0 || status >= 500 {
            let call = format!("{method} {}", without_ids(&below));
            self.broken.push(Broken { service: request.service.to_owned(), call, status });
        }
        let answer = answer.filter(|answer| answer.status < 300)?;
        Some((answer.header("etag").map(str::to_owned), answer.value()))
    }

    /// The text with its names in braces replaced.
    fn fill(&mut self, text: &str) -> String {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let is_name = |letter: char| letter.is_ascii_lowercase() || matches!(letter, '.' | '-');
            let end = after.find(|letter| !is_name(letter)).unwrap_or(after.len());
            (filled, rest) = match after[end..].strip_prefix('}') {
                Some(tail) if end > 0 => (filled + &self.value(&after[..end]), tail),
                _ => (filled + "{", after),
            };
        }
        filled + rest
    }

    fn value(&mut self, name: &str) -> String {
        let round = self.things.round;
        let found = match name {
            "salt" => Some(self.salt.clone()),
            "admin" => Some(self.things.admin.clone()),
            "password" => Some(PASSWORD.to_owned()),
            "operator.email" => Some(self.operator.email.clone()),
            "operator.password" => Some(self.operator.password.clone()),
            "round" => Some(round.to_string()),
            "plan" => Some(if round.is_multiple_of(2) { "team" } else { "payg" }.to_owned()),
            "period" => Some(format!("{}-{:02}", 2019 + (round + 1) / 12, (round + 1) % 12 + 1)),
            "code" => Some(format!("w-{}", &self.salt[self.salt.len().saturating_sub(12)..])),
            _ => self.kept(name),
        };
        found.unwrap_or_else(|| Uuid::nil().to_string())
    }

    fn kept(&mut self, name: &str) -> Option<String> {
        let (name, which) = name.split_once('.').unwrap_or((name, ""));
        let kept = self.things.kept.get_mut(name)?;
        match which {
            "oldest" => kept.pop_front(),
            "before" => kept.iter().nth_back(1).or(kept.back()).cloned(),
            _ => kept.back().cloned(),
        }
    }
}

fn text_at(body: &Value, pointer: &str) -> Option<String> {
    Some(body.pointer(pointer)?.as_str()?.to_owned())
}

/// A path with `{}` for each id, so that calls can be told apart and counted.
fn without_ids(path: &str) -> String {
    let parts = path.split('?').next().unwrap_or_default().split('/');
    let parts: Vec<&str> = parts.map(|part| if Uuid::parse_str(part).is_ok() { "{}" } else { part }).collect();
    parts.join("/")
}
