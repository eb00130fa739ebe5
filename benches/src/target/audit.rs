//! What every architecture must keep, looked at through the contract alone, after the load.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::TargetFile;
use super::client::{Ask, Client};
use crate::Failure;
use crate::data::{Dataset, Organisation};
use crate::load::writes::Acknowledged;

/// Adds this replicate's violations to `sums`: creations and changes that were acknowledged and aren't there, and rows
/// that stand in a list twice. All are expected 0.
///
/// # Errors
/// When a list can't be read.
pub fn audit(
    target: &TargetFile,
    data: &Dataset,
    acknowledged: &Acknowledged,
    sums: &mut BTreeMap<String, i64>,
) -> Result<(), Failure> {
    let client = Client::new(target.timeout());
    let mut versions: HashMap<Uuid, i64> = HashMap::new();
    let mut twice = 0;
    for of in &data.organisations {
        for (service, path) in [("registry", "/apis"), ("profile", "/profiles")] {
            let Some(base) = target.writes(service) else {
                continue;
            };
            let url = format!("{base}/api/v1/organisations/{}{path}", of.id);
            twice += list(&client, of, &url, &mut versions)?;
        }
        if let Some(base) = target.writes("account") {
            let url = format!("{base}/api/v1/organisations/{}", of.id);
            let found = get(&client, of, &url)?;
            versions.insert(of.id, found.body["version"].as_i64().unwrap_or(0));
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
fn list(client: &Client, of: &Organisation, url: &str, versions: &mut HashMap<Uuid, i64>) -> Result<usize, Failure> {
    let mut twice = 0;
    let mut page = format!("{url}?limit=200");
    loop {
        let found = get(client, of, &page)?;
        for item in found.items() {
            let id = item["id"].as_str().and_then(|id| Uuid::parse_str(id).ok());
            let known = versions.insert(id.unwrap_or_default(), item["version"].as_i64().unwrap_or(0));
            twice += usize::from(known.is_some());
        }
        match found.text("nextCursor") {
            "" => return Ok(twice),
            cursor => page = format!("{url}?limit=200&cursor={cursor}"),
        }
    }
}

fn get(client: &Client, of: &Organisation, url: &str) -> Result<super::client::Answer, Failure> {
    let ask = Ask { method: "GET", url, headers: &of.headers, if_match: None, body: None };
    client.insist(ask, 200)
}
