//! The environment that each process is started with.

use std::collections::BTreeMap;
use std::path::Path;

use api_centric::settings::Ttl;
use schema::OwnDatabase;

use super::databases::Databases;
use super::log::Log;
use super::relay::Relay;
use super::services::{Architecture, Kind, Service, names};
use crate::Failure;

/// Limits that are switched off here, unless they are set in the environment.
pub const LIMITS: [&str; 8] = [
    "WRITE_LIMIT_PER_TOKEN",
    "WRITE_LIMIT_PER_ADDRESS",
    "CONNECTIONS_PER_ADDRESS",
    "SIGN_UP_LIMIT_PER_ADDRESS",
    "HASH_QUEUE_PER_CLIENT",
    "MAILS_PER_ADDRESS",
    "MAILS_PER_ORGANISATION",
    "ASKS_PER_ORGANISATION",
];

/// What the settings of all processes are made of.
pub struct Surroundings<'a> {
    /// Who fills `published.<noun>`.
    pub architecture: Architecture,
    /// Base URLs of all processes.
    pub urls: &'a BTreeMap<&'static str, String>,
    /// Relays before services, by name: the others call by way of them.
    pub relays: &'a BTreeMap<&'static str, Relay>,
    /// The servers that hold the databases.
    pub databases: &'a Databases,
    /// Account's, in PEM.
    pub signing_key: &'a str,
    /// What all add to the time.
    pub clock_file: &'a Path,
    /// How long a fact that was fetched over HTTP may be used again.
    pub cache_ttl: Ttl,
    /// Where the log is, if there is one.
    pub log: Option<&'a Log>,
    /// What each service proves itself with to the others, by name.
    pub secrets: &'a BTreeMap<&'static str, String>,
}

/// What every process gets, what a service with a schema gets, and what its line in the table adds.
pub fn of(service: &Service, around: &Surroundings<'_>) -> Result<Vec<(String, String)>, Failure> {
    let Surroundings { urls, databases, signing_key, clock_file, .. } = *around;
    let name = service.of_product();
    let listen = urls.get(service.name).and_then(|url| url.strip_prefix("http://")).unwrap_or_default();
    let mut settings =
        vec![("LISTEN".to_owned(), listen.to_owned()), ("CLOCK_FILE".to_owned(), clock_file.display().to_string())];
    if service.kind == Kind::Service {
        for (variable, suffix) in [("DATABASE_READ_URL", "reader"), ("DATABASE_WRITE_URL", "writer")] {
            let url = databases.login_url(&format!("{name}_{suffix}"), name)?;
            settings.push((variable.to_owned(), url));
        }
        if around.architecture == Architecture::ApiCentric {
            settings.extend(calls(name, around)?);
        }
    }
    if let (Kind::Relay | Kind::Ingester, Some(log)) = (service.kind, around.log) {
        settings.extend(log.settings());
        settings.push(("SERVICE".to_owned(), name.to_owned()));
        let own = OwnDatabase::of(name)?;
        let (variable, login) = match service.kind {
            Kind::Relay => ("RELAY_DATABASE_URL", own.relay()),
            _ => ("COPIER_DATABASE_URL", own.copier()),
        };
        settings.push((variable.to_owned(), databases.login_url(&login, name)?));
    }
    if let (Kind::Broker, Some(port)) = (service.kind, around.log.and_then(|log| log.advertised_port)) {
        settings.push(("BROKER_ADVERTISED_PORT".to_owned(), port.to_string()));
    }
    if service.kind == Kind::Service {
        // The lab is one address with a few tokens that write as fast as they can; `lab up` prints so.
        let off = LIMITS.iter().filter(|name| std::env::var_os(name).is_none());
        settings.extend(off.map(|name| ((*name).to_owned(), "0".to_owned())));
        if urls.contains_key(super::gateway::PORT.name) {
            settings.push(("TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned()));
        }
    }
    // Where the clock is, is where everything of this lab is.
    let home = clock_file.parent().unwrap_or(clock_file);
    for (variable, value) in service.env {
        settings.push(((*variable).to_owned(), fill(value, urls, signing_key, home)?));
    }
    Ok(settings)
}

/// Where the others are, and how they are called.
fn calls(service: &str, around: &Surroundings<'_>) -> Result<Vec<(String, String)>, Failure> {
    let own = OwnDatabase::of(service)?;
    // Account checks everyone's secret, the others hold only theirs.
    let known = around.secrets.iter().filter(|(name, _)| service == "account" || **name == service);
    let known: Vec<_> = known.map(|(name, secret)| format!("{name}={secret}")).collect();
    let mut settings = vec![
        ("COPIER_DATABASE_URL".to_owned(), around.databases.login_url(&own.copier(), service)?),
        ("SERVICE_CREDENTIALS".to_owned(), known.join(",")),
        ("CACHE_TTL_MS".to_owned(), around.cache_ttl.to_string()),
    ];
    let url = |name: &'static str| {
        let relayed = around.relays.get(name).map(Relay::url);
        let url = relayed.or_else(|| around.urls.get(name).map(String::as_str))?;
        Some((format!("{}_URL", name.to_uppercase()), url.to_owned()))
    };
    settings.extend(names().filter_map(url));
    Ok(settings)
}

fn fill(value: &str, urls: &BTreeMap<&'static str, String>, signing_key: &str, home: &Path) -> Result<String, Failure> {
    let unknown = || Failure::could_not_run(format!("Unknown placeholder in the table of services: {value}."));
    let Some((before, rest)) = value.split_once('{') else {
        return Ok(value.to_owned());
    };
    let (name, after) = rest.split_once('}').ok_or_else(unknown)?;
    let filled = match (name, name.split_once(':')) {
        ("signing-key", _) => signing_key.to_owned(),
        ("home", _) => home.display().to_string(),
        (_, Some(("url", name))) => urls.get(name).ok_or_else(unknown)?.clone(),
        (_, Some(("port", name))) => {
            let url = urls.get(name).ok_or_else(unknown)?;
            let (_, port) = url.rsplit_once(':').ok_or_else(unknown)?;
            port.to_owned()
        }
        _ => return Err(unknown()),
    };
    Ok(format!("{before}{filled}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::services::{LOG, SERVICES};

    #[test]
    fn every_setting_of_the_table_can_be_filled_in() {
        let all = || SERVICES.iter().chain(LOG);
        let urls = all().map(|one| (one.name, format!("http://127.0.0.1:{}", one.port))).collect();
        for service in all() {
            for (variable, value) in service.env {
                fill(value, &urls, "key", Path::new("/home"))
                    .unwrap_or_else(|error| panic!("{}, {variable}: {error}", service.name));
            }
        }
        assert_eq!(fill("{url:registry}/x", &urls, "key", Path::new("/home")).unwrap(), "http://127.0.0.1:1/x");
        assert_eq!(fill("{signing-key}", &urls, "key", Path::new("/home")).unwrap(), "key");
        assert_eq!(fill("127.0.0.1:{port:smtp}", &urls, "key", Path::new("/home")).unwrap(), "127.0.0.1:8");
        assert!(fill("{url:nobody}", &urls, "key", Path::new("/home")).is_err());
    }
}
