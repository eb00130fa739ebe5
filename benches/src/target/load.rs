//! The data set through the contract: public POSTs alone, of the same shape as `data/generate.sql` makes by SQL.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use behaviour::{Client, PASSWORD, Services, Session, unique};
use hyper::header::{HeaderName, HeaderValue};
use rand::Rng as _;
use serde_json::json;

use super::TargetFile;
use crate::Failure;
use crate::data::{Dataset, Organisation, Size};
use crate::load::schedule::stream;

/// Organisations worked on at a time: enough to keep a small machine busy with password hashes.
const THREADS: usize = 4;
/// As in `generate.sql`.
const PEOPLE: usize = 20;
const DOMAINS: usize = 5;
const SUB_DOMAINS: usize = 20;
/// What was loaded.
pub struct Loaded {
    /// Which ids there are.
    pub data: Arc<Dataset>,
    /// Each organisation's admin, in the order of `data`.
    admins: Vec<Session>,
}

/// Makes new organisations and fills them. Names are new in each run, so that a target that can't be emptied can be
/// measured again.
///
/// # Errors
/// When the target refuses what the contract promises.
pub fn load(target: &TargetFile, size: Size, seed: u64) -> Result<Loaded, Failure> {
    if let Some(url) = &target.reset {
        let status = Client::with_timeout(target.timeout()).api(url).raw("POST", "").try_send()?.status;
        if !(200..300).contains(&status) {
            return Err(Failure::could_not_run(format!(
                "The target wasn't emptied: {url} was answered with {status}."
            )));
        }
    }
    let loader = Loader { target, services: target.written(), run: unique(), seed };
    let sizes = sizes(size);
    eprintln!("Loading {} APIs of {} organisations through the contract …", sizes.iter().sum::<usize>(), sizes.len());
    let made = loader.all(&sizes)?;
    std::thread::sleep(std::time::Duration::from_millis(target.visible_after_ms));
    let (organisations, admins) = made.into_iter().unzip();
    Ok(Loaded { data: Arc::new(Dataset { organisations }), admins })
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
/// When a login is refused now.
pub fn sign_in_again(target: &TargetFile, loaded: &Loaded) -> Result<Arc<Dataset>, Failure> {
    let mut data = (*loaded.data).clone();
    for (of, admin) in data.organisations.iter_mut().zip(&loaded.admins) {
        admin.renew()?;
        of.headers = headers(target, admin)?;
    }
    Ok(Arc::new(data))
}

/// What a request of this login carries.
fn headers(target: &TargetFile, login: &Session) -> Result<Arc<[(HeaderName, HeaderValue)]>, Failure> {
    let organisation = login.org.unwrap_or_default().to_string();
    let headers = target.headers_for(&login.token(), &organisation);
    Ok(headers.map_err(|reason| Failure::usage(format!("The target's {reason}.")))?.into())
}

struct Loader<'a> {
    target: &'a TargetFile,
    services: Services,
    run: String,
    seed: u64,
}

impl Loader<'_> {
    fn all(&self, sizes: &[usize]) -> Result<Vec<(Organisation, Session)>, Failure> {
        let next = AtomicUsize::new(0);
        let made: Mutex<Vec<Option<(Organisation, Session)>>> = Mutex::new(vec![None; sizes.len()]);
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

    fn organisation(&self, number: usize, apis: usize) -> Result<(Organisation, Session), Failure> {
        let host = format!("o{number}.{}.example", self.run);
        let name = format!("Lab {} {number}", self.run);
        let admin = Session::sign_up(&self.services, &name, "enterprise", &format!("admin@{host}"), PASSWORD)?;
        let mut of = Organisation {
            id: admin.org.unwrap_or_default(),
            token: HeaderValue::from_static(""),
            headers: headers(self.target, &admin)?,
            apis: Vec::new(),
            sub_domains: Vec::new(),
            profiles: Vec::new(),
            invoices: Vec::new(),
            notifications: Vec::new(),
        };
        if self.services.api("profile").is_ok() {
            for p in 1..=PEOPLE {
                of.profiles.push(admin.person(&format!("Person {p}"), &format!("person{p}@{host}"))?);
            }
        }
        if self.services.api("registry").is_ok() {
            self.registry(&admin, &mut of, number, apis)?;
        }
        Ok((of, admin))
    }

    fn registry(&self, admin: &Session, of: &mut Organisation, number: usize, apis: usize) -> Result<(), Failure> {
        let domains = (1..=DOMAINS).map(|d| admin.domain(&format!("Domain {d}"))).collect::<Result<Vec<_>, _>>()?;
        for s in 1..=SUB_DOMAINS {
            of.sub_domains.push(admin.sub_domain(domains[s % DOMAINS], &format!("Sub domain {s}"))?);
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
            of.apis.push(admin.make("registry", "/apis", &body)?);
        }
        Ok(())
    }
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
