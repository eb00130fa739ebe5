//! One provider's organisation: its people, domains, sub domains and APIs; what exists already is left as it is.

use std::collections::{HashMap, HashSet};

use behaviour::{Failed, Session};
use serde_json::{Value, json};
use uuid::Uuid;

use super::mapping::{Api, Tenant};
use super::people::Seed;
use super::plans::{Needs, Plans};
use super::summary::{Outcome, Stopped};

/// The payment provider's test card that pays: imported organisations are not real ones.
const TEST_CARD: &str = "pm_card_visa";

/// An id, or why there is none.
type Found = Result<Uuid, String>;

/// What is known of an organisation; names in lower case, as the services compare them.
#[derive(Default)]
struct Known {
    domains: HashMap<String, Found>,
    sub_domains: HashMap<(String, String), Found>,
    apis: HashSet<String>,
    people: HashMap<String, Uuid>,
}

/// An organisation that an import is signed in to.
pub struct Organisation<'a> {
    admin: Session,
    tenant: &'a Tenant,
    seed: &'a Seed,
    known: Known,
}

impl<'a> Organisation<'a> {
    /// One of which nothing is known yet.
    pub fn new(admin: Session, tenant: &'a Tenant, seed: &'a Seed) -> Self {
        Self { admin, tenant, seed, known: Known::default() }
    }

    /// Lists what an organisation of an earlier run has, and gives it a larger plan where the catalogue needs one now.
    pub fn look_around(&mut self, plans: &Plans) -> Result<(), Stopped> {
        let all = |service: &str, path: &str| {
            self.admin.all(service, path).map_err(Stopped::doing(format!("reading {} of {}", path, self.tenant.name)))
        };
        let people = all("profile", "/profiles")?;
        let people = people.iter().filter_map(|one| pair(one, "email")).collect();
        let mut known = Known { people, ..Known::default() };
        for (name, id) in all("registry", "/domains")?.iter().filter_map(|one| pair(one, "name")) {
            let subs = all("registry", &format!("/domains/{id}/sub-domains"))?;
            let named = subs.iter().filter_map(|one| pair(one, "name"));
            known.sub_domains.extend(named.map(|(sub, id)| ((name.clone(), sub), Ok(id))));
            known.domains.insert(name, Ok(id));
        }
        known.apis =
            all("registry", "/apis")?.iter().filter_map(|one| pair(one, "name")).map(|(name, _)| name).collect();
        self.known = known;
        self.grow(plans)
    }

    fn grow(&self, plans: &Plans) -> Result<(), Stopped> {
        let needs = Needs::with(
            self.tenant,
            self.known.domains.keys(),
            self.known.sub_domains.keys(),
            self.known.apis.iter(),
            self.known.people.len(),
        );
        let plan = self.admin.get("account", "")?.member("plan");
        let Some(larger) = plan.and_then(|plan| plans.larger(&plan, &needs)) else {
            return Ok(());
        };
        let moved = self.admin.patch("account", "", &json!({"plan": larger}));
        let moved = moved.and_then(|answer| answer.check(200));
        moved.map_err(Stopped::doing(format!("moving {} to plan {larger}", self.tenant.name)))?;
        Ok(())
    }

    /// Gives the organisation a card, unless it has one.
    pub fn pay_by_card(&self) -> Result<(), Stopped> {
        let path = "/payment-method";
        if self.admin.get("billing", path)?.status == 200 {
            return Ok(());
        }
        let card = self.admin.call("billing", "PUT", path)?.json(&json!({"paymentMethodToken": TEST_CARD}));
        let given =
            self.admin.send(card).and_then(|answer| if answer.status == 200 { Ok(answer) } else { answer.check(201) });
        given.map_err(Stopped::doing(format!("giving {} a card", self.tenant.name)))?;
        Ok(())
    }

    /// Makes the people who own things. A plan that has no room for one more leaves fewer owners, no fewer APIs.
    pub fn invite_people(&mut self) -> Result<(), Stopped> {
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
            match self.admin.make("profile", "/profiles", &body) {
                Ok(id) => self.known.people.insert(person.email, id),
                Err(Failed::Refused(_)) => break,
                Err(gone) => return Err(gone.into()),
            };
        }
        Ok(())
    }

    /// Creates an API, its domain and its sub domain, where they don't exist yet.
    pub fn add(&mut self, api: &Api) -> Result<Outcome, Stopped> {
        let name = api.name.to_lowercase();
        if self.known.apis.contains(&name) {
            return Ok(Outcome::Present);
        }
        let sub_domain = self.sub_domain(&api.domain, &api.sub_domain)?.map_err(Stopped::Refused)?;
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
        let answer = self.admin.post("registry", "/apis", &body)?;
        let outcome = match answer.status {
            201 => Outcome::Imported,
            409 if answer.is_problem("name-taken") => Outcome::Present,
            _ => return Ok(Outcome::Refused(answer.reason())),
        };
        self.known.apis.insert(name);
        Ok(outcome)
    }

    fn domain(&mut self, name: &str) -> Result<Found, Stopped> {
        let key = name.to_lowercase();
        if let Some(found) = self.known.domains.get(&key) {
            return Ok(found.clone());
        }
        let body = json!({"name": name, "businessOwnerId": self.owner(&["domain", name])});
        let found = self.create("/domains", name, &body)?;
        self.known.domains.insert(key, found.clone());
        Ok(found)
    }

    fn sub_domain(&mut self, domain: &str, name: &str) -> Result<Found, Stopped> {
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
    fn create(&self, path: &str, name: &str, body: &Value) -> Result<Found, Stopped> {
        let answer = match self.admin.make("registry", path, body) {
            Ok(id) => return Ok(Ok(id)),
            Err(Failed::Refused(answer)) => answer,
            Err(gone) => return Err(gone.into()),
        };
        let reason = format!("{name}: {}", answer.reason());
        if answer.status != 409 {
            return Ok(Err(reason));
        }
        let there = self.admin.all("registry", path)?;
        let mut named = there.iter().filter_map(|one| pair(one, "name"));
        Ok(named.find(|(other, _)| *other == name.to_lowercase()).map(|(_, id)| id).ok_or(reason))
    }

    /// One of the organisation's people, always the same one for the same words; none while there are no people.
    fn owner(&self, of: &[&str]) -> Option<Uuid> {
        let people = self.seed.people(&self.tenant.name, Needs::people(self.tenant.apis.len()));
        let there: Vec<Uuid> = people.iter().filter_map(|one| self.known.people.get(&one.email)).copied().collect();
        let words: Vec<&str> = std::iter::once(self.tenant.name.as_str()).chain(of.iter().copied()).collect();
        there.get(self.seed.pick(&words, there.len())).copied()
    }
}

/// A member's text in lower case, and the id.
fn pair(item: &Value, member: &str) -> Option<(String, Uuid)> {
    Some((item.get(member)?.as_str()?.to_lowercase(), item.get("id")?.as_str()?.parse().ok()?))
}
