//! `lab probe`: forty-odd requests that show whether a target keeps the contract where a measurement depends on it.

mod others;
mod registry;
mod want;

use crate::result::Check;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;

use super::TargetFile;
use super::client::{Answer, Ask, Client};
use crate::Failure;
use want::Want;

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
        failed.filter_map(|check| Some((check.service.clone(), check.operation.clone()?))).collect()
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
        report: Report { checks: Vec::new(), skipped: Vec::new() },
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
        let answer = self.client.ask(Ask { method, url: &url, headers: &self.headers, if_match, body });
        self.judge(want, &answer);
        answer
    }

    fn get(&mut self, want: &Want<'_>, path: &str) -> Answer {
        self.ask(want, "GET", path, (None, None))
    }

    fn post(&mut self, want: &Want<'_>, path: &str, body: &Value) -> Answer {
        self.ask(want, "POST", path, (None, Some(body)))
    }
}
