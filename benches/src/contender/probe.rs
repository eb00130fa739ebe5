//! `lab probe`: forty-odd requests that show whether a target keeps the contract where a measurement depends on it.

use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::TargetFile;
use super::client::{Answer, Ask, Client};
use super::load::{api, headers, sign_in};
use crate::Failure;

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Check {
    /// The service.
    pub service: String,
    /// What is wanted.
    pub wanted: String,
    /// The workload's operation that can't be measured without it, if there is one.
    pub operation: Option<String>,
    /// What came instead; null where it is as wanted.
    pub found: Option<String>,
}

/// What the probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// In the order they were asked.
    pub checks: Vec<Check>,
    /// What wasn't asked, and why.
    pub skipped: Vec<String>,
}

impl Report {
    /// Operations that the target doesn't have.
    #[must_use]
    pub fn missing(&self) -> Vec<(String, String)> {
        let failed = self.checks.iter().filter(|check| check.found.is_some());
        failed
            .filter_map(|check| Some((check.service.clone(), check.operation.clone()?)))
            .collect()
    }

    /// Whether all is as wanted.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.checks.iter().all(|check| check.found.is_none())
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for check in &self.checks {
            let mark = if check.found.is_none() { "ok" } else { "NOT" };
            write!(f, "{mark:4}{:13}{}", check.service, check.wanted)?;
            match &check.found {
                Some(found) => writeln!(f, ": {found}")?,
                None => writeln!(f)?,
            }
        }
        for skipped in &self.skipped {
            writeln!(f, "–   {skipped}")?;
        }
        let bad = self.checks.iter().filter(|check| check.found.is_some());
        let (all, bad) = (self.checks.len(), bad.count());
        writeln!(f, "{} of {all} as the contract says.", all - bad)
    }
}

const PASSWORD: &str = "a password for probing 1";

/// Asks.
///
/// # Errors
/// Where there is no Account to sign up at, so that nothing else can be asked.
pub fn probe(target: &TargetFile) -> Result<Report, Failure> {
    let mut probe = Probe {
        target,
        client: Client::new(target.timeout()),
        headers: Vec::new(),
        organisation: String::new(),
        report: Report {
            checks: Vec::new(),
            skipped: Vec::new(),
        },
    };
    probe.account()?;
    let owner = probe.profile();
    probe.registry(owner.as_deref());
    probe.billing_and_notification();
    probe.frozen()?;
    Ok(probe.report)
}

struct Probe<'a> {
    target: &'a TargetFile,
    client: Client,
    headers: Vec<(HeaderName, HeaderValue)>,
    organisation: String,
    report: Report,
}

/// What an answer must be.
struct Want<'a> {
    service: &'a str,
    says: &'a str,
    operation: Option<&'a str>,
    status: u16,
    /// Of the body and headers, beyond the status.
    shape: fn(&Answer) -> bool,
}

fn any(_: &Answer) -> bool {
    true
}

fn is_problem(answer: &Answer) -> bool {
    answer.content_type.starts_with("application/problem+json")
        && ["type", "title"]
            .iter()
            .all(|name| answer.body[*name].is_string())
}

fn is_list(answer: &Answer) -> bool {
    answer.body["items"].is_array() && answer.body.get("nextCursor").is_some()
}

fn is_plan_limit(answer: &Answer) -> bool {
    is_problem(answer)
        && answer.text("type").ends_with("plan-limit-reached")
        && ["limit", "used"]
            .iter()
            .all(|name| answer.body[*name].is_i64())
}

fn is_frozen(answer: &Answer) -> bool {
    is_problem(answer) && answer.text("type").ends_with("organisation-frozen")
}

fn is_api(answer: &Answer) -> bool {
    let body = &answer.body;
    let person =
        |owner: &Value| owner.is_null() || owner["id"].is_string() && owner["name"].is_string();
    let texts = ["id", "name", "createdAt", "updatedAt"];
    texts.iter().all(|name| body[*name].is_string())
        && body["tags"].is_array()
        && body["versions"].is_array()
        && body["version"].is_i64()
        && body["domain"]["name"].is_string()
        && body["subDomain"]["name"].is_string()
        && person(&body["businessOwner"])
        && person(&body["technicalOwner"])
        && answer.etag.is_some()
}

impl<'a> Want<'a> {
    fn of(service: &'a str, says: &'a str, status: u16) -> Self {
        Self {
            service,
            says,
            operation: None,
            status,
            shape: any,
        }
    }

    fn shape(mut self, shape: fn(&Answer) -> bool) -> Self {
        self.shape = shape;
        self
    }

    fn operation(mut self, name: &'a str) -> Self {
        self.operation = Some(name);
        self
    }
}

impl Probe<'_> {
    fn judge(&mut self, want: &Want<'_>, answer: &Answer) -> bool {
        let found = if answer.status != want.status {
            Some(match answer.status {
                0 => "no answer".to_owned(),
                status => format!("{status} in place of {}", want.status),
            })
        } else if !(want.shape)(answer) {
            let mut body = answer.body.to_string();
            body.truncate(body.floor_char_boundary(160));
            Some(format!("another shape: {body}"))
        } else {
            None
        };
        let good = found.is_none();
        self.report.checks.push(Check {
            service: want.service.into(),
            wanted: want.says.into(),
            operation: want.operation.map(str::to_owned),
            found,
        });
        good
    }

    /// Asks where reads go, or where rows are written.
    fn ask(
        &mut self,
        want: &Want<'_>,
        method: &str,
        path: &str,
        (if_match, body): (Option<&str>, Option<&Value>),
    ) -> Answer {
        let service = want.service;
        // Rows that the probe itself needs are made where rows are made; what is to be measured is asked where it is.
        let base = match (want.operation, method) {
            (None, "POST") => self.target.writes(service),
            _ => self.target.services.get(service).map(String::as_str),
        };
        let Some(base) = base else {
            let answer = Answer::default();
            self.judge(want, &answer);
            return answer;
        };
        let url = format!("{base}/api/v1/organisations/{}{path}", self.organisation);
        let answer = self.client.ask(Ask {
            method,
            url: &url,
            headers: &self.headers,
            if_match,
            body,
        });
        self.judge(want, &answer);
        answer
    }

    fn get(&mut self, want: &Want<'_>, path: &str) -> Answer {
        self.ask(want, "GET", path, (None, None))
    }

    fn post(&mut self, want: &Want<'_>, path: &str, body: &Value) -> Answer {
        self.ask(want, "POST", path, (None, Some(body)))
    }

    /// A fresh organisation on the smallest plan, so that its limit is near.
    fn account(&mut self) -> Result<(), Failure> {
        let account = api(self.target, "account")?;
        let run = Uuid::now_v7().simple().to_string();
        let (name, email) = (format!("Probe {run}"), format!("probe@{run}.example"));
        let body =
            json!({"name": name, "plan": "free", "admin": {"email": email, "password": PASSWORD}});
        let url = format!("{account}/organisations");
        let ask = Ask {
            method: "POST",
            url: &url,
            headers: &[],
            if_match: None,
            body: Some(&body),
        };
        let made = self.client.ask(ask);
        let signed_up = Want::of("account", "signing up makes an organisation", 201)
            .shape(|of| of.body["id"].is_string() && of.text("standing") == "active");
        if !self.judge(&signed_up, &made) {
            return Err(Failure::could_not_run(format!(
                "Nobody can sign up at {url} (status {}), so nothing else can be asked.",
                made.status
            )));
        }
        made.text("id").clone_into(&mut self.organisation);
        let again = self.client.ask(ask);
        let taken = Want::of("account", "a taken name is 409", 409).shape(is_problem);
        self.judge(&taken, &again);
        let wrong = json!({"email": email, "password": "not this one, surely"});
        let sessions = format!("{account}/sessions");
        let refused = self.client.ask(Ask {
            url: &sessions,
            body: Some(&wrong),
            ..ask
        });
        let wrong = Want::of("account", "a wrong password is 401", 401).shape(is_problem);
        self.judge(&wrong, &refused);
        let token = sign_in(&self.client, self.target, &email, PASSWORD)?;
        let own = format!("/organisations/{}", self.organisation);
        let unsigned = self.client.ask(Ask {
            method: "GET",
            url: &format!("{account}{own}"),
            body: None,
            ..ask
        });
        self.judge(&Want::of("account", "without a token 401", 401), &unsigned);
        self.headers = headers(self.target, &token, &self.organisation)?;
        self.organisation_itself();
        Ok(())
    }

    fn organisation_itself(&mut self) {
        let find = Want::of(
            "account",
            "the organisation, with its standing and ETag",
            200,
        )
        .shape(|of| of.body["standing"].is_string() && of.etag.is_some())
        .operation("find-organisation");
        let tag = self.get(&find, "").etag.unwrap_or_default();
        let name = json!({"name": format!("Probe renamed {}", self.organisation)});
        let blind = Want::of("account", "a change without If-Match is 428", 428);
        self.ask(&blind, "PATCH", "", (None, Some(&name)));
        let rename =
            Want::of("account", "a change with If-Match", 200).operation("rename-organisation");
        self.ask(&rename, "PATCH", "", (Some(&tag), Some(&name)));
        let stale = Want::of("account", "the same ETag again is 412", 412);
        self.ask(
            &stale,
            "PATCH",
            "",
            (Some(&tag), Some(&json!({"name": "x"}))),
        );
        let logins = Want::of("account", "the logins, as a page", 200)
            .shape(is_list)
            .operation("list-logins");
        self.get(&logins, "/logins?limit=50");
    }

    fn profile(&mut self) -> Option<String> {
        self.target.writes("profile")?;
        let made = Want::of("profile", "a new person", 201).shape(|of| of.body["id"].is_string());
        let person = |email: &str| json!({"name": "P", "jobTitle": "Engineer", "email": email, "timeZone": "UTC"});
        let made = self.post(&made, "/profiles", &person("p@probe.example"));
        let id = made.text("id").to_owned();
        if self.target.services.contains_key("profile") {
            let find = Want::of("profile", "a person, with ETag", 200)
                .shape(|of| of.body["name"].is_string() && of.etag.is_some())
                .operation("find-profile");
            let tag = self
                .get(&find, &format!("/profiles/{id}"))
                .etag
                .unwrap_or_default();
            let list = Want::of("profile", "the people, as a page", 200)
                .shape(is_list)
                .operation("list-profiles");
            self.get(&list, "/profiles?limit=50");
            let rename = Want::of("profile", "another job title", 200).operation("rename-profile");
            let title = json!({"jobTitle": "Architect"});
            self.ask(
                &rename,
                "PATCH",
                &format!("/profiles/{id}"),
                (Some(&tag), Some(&title)),
            );
            let none = Want::of("profile", "nobody is 404", 404).shape(is_problem);
            self.get(&none, &format!("/profiles/{}", Uuid::nil()));
        }
        Some(id)
    }

    fn registry(&mut self, owner: Option<&str>) {
        if self.target.writes("registry").is_none() {
            return;
        }
        let domain = self.post(
            &Want::of("registry", "a new domain", 201),
            "/domains",
            &json!({"name": "Domain 1"}),
        );
        let full = Want::of(
            "registry",
            "one domain more than the plan allows is 409, with limit and used",
            409,
        )
        .shape(is_plan_limit);
        self.post(&full, "/domains", &json!({"name": "Domain 2"}));
        let path = format!("/domains/{}/sub-domains", domain.text("id"));
        let sub = self.post(
            &Want::of("registry", "a new sub domain", 201),
            &path,
            &json!({"name": "Sub domain"}),
        );
        let sub = sub.text("id").to_owned();
        let api = |n: u32| json!({"name": format!("api-{n}"), "subDomainId": sub, "technicalOwnerId": owner, "tags": ["probe"]});
        let mut ids = Vec::new();
        for n in 1..=4 {
            let made = self.post(&Want::of("registry", "a new API", 201), "/apis", &api(n));
            ids.push(made.text("id").to_owned());
        }
        // The fifth where it is to be measured, the sixth is one too many.
        let create =
            Want::of("registry", "a new API, where it is measured", 201).operation("create-api");
        self.post(&create, "/apis", &api(5));
        let full = Want::of(
            "registry",
            "one API more than the plan allows is 409, with limit and used",
            409,
        )
        .shape(is_plan_limit);
        if self
            .report
            .checks
            .last()
            .is_some_and(|check| check.found.is_some())
        {
            self.post(&Want::of("registry", "a new API", 201), "/apis", &api(5));
        }
        self.post(&full, "/apis", &api(6));
        let unknown = Want::of("registry", "an unknown field is 400", 400).shape(is_problem);
        self.post(
            &unknown,
            "/apis",
            &json!({"name": "x", "subDomainId": sub, "colour": "red"}),
        );
        self.reads(&ids, &sub);
    }

    fn reads(&mut self, ids: &[String], sub: &str) {
        let first = ids.first().cloned().unwrap_or_default();
        let find = Want::of(
            "registry",
            "an API, with its owner's name, place, versions and ETag",
            200,
        )
        .shape(is_api)
        .operation("find-api");
        let tag = self
            .get(&find, &format!("/apis/{first}"))
            .etag
            .unwrap_or_default();
        let none = Want::of("registry", "no API is 404", 404).shape(is_problem);
        self.get(&none, &format!("/apis/{}", Uuid::nil()));
        let page = Want::of("registry", "two APIs a page, and a cursor", 200)
            .shape(|of| is_list(of) && of.items().len() == 2 && of.body["nextCursor"].is_string())
            .operation("list-apis");
        let one = self.get(&page, "/apis?limit=2");
        let next = Want::of("registry", "the next page goes on after it", 200).shape(is_list);
        let two = self.get(
            &next,
            &format!("/apis?limit=200&cursor={}", one.text("nextCursor")),
        );
        let mut seen: Vec<&str> = [&one, &two]
            .iter()
            .flat_map(|page| page.items())
            .filter_map(|item| item["id"].as_str())
            .collect();
        seen.sort_unstable();
        seen.dedup();
        let all = one.items().len() + two.items().len();
        let found = (seen.len() != 5 || all != 5).then(|| {
            format!(
                "{all} rows on both pages, {} different ones, in place of 5",
                seen.len()
            )
        });
        self.report.checks.push(Check {
            service: "registry".into(),
            wanted: "every API on exactly one page".into(),
            operation: None,
            found,
        });
        let filtered = Want::of("registry", "the APIs of a sub domain", 200)
            .shape(|of| is_list(of) && of.items().len() == 5)
            .operation("list-apis-of-sub-domain");
        self.get(&filtered, &format!("/apis?limit=50&subDomainId={sub}"));
        let modify = Want::of("registry", "another title", 200)
            .shape(is_api)
            .operation("modify-api");
        let title = json!({"title": "Another"});
        self.ask(
            &modify,
            "PATCH",
            &format!("/apis/{first}"),
            (Some(&tag), Some(&title)),
        );
        let feed = Want::of("registry", "the feed of changes, in pages", 200)
            .shape(|of| of.items().len() == 2 && of.body["next"].is_string());
        let changes = self.get(&feed, "/registry-changes?limit=2");
        let more = Want::of("registry", "the feed goes on after a page", 200)
            .shape(|of| !of.items().is_empty());
        self.get(
            &more,
            &format!("/registry-changes?limit=200&after={}", changes.text("next")),
        );
        let own = std::mem::replace(&mut self.organisation, Uuid::nil().to_string());
        let others = Want::of("registry", "another organisation is 403", 403).shape(is_problem);
        self.get(&others, "/apis");
        self.organisation = own;
    }

    fn billing_and_notification(&mut self) {
        if self.target.services.contains_key("billing") {
            let list = Want::of("billing", "the invoices, as a page", 200)
                .shape(is_list)
                .operation("list-invoices");
            self.get(&list, "/invoices?limit=50");
            let usage =
                Want::of("billing", "what the period costs up to now", 200).operation("find-usage");
            self.get(&usage, "/usage");
            let standing = Want::of("billing", "the standing", 200)
                .shape(|of| of.text("standing") == "active")
                .operation("find-standing");
            self.get(&standing, "/standing");
        }
        if self.target.services.contains_key("notification") {
            let list = Want::of("notification", "the notifications, as a page", 200)
                .shape(is_list)
                .operation("list-notifications");
            self.get(&list, "/notifications?limit=50");
        }
    }

    fn frozen(&mut self) -> Result<(), Failure> {
        let Some(frozen) = &self.target.frozen else {
            self.report
                .skipped
                .push("402 for a frozen organisation: [frozen] names no login of one".to_owned());
            return Ok(());
        };
        let token = sign_in(&self.client, self.target, &frozen.email, &frozen.password)?;
        let Some(organisation) = organisation_of(&token) else {
            self.report.skipped.push(
                "402 for a frozen organisation: its token doesn't say which one it is of"
                    .to_owned(),
            );
            return Ok(());
        };
        self.headers = headers(self.target, &token, &organisation)?;
        self.organisation = organisation;
        let want = Want::of("registry", "a frozen organisation is 402", 402).shape(is_frozen);
        self.get(&want, "/apis");
        let unknown = Want::of("registry", "also for an unknown API", 402).shape(is_frozen);
        self.get(&unknown, &format!("/apis/{}", Uuid::nil()));
        Ok(())
    }
}

/// The claim `org`, unverified: it only says where to ask.
fn organisation_of(token: &str) -> Option<String> {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1)?)
        .ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get("org")?.as_str()?.to_owned())
}
