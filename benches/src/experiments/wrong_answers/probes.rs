//! What Registry must refuse from a moment on, and how long it doesn't.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use behaviour::{Client, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::outcome::Count;
use crate::Failure;
use crate::data::{Organisation, connect};
use crate::measure::freshness::stand;
use crate::system::{Architecture, Deployment, Site};

/// Between two requests that must be refused.
const PAUSE: Duration = Duration::from_millis(100);
/// A request without an answer by then counts as none.
const WITHIN: Duration = Duration::from_secs(2);

/// Something that makes Registry's answers to a request change, and the request.
pub trait Probe {
    /// Makes it so that the request must be refused. False: that couldn't be done now.
    fn cause(&mut self) -> Result<bool, Failure>;
    /// The request's answer, if one came.
    fn ask(&mut self) -> Option<Response>;
    /// Makes it so that it is granted again. False: that couldn't be done now.
    fn undo(&mut self) -> Result<bool, Failure>;
}

/// Causes it, asks until it is refused, and undoes it, again and again.
pub fn count(probe: &mut impl Probe, patience: Duration, over: &AtomicBool) -> Result<Count, Failure> {
    let mut found = Count::default();
    while !over.load(Ordering::Relaxed) {
        if !probe.undo()? || !probe.cause()? {
            std::thread::sleep(PAUSE);
            continue;
        }
        found.caused += 1;
        let since = Instant::now();
        while since.elapsed() < patience {
            let asked = Instant::now();
            match probe.ask() {
                Some(answer) if (200..300).contains(&answer.status) => {
                    found.wrong += 1;
                    found.degraded += u64::from(answer.header("x-degraded").is_some());
                    found.longest_ms = found.longest_ms.max((asked - since).as_millis() as u64);
                }
                Some(answer) if [402, 409, 422].contains(&answer.status) => break,
                _ => {}
            }
            std::thread::sleep(PAUSE);
        }
    }
    probe.undo()?;
    Ok(found)
}

/// One of the least popular organisations, so that the load hardly touches it.
struct Tenant<'a> {
    deployment: &'a Deployment,
    client: Client,
    of: &'a Organisation,
}

impl<'a> Tenant<'a> {
    fn new(deployment: &'a Deployment, from_last: usize) -> Result<Self, Failure> {
        let of = deployment.data().organisations.iter().rev().nth(from_last);
        let of = of.ok_or_else(|| Failure::could_not_run("The data set has too few organisations."))?;
        Ok(Self { deployment, client: Client::with_timeout(WITHIN), of })
    }

    /// The answer, if one came.
    fn send(&self, service: &str, method: &str, path: &str, (etag, body): (&str, Value)) -> Option<Response> {
        let url = self.deployment.url(service).ok()?;
        let call = self.client.api(url).request(method, &format!("/organisations/{}{path}", self.of.id));
        let call = call.header("authorization", self.of.token.to_str().ok()?);
        let call = if etag.is_empty() { call } else { call.if_match(etag) };
        let call = if body.is_null() { call } else { call.json(&body) };
        call.try_send().ok()
    }

    fn post(&self, service: &str, path: &str, body: Value) -> Option<Response> {
        self.send(service, "POST", path, ("", body))
    }

    /// A resource that is there, with its ETag.
    fn get(&self, service: &str, path: &str) -> Option<(Response, String)> {
        let answer = self.send(service, "GET", path, ("", Value::Null)).filter(|answer| answer.status == 200)?;
        let etag = answer.header("etag").unwrap_or_default().to_owned();
        Some((answer, etag))
    }
}

/// What a creation made, with its ETag.
fn made(answer: Option<&Response>) -> Option<(Uuid, String)> {
    let answer = answer.filter(|answer| answer.status == 201)?;
    Some((answer.find_id().ok()?, answer.header("etag")?.to_owned()))
}

fn name() -> String {
    Uuid::now_v7().to_string()
}

/// An organisation is frozen by Billing: Registry must answer 402.
pub struct Freeze<'a>(Tenant<'a>);

impl<'a> Freeze<'a> {
    pub fn new(deployment: &'a Deployment) -> Result<Self, Failure> {
        Tenant::new(deployment, 0).map(Self)
    }

    fn stand(&self, standing: &str) -> Result<(), Failure> {
        // Who has a copy hears of it by the feed.
        let told = self.0.deployment.layout().architecture == Architecture::SelfContained;
        stand(&mut connect(self.0.deployment.database_of("billing")?)?, self.0.of.id, standing, told)
    }
}

impl Probe for Freeze<'_> {
    fn cause(&mut self) -> Result<bool, Failure> {
        self.stand("frozen").map(|()| true)
    }

    fn ask(&mut self) -> Option<Response> {
        self.0.send("registry", "GET", "/apis?limit=1", ("", Value::Null))
    }

    fn undo(&mut self) -> Result<bool, Failure> {
        self.stand("active")?;
        Ok(self.ask().is_some_and(|answer| answer.status == 200))
    }
}

/// Domains that the plan `team` allows.
const TEAM_DOMAINS: usize = 10;

/// An organisation chooses a plan that it just fits: Registry must refuse one domain more.
pub struct Downgrade<'a> {
    of: Tenant<'a>,
    more: Vec<(Uuid, String)>,
}

impl<'a> Downgrade<'a> {
    pub fn new(deployment: &'a Deployment) -> Result<Self, Failure> {
        let of = Tenant::new(deployment, 1)?;
        let listed = of.get("registry", "/domains?limit=200");
        let (listed, _) =
            listed.ok_or_else(|| Failure::could_not_run("Registry doesn't list an organisation's domains."))?;
        let domains = listed.value()["items"].as_array().map_or(0, Vec::len);
        for _ in domains..TEAM_DOMAINS {
            of.post("registry", "/domains", json!({ "name": name() }));
        }
        Ok(Self { of, more: Vec::new() })
    }

    fn choose(&self, plan: &str) -> bool {
        let chosen = self.of.get("account", "").and_then(|(organisation, etag)| {
            if organisation.member("plan").as_deref() == Some(plan) {
                return Some(organisation);
            }
            self.of.send("account", "PATCH", "", (&etag, json!({ "plan": plan })))
        });
        chosen.is_some_and(|answer| answer.status == 200)
    }
}

impl Probe for Downgrade<'_> {
    fn cause(&mut self) -> Result<bool, Failure> {
        Ok(self.choose("team"))
    }

    fn ask(&mut self) -> Option<Response> {
        let answer = self.of.post("registry", "/domains", json!({ "name": name() }));
        self.more.extend(made(answer.as_ref()));
        answer
    }

    fn undo(&mut self) -> Result<bool, Failure> {
        let of = &self.of;
        self.more.retain(|(id, etag)| {
            let gone = of.send("registry", "DELETE", &format!("/domains/{id}"), (etag, Value::Null));
            gone.is_none_or(|answer| ![204, 404].contains(&answer.status))
        });
        Ok(self.more.is_empty() && self.choose("enterprise"))
    }
}

/// A person is deleted by Profile: Registry must refuse an API whose owner it would be.
pub struct Deletion<'a> {
    of: Tenant<'a>,
    person: Uuid,
    /// The answer to the request that was sent while the person was being deleted.
    raced: Option<Response>,
}

impl<'a> Deletion<'a> {
    pub fn new(deployment: &'a Deployment) -> Result<Self, Failure> {
        Ok(Self { of: Tenant::new(deployment, 2)?, person: Uuid::nil(), raced: None })
    }

    fn name_as_owner(&self) -> Option<Response> {
        let sub_domain = self.of.of.sub_domains.first()?;
        let body = json!({ "name": name(), "subDomainId": sub_domain, "technicalOwnerId": self.person });
        self.of.post("registry", "/apis", body)
    }

    /// A person whom Registry knows, for it owned an API a moment ago; its ETag.
    fn known_person(&mut self) -> Option<String> {
        let email = format!("{}@lab.example", name());
        let person = json!({ "name": "Leaves", "email": email, "timeZone": "UTC" });
        let (person, etag) = made(self.of.post("profile", "/profiles", person).as_ref())?;
        self.person = person;
        // Where there are copies Registry hears of a new person a little later.
        let deadline = Instant::now() + WITHIN;
        let (api, seen) = loop {
            match made(self.name_as_owner().as_ref()) {
                None if Instant::now() < deadline => std::thread::sleep(PAUSE),
                found => break found?,
            }
        };
        let nobody = json!({ "technicalOwnerId": null });
        let changed = self.of.send("registry", "PATCH", &format!("/apis/{api}"), (&seen, nobody))?;
        (changed.status == 200).then_some(etag)
    }
}

impl Probe for Deletion<'_> {
    fn cause(&mut self) -> Result<bool, Failure> {
        let Some(etag) = self.known_person() else { return Ok(false) };
        let path = format!("/profiles/{}", self.person);
        let (deleted, raced) = std::thread::scope(|scope| {
            let naming = scope.spawn(|| self.name_as_owner());
            (self.of.send("profile", "DELETE", &path, (&etag, Value::Null)), naming.join().ok().flatten())
        });
        // Refused: it owned that API first.
        let deleted = deleted.is_some_and(|answer| answer.status == 204);
        self.raced = raced.filter(|answer| deleted && answer.status == 201);
        Ok(deleted)
    }

    fn ask(&mut self) -> Option<Response> {
        self.raced.take().or_else(|| self.name_as_owner())
    }

    fn undo(&mut self) -> Result<bool, Failure> {
        Ok(true)
    }
}
