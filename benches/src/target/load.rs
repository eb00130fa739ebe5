//! The data set through the contract: public POSTs alone, of the same shape as `dataset/generate.sql` makes by SQL.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::HeaderValue;
use rand::Rng as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::TargetFile;
use super::access::{api, headers, sign_in};
use super::client::{Ask, Client};
use crate::Failure;
use crate::data::{Dataset, Organisation, Size};
use crate::load::schedule::stream;

/// Organisations worked on at a time: enough to keep a small machine busy with password hashes.
const THREADS: usize = 4;
/// As in `generate.sql`.
const PEOPLE: usize = 20;
const DOMAINS: usize = 5;
const SUB_DOMAINS: usize = 20;
/// Long enough for anybody's rules; these logins live as long as the measurement.
const PASSWORD: &str = "a password for measuring 1";

/// What was loaded.
pub struct Loaded {
    /// Which ids there are.
    pub data: Arc<Dataset>,
    /// Each organisation's admin, in the order of `data`.
    emails: Vec<String>,
}

/// Makes new organisations and fills them. Names carry a number of their own, so that a target that can't be emptied can
/// be measured again.
///
/// # Errors
/// When something the contract promises is refused.
pub fn load(target: &TargetFile, size: Size, seed: u64) -> Result<Loaded, Failure> {
    let client = Client::new(target.timeout());
    if let Some(url) = &target.reset {
        let ask = Ask { method: "POST", url, headers: &[], if_match: None, body: None };
        let status = client.ask(ask).status;
        if !(200..300).contains(&status) {
            return Err(Failure::could_not_run(format!(
                "The target wasn't emptied: {url} was answered with {status}."
            )));
        }
    }
    let run = Uuid::now_v7().simple().to_string();
    let loader = Loader { target, client, run: run.get(20..).unwrap_or_default().to_owned(), seed };
    let sizes = sizes(size);
    eprintln!("Loading {} APIs of {} organisations through the contract …", sizes.iter().sum::<usize>(), sizes.len());
    let made = loader.all(&sizes)?;
    std::thread::sleep(std::time::Duration::from_millis(target.visible_after_ms));
    let (organisations, emails) = made.into_iter().unzip();
    Ok(Loaded { data: Arc::new(Dataset { organisations }), emails })
}

/// APIs of each organisation: the k-th has a share proportional to 1/k^0.8, and five at least.
fn sizes(size: Size) -> Vec<usize> {
    let weight = |k: u64| (k as f64).powf(-0.8);
    let sum: f64 = (1..=size.organisations).map(weight).sum();
    (1..=size.organisations).map(|k| ((size.apis as f64 * weight(k) / sum).round() as usize).max(5)).collect()
}

/// The same rows with new tokens, which don't last for ever.
///
/// # Errors
/// When somebody isn't let in any more.
pub fn sign_in_again(target: &TargetFile, loaded: &Loaded) -> Result<Arc<Dataset>, Failure> {
    let client = Client::new(target.timeout());
    let mut data = (*loaded.data).clone();
    for (of, email) in data.organisations.iter_mut().zip(&loaded.emails) {
        let token = sign_in(&client, target, email, PASSWORD)?;
        of.headers = headers(target, &token, &of.id.to_string())?.into();
    }
    Ok(Arc::new(data))
}

struct Loader<'a> {
    target: &'a TargetFile,
    client: Client,
    run: String,
    seed: u64,
}

impl Loader<'_> {
    fn all(&self, sizes: &[usize]) -> Result<Vec<(Organisation, String)>, Failure> {
        let next = AtomicUsize::new(0);
        let made: Mutex<Vec<Option<(Organisation, String)>>> = Mutex::new(vec![None; sizes.len()]);
        let refused: Mutex<Option<Failure>> = Mutex::new(None);
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(apis) = sizes.get(number) else {
                    return;
                };
                match self.organisation(number, *apis) {
                    Ok(one) => {
                        made.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(one);
                    }
                    Err(failure) => {
                        // Nobody begins another one.
                        next.store(sizes.len(), Ordering::Relaxed);
                        let mut first = refused.lock().unwrap_or_else(PoisonError::into_inner);
                        first.get_or_insert(failure);
                        return;
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            (0..THREADS).for_each(|_| {
                scope.spawn(work);
            });
        });
        match refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(failure) => Err(failure),
            None => {
                let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(made.into_iter().flatten().collect())
            }
        }
    }

    fn organisation(&self, number: usize, apis: usize) -> Result<(Organisation, String), Failure> {
        let account = api(self.target, "account")?;
        let name = format!("Lab {} {number}", self.run);
        let email = format!("admin@o{number}.{}.example", self.run);
        let body = json!({"name": name, "plan": "enterprise", "admin": {"email": email, "password": PASSWORD}});
        let url = format!("{account}/organisations");
        let ask = Ask::post(&url, &body);
        let id = id_of(&self.client.insist(ask, 201)?.body)?;
        let token = sign_in(&self.client, self.target, &email, PASSWORD)?;
        let headers = headers(self.target, &token, &id.to_string())?;
        let mut of = Organisation {
            id,
            token: HeaderValue::from_static(""),
            headers: headers.into(),
            apis: Vec::new(),
            sub_domains: Vec::new(),
            profiles: Vec::new(),
            invoices: Vec::new(),
            notifications: Vec::new(),
        };
        if self.target.writes("profile").is_some() {
            for p in 1..=PEOPLE {
                let email = format!("person{p}@o{number}.{}.example", self.run);
                let body = json!({"name": format!("Person {p}"), "jobTitle": "Engineer", "email": email, "timeZone": "Europe/Berlin"});
                of.profiles.push(self.make(&of, "profile", "/profiles", &body)?);
            }
        }
        if self.target.writes("registry").is_some() {
            self.registry(&mut of, number, apis)?;
        }
        Ok((of, email))
    }

    fn registry(&self, of: &mut Organisation, number: usize, apis: usize) -> Result<(), Failure> {
        let mut domains = Vec::new();
        for d in 1..=DOMAINS {
            let body = json!({"name": format!("Domain {d}")});
            domains.push(self.make(of, "registry", "/domains", &body)?);
        }
        for s in 1..=SUB_DOMAINS {
            let path = format!("/domains/{}/sub-domains", domains[s % DOMAINS]);
            let body = json!({"name": format!("Sub domain {s}")});
            of.sub_domains.push(self.make(of, "registry", &path, &body)?);
        }
        let mut random = stream(self.seed, &format!("tags {number}"));
        for a in 1..=apis {
            let owner = |n: usize| of.profiles.get(n % PEOPLE);
            let tag = random.random_range(0..40);
            let body = json!({
                "name": format!("api-{a}"),
                "title": format!("API number {a}"),
                "description": "What it does, in a sentence or two. ".repeat(4).trim_end(),
                "subDomainId": of.sub_domains[a % SUB_DOMAINS],
                "businessOwnerId": owner(a),
                "technicalOwnerId": owner(a + 7),
                "tags": [format!("tag-{tag}"), format!("tag-{}", (tag + 1) % 40)],
            });
            of.apis.push(self.make(of, "registry", "/apis", &body)?);
        }
        Ok(())
    }

    fn make(&self, of: &Organisation, service: &str, path: &str, body: &Value) -> Result<Uuid, Failure> {
        let url = format!("{}/organisations/{}{path}", api(self.target, service)?, of.id);
        let ask = Ask { method: "POST", url: &url, headers: &of.headers, if_match: None, body: Some(body) };
        id_of(&self.client.insist(ask, 201)?.body)
    }
}

fn id_of(body: &Value) -> Result<Uuid, Failure> {
    let id = body["id"].as_str().and_then(|text| Uuid::parse_str(text).ok());
    id.ok_or_else(|| Failure::could_not_run(format!("An answer to a POST holds no id: {body}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_sql() {
        let sizes = sizes(Size::SMALL);
        assert_eq!(sizes.len(), 100);
        assert!(sizes.iter().sum::<usize>().abs_diff(10_000) < 60, "{sizes:?}");
        assert!(sizes[0] > sizes[1] && sizes[99] >= 5);
    }
}
