//! `lab probe`: the cases of the contract that a measurement depends on, and which operations can't be measured without them.

use behaviour::{HttpFixture, PASSWORD, Session, World, unique};
use serde::Serialize;

use super::TargetFile;
use crate::Failure;
use crate::result::Check;

/// What the probe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// In the order they were run.
    pub checks: Vec<Check>,
    /// What wasn't checked, and why.
    pub skipped: Vec<String>,
}

impl Report {
    /// Operations that the target doesn't have.
    #[must_use]
    pub fn missing(&self) -> Vec<(String, String)> {
        let failed = self.checks.iter().filter(|check| check.found.is_some());
        failed.filter_map(|check| Some((check.service.clone(), check.operation.clone()?))).collect()
    }

    /// Whether every check passed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.checks.iter().all(|check| check.found.is_none())
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for check in &self.checks {
            let mark = if check.found.is_none() { "ok" } else { "FAIL" };
            write!(f, "{mark:5}{:13}{}", check.service, check.wanted)?;
            match &check.found {
                Some(found) => writeln!(f, ": {found}")?,
                None => writeln!(f)?,
            }
        }
        for skipped in &self.skipped {
            writeln!(f, "skip {skipped}")?;
        }
        let bad = self.checks.iter().filter(|check| check.found.is_some());
        let (all, bad) = (self.checks.len(), bad.count());
        writeln!(f, "{} of {all} checks passed.", all - bad)
    }
}

/// A case's service and name, and the workload's operations that can't be measured without it.
type Listed = (&'static str, &'static str, &'static [&'static str]);

const CASES: &[Listed] = &[
    (
        "account",
        "organisations: signing up makes the organisation and its first admin",
        &["find-organisation", "list-logins"],
    ),
    ("account", "organisations: a name and an e-mail are taken once, whatever their case", &[]),
    (
        "account",
        "organisations: a change moves the ETag, and one without effect changes nothing",
        &["rename-organisation"],
    ),
    ("account", "sessions: a wrong password and an unknown e-mail get the same answer", &[]),
    ("profile", "profiles: created, read, changed, deleted", &["find-profile", "rename-profile"]),
    ("profile", "profiles: pages of every size hold everybody once", &["list-profiles"]),
    ("profile", "profiles: the plan's users are the limit", &[]),
    ("registry", "apis: what is made is read, with all that belongs to it", &["find-api"]),
    ("registry", "apis: pages hold all, once, by creation", &["list-apis"]),
    ("registry", "apis: every filter narrows the list, all of them together too", &["list-apis-of-sub-domain"]),
    ("registry", "apis: without more than a name and a place", &["create-api"]),
    ("registry", "apis: a patch changes what it names, or nothing", &["modify-api"]),
    ("registry", "apis: what it refers to must be there", &[]),
    ("registry", "apis: one that is deleted is gone", &[]),
    ("registry", "limits: the plan's last place is the last", &[]),
    ("registry", "repeats: an Idempotency-Key is answered once", &[]),
    ("registry", "feed: what changed is in it, in order, and nobody else's", &[]),
    ("registry", FROZEN, &[]),
    ("billing", "usage: a fixed plan costs its price", &["find-usage"]),
    (
        "billing",
        "invoices: none before the first run, and unknown ones are not found",
        &["list-invoices", "find-invoice"],
    ),
    ("billing", "standing: active at first, and as it is set", &["find-standing"]),
    ("notification", "notifications: none where nothing has changed", &["list-notifications"]),
    ("notification", "notifications: what is not one's own can't be read", &["read-notifications"]),
];

const FROZEN: &str = "standing: who is frozen gets 402, also for what isn't there";

/// The operations that write: a service with another URL for that can't be measured with them.
const WRITES: [&str; 5] = ["rename-organisation", "rename-profile", "create-api", "modify-api", "read-notifications"];

/// Runs the listed cases of the services that the target has.
///
/// # Errors
/// When nobody can sign up: then nothing else can be checked.
pub fn probe(target: &TargetFile) -> Result<Report, Failure> {
    let services = target.contract();
    let (name, email) = (unique(), format!("{}@probe.example", unique()));
    Session::sign_up(&services, &name, "free", &email, PASSWORD).map_err(|why| {
        Failure::could_not_run(format!("Nobody can sign up at the target, so nothing else can be checked: {why}."))
    })?;
    let mut report = Report { checks: Vec::new(), skipped: Vec::new() };
    let mut fixture = HttpFixture::over(services.clone());
    match &target.frozen {
        Some(login) => fixture = fixture.with_frozen(&login.email, &login.password),
        None => report.skipped.push("402 for a frozen organisation: [frozen] names no login of one".to_owned()),
    }
    let world = World::over(services, fixture);
    for (service, case) in behaviour::cases() {
        let listed = CASES.iter().find(|(of, name, _)| *of == service && *name == case.name);
        let Some((_, _, operations)) = listed.filter(|_| target.services.contains_key(service)) else {
            continue;
        };
        if case.name == FROZEN && target.frozen.is_none() {
            continue;
        }
        let found = case.check(&world).err().map(|why| one_line(&why));
        let check = |operation: Option<&str>| Check {
            service: service.to_owned(),
            wanted: case.name.to_owned(),
            operation: operation.map(str::to_owned),
            found: match operation {
                Some(name) if WRITES.contains(&name) && target.load_at.contains_key(service) => {
                    Some("its writes go elsewhere: [load-at]".to_owned())
                }
                _ => found.clone(),
            },
        };
        if operations.is_empty() {
            report.checks.push(check(None));
        }
        report.checks.extend(operations.iter().map(|name| check(Some(name))));
    }
    Ok(report)
}

/// What an assertion said, on one line.
fn one_line(why: &str) -> String {
    let words = why.trim_start_matches("assertion `left == right` failed: ");
    let mut line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() > 400 {
        line.truncate(line.floor_char_boundary(400));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::schedule::Workload;

    #[test]
    fn every_listed_case_is_there_and_every_operation_of_the_mix_has_one() {
        let cases = behaviour::cases();
        for (service, name, _) in CASES {
            assert!(cases.iter().any(|(of, case)| of == service && case.name == *name), "{service}: {name}");
        }
        let mix = Workload::parse(include_str!("../../scenarios/00-matrix.toml")).unwrap();
        for (service, of) in &mix.services {
            for endpoint in &of.endpoints {
                let has = |(of, _, operations): &Listed| of == service && operations.contains(&endpoint.name.as_str());
                assert!(CASES.iter().any(has), "{service}: {}", endpoint.name);
            }
        }
    }
}
