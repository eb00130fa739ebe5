//! `lab export`: a running system's ids, tokens and URLs, for those who bring their own load tool.

use std::path::Path;

use serde_json::{Value, json};

use crate::data::{self, Size, connect};
use crate::{Failure, Place};

/// The document: base URLs, one ready request for each operation that reads, and for each organisation its ids and a
/// token. With `fill` an empty system gets the lab's data set first.
///
/// # Errors
/// When nothing runs there, its database or key can't be read, or it isn't empty though `fill` asks for it.
pub fn export(up_json: &Path, fill: Option<(Size, u64)>, organisations: usize) -> Result<Value, Failure> {
    let target = Place::find(Some(&up_json.display().to_string()), Path::new(""))?;
    let open = |service: &str| {
        connect(target.database_of(service).ok_or_else(|| {
            Failure::usage(
                "The database of that system is unknown, so its ids can't be read: use the up.json of a running `lab up`.",
            )
        })?)
    };
    if let Some((size, seed)) = fill {
        if !target.databases.is_empty() {
            return Err(Failure::usage(
                "--generate fills one database of all services; this system has one of each: fill it by `lab import`.",
            ));
        }
        let mut client = open("account")?;
        let organisations: i64 = client
            .query_one("select count(*) from account.organisations", &[])
            .map_err(|error| data::failed("looking at the data", &error))?
            .get(0);
        if organisations > 0 {
            return Err(Failure::usage(format!(
                "--generate fills an empty system; this one has {organisations} organisations."
            )));
        }
        data::generate(&mut client, size, seed)?;
    }
    let key = up_json.with_file_name("signing-key.pem");
    let key = std::fs::read_to_string(&key)
        .map_err(|error| Failure::could_not_run(format!("{} can't be read: {error}.", key.display())))?;
    let data = data::load(open, &key)?;
    let of: Vec<Value> = data
        .organisations
        .iter()
        .take(organisations)
        .map(|of| {
            json!({
                "id": of.id,
                "authorization": of.token.to_str().unwrap_or_default(),
                "apis": of.apis,
                "subDomains": of.sub_domains,
                "profiles": of.profiles,
                "invoices": of.invoices,
                "notifications": of.notifications,
                "urls": urls(&target, of),
            })
        })
        .collect();
    Ok(json!({ "services": target.services, "organisations": of }))
}

/// Ready to be fetched with the organisation's token.
fn urls(target: &Place, of: &data::Organisation) -> Vec<String> {
    let url = |service: &str, path: String| {
        let base = target.services.get(service)?;
        Some(format!("{base}/api/v1/organisations/{}{path}", of.id))
    };
    let api = of.apis.first().map(|id| format!("/apis/{id}"));
    let person = of.profiles.first().map(|id| format!("/profiles/{id}"));
    [
        api.and_then(|path| url("registry", path)),
        url("registry", "/apis?limit=50".into()),
        person.and_then(|path| url("profile", path)),
        url("profile", "/profiles?limit=50".into()),
        url("account", String::new()),
        url("account", "/logins?limit=50".into()),
        url("billing", "/usage".into()),
        url("billing", "/invoices?limit=50".into()),
        url("notification", "/notifications?limit=50".into()),
    ]
    .into_iter()
    .flatten()
    .collect()
}
