//! Invariants of every architecture, checked through the contract alone, after the load.

use std::collections::{BTreeMap, HashMap};

use behaviour::{Api, Response, Services};
use uuid::Uuid;

use super::TargetFile;
use crate::Failure;
use crate::data::{Dataset, Organisation};
use crate::load::writes::Acknowledged;

/// Adds this replicate's violations to `sums`: creations and changes that were acknowledged and aren't there, and rows
/// that appear twice in a list. All are expected 0.
///
/// # Errors
/// When a list can't be read.
pub fn audit(
    target: &TargetFile,
    data: &Dataset,
    acknowledged: &Acknowledged,
    sums: &mut BTreeMap<String, i64>,
) -> Result<(), Failure> {
    let services = target.written();
    let mut versions: HashMap<Uuid, i64> = HashMap::new();
    let mut twice = 0;
    for of in &data.organisations {
        for (service, path) in [("registry", "/apis"), ("profile", "/profiles")] {
            if let Ok(api) = services.api(service) {
                twice += list(&services, &api, of, path, &mut versions)?;
            }
        }
        if let Ok(api) = services.api("account") {
            let found = get(&services, &api, of, "")?.value();
            versions.insert(of.id, found["version"].as_i64().unwrap_or(0));
        }
    }
    let created = acknowledged.created.iter();
    let missing = created.filter(|id| !versions.contains_key(id)).count();
    let older = |(id, version): &&(Uuid, i64)| versions.get(id).is_none_or(|found| found < version);
    let lost = acknowledged.changed.iter().filter(older).count();
    for (name, count) in [
        ("acknowledged creations that are missing", missing),
        ("acknowledged changes that are missing", lost),
        ("rows that stand in a list twice", twice),
    ] {
        *sums.entry(name.to_owned()).or_default() += count as i64;
    }
    Ok(())
}

/// Every page of a list; how many rows came a second time.
fn list(
    services: &Services,
    api: &Api,
    of: &Organisation,
    path: &str,
    versions: &mut HashMap<Uuid, i64>,
) -> Result<usize, Failure> {
    let mut twice = 0;
    let mut page = format!("{path}?limit=200");
    loop {
        let found = get(services, api, of, &page)?.value();
        for item in found["items"].as_array().into_iter().flatten() {
            let id = item["id"].as_str().and_then(|id| Uuid::parse_str(id).ok());
            let known = versions.insert(id.unwrap_or_default(), item["version"].as_i64().unwrap_or(0));
            twice += usize::from(known.is_some());
        }
        match found["nextCursor"].as_str() {
            None => return Ok(twice),
            Some(cursor) => page = format!("{path}?limit=200&cursor={cursor}"),
        }
    }
}

fn get(services: &Services, api: &Api, of: &Organisation, path: &str) -> Result<Response, Failure> {
    let headers = of.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
    let call = api.get(&format!("/organisations/{}{path}", of.id)).headers(headers);
    Ok(call.send_patiently(services.patience)?.check(200)?)
}
