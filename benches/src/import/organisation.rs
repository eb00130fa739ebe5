//! One provider's organisation: its people, domains, sub domains and APIs; what is there already is left as it is.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::client::Unreachable;
use super::mapping::{Api, Tenant};
use super::people::Seed;
use super::plans::{Needs, Plans};
use super::session::{Session, all};
use super::summary::Outcome;

/// An id, or why there is none.
type Found = Result<String, String>;

/// What is known of an organisation; names in lower case, as the services compare them.
#[derive(Default)]
struct Known {
    domains: HashMap<String, Found>,
    sub_domains: HashMap<(String, String), Found>,
    apis: HashSet<String>,
    people: HashMap<String, String>,
}

/// An organisation that an import is signed in to.
pub struct Organisation<'a> {
    session: &'a Session<'a>,
    tenant: &'a Tenant,
    seed: &'a Seed,
    known: Known,
}

impl<'a> Organisation<'a> {
    /// One of which nothing is known yet.
    pub fn new(session: &'a Session<'a>, tenant: &'a Tenant, seed: &'a Seed) -> Self {
        Self { session, tenant, seed, known: Known::default() }
    }

    /// Lists what an organisation of an earlier run has, and gives it a larger plan where the catalogue needs one now.
    pub fn look_around(&mut self, plans: &Plans) -> Result<Result<(), String>, Unreachable> {
        let session = self.session;
        let registry = |path: &str| all(|query| session.registry("GET", &format!("{path}{query}"), None));
        let people = match all(|query| session.profile("GET", &format!("/profiles{query}"), None))? {
            Ok(items) => items,
            Err(answer) => {
                return Ok(Err(format!("reading the people of {}: {}", self.tenant.name, answer.reason())));
            }
        };
        self.known.people = people.iter().filter_map(|one| pair(one, "email")).collect();
        for domain in &match registry("/domains")? {
            Ok(items) => items,
            Err(answer) => {
                return Ok(Err(format!("reading {}: {}", self.tenant.name, answer.reason())));
            }
        } {
            let Some((name, id)) = pair(domain, "name") else {
                continue;
            };
            if let Ok(items) = registry(&format!("/domains/{id}/sub-domains"))? {
                let named = items.iter().filter_map(|one| pair(one, "name"));
                self.known.sub_domains.extend(named.map(|(sub, id)| ((name.clone(), sub), Ok(id))));
            }
            self.known.domains.insert(name, Ok(id));
        }
        if let Ok(items) = registry("/apis")? {
            self.known.apis = items.iter().filter_map(|one| pair(one, "name")).map(|(name, _)| name).collect();
        }
        self.grow(plans)
    }

    fn grow(&self, plans: &Plans) -> Result<Result<(), String>, Unreachable> {
        let found = self.session.account("GET", "", None, None)?;
        let needs = Needs::with(
            self.tenant,
            self.known.domains.keys(),
            self.known.sub_domains.keys(),
            self.known.apis.iter(),
            self.known.people.len(),
        );
        let Some(larger) = found.text("plan").and_then(|plan| plans.larger(plan, &needs)) else {
            return Ok(Ok(()));
        };
        let patched = self.session.account("PATCH", "", found.etag.as_deref(), Some(&json!({"plan": larger})))?;
        Ok(match patched.status {
            200 => Ok(()),
            _ => Err(format!("moving {} to plan {larger}: {}", self.tenant.name, patched.reason())),
        })
    }

    /// Makes the people who own things. A plan that has no room for one more leaves fewer owners, no fewer APIs.
    pub fn invite_people(&mut self) -> Result<(), Unreachable> {
        for person in self.seed.people(&self.tenant.name, Needs::people(self.tenant.apis.len())) {
            if self.known.people.contains_key(&person.email) {
                continue;
            }
            let body = json!({
                "name": person.name,
                "jobTitle": person.job_title,
                "email": person.email,
                "timeZone": person.time_zone,
            });
            let answer = self.session.profile("POST", "/profiles", Some(&body))?;
            match answer.text("id") {
                Some(id) if answer.status == 201 => self.known.people.insert(person.email, id.to_owned()),
                _ => break,
            };
        }
        Ok(())
    }

    /// Creates an API and what it stands in, where they aren't there yet.
    pub fn add(&mut self, api: &Api) -> Result<Outcome, Unreachable> {
        let name = api.name.to_lowercase();
        if self.known.apis.contains(&name) {
            return Ok(Outcome::Present);
        }
        let sub_domain = match self.sub_domain(&api.domain, &api.sub_domain)? {
            Ok(id) => id,
            Err(reason) => return Ok(Outcome::Refused(reason)),
        };
        let body = json!({
            "name": api.name,
            "title": api.title,
            "description": api.description,
            "tags": api.tags,
            "subDomainId": sub_domain,
            "businessOwnerId": self.owner(&["business", &api.name]),
            "technicalOwnerId": self.owner(&["technical", &api.name]),
            "version": {"major": api.version.0, "minor": api.version.1},
        });
        let answer = self.session.registry("POST", "/apis", Some(&body))?;
        let outcome = match answer.status {
            201 => Outcome::Imported,
            409 if answer.is_problem("name-taken") => Outcome::Present,
            _ => return Ok(Outcome::Refused(answer.reason())),
        };
        self.known.apis.insert(name);
        Ok(outcome)
    }

    fn domain(&mut self, name: &str) -> Result<Found, Unreachable> {
        let key = name.to_lowercase();
        if let Some(found) = self.known.domains.get(&key) {
            return Ok(found.clone());
        }
        let body = json!({"name": name, "businessOwnerId": self.owner(&["domain", name])});
        let found = self.create("/domains", name, &body)?;
        self.known.domains.insert(key, found.clone());
        Ok(found)
    }

    fn sub_domain(&mut self, domain: &str, name: &str) -> Result<Found, Unreachable> {
        let key = (domain.to_lowercase(), name.to_lowercase());
        if let Some(found) = self.known.sub_domains.get(&key) {
            return Ok(found.clone());
        }
        let found = match self.domain(domain)? {
            Ok(id) => self.create(&format!("/domains/{id}/sub-domains"), name, &json!({"name": name}))?,
            refused => refused,
        };
        self.known.sub_domains.insert(key, found.clone());
        Ok(found)
    }

    /// Creates a thing with a name; where the name is taken after all (a second import is running), finds it.
    fn create(&self, path: &str, name: &str, body: &Value) -> Result<Found, Unreachable> {
        let answer = self.session.registry("POST", path, Some(body))?;
        if let Some(id) = answer.text("id").filter(|_| answer.status == 201) {
            return Ok(Ok(id.to_owned()));
        }
        let reason = format!("{name}: {}", answer.reason());
        if answer.status != 409 {
            return Ok(Err(reason));
        }
        let there = all(|query| self.session.registry("GET", &format!("{path}{query}"), None))?;
        let key = name.to_lowercase();
        let found =
            there.ok().and_then(|items| items.iter().filter_map(|one| pair(one, "name")).find(|(n, _)| *n == key));
        Ok(found.map(|(_, id)| id).ok_or(reason))
    }

    /// One of the organisation's people, the same for the same thing; null while there is nobody.
    fn owner(&self, of: &[&str]) -> Option<&str> {
        let people = self.seed.people(&self.tenant.name, Needs::people(self.tenant.apis.len()));
        let there: Vec<&str> =
            people.iter().filter_map(|one| self.known.people.get(&one.email)).map(String::as_str).collect();
        let words: Vec<&str> = std::iter::once(self.tenant.name.as_str()).chain(of.iter().copied()).collect();
        there.get(self.seed.pick(&words, there.len())).copied()
    }
}

/// A member's text in lower case, and the id.
fn pair(item: &Value, member: &str) -> Option<(String, String)> {
    Some((item.get(member)?.as_str()?.to_lowercase(), item.get("id")?.as_str()?.to_owned()))
}
