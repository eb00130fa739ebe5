//! `target.toml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use behaviour::{Client, Services};
use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::settle::settling;
use crate::{Failure, Place};

/// Another system under test: where it is and how it is called. Only `services` is needed; unknown fields are refused, so that a
/// misspelt one can't silently change what is measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TargetFile {
    /// Its name in reports.
    #[serde(default = "unnamed")]
    pub label: String,
    /// Base URL of each service, without `/api/v1`; those that are missing are not driven.
    pub services: BTreeMap<String, String>,
    /// Headers of every request; `{token}` is the session's, `{organisation}` its id.
    #[serde(default = "bearer")]
    pub headers: BTreeMap<String, String>,
    /// After so many milliseconds without an answer a request has failed.
    #[serde(default = "ten_seconds")]
    pub timeout_ms: u64,
    /// Posted to before the data is loaded, where the system can be emptied so.
    pub reset: Option<String>,
    /// Where rows are written, for a service that only answers reads.
    #[serde(default)]
    pub load_at: BTreeMap<String, String>,
    /// Milliseconds after loading until all of it can be read.
    #[serde(default)]
    pub visible_after_ms: u64,
    /// Requests per second of each service; without them `--rates-from`, or 100 in all by the workload's weights.
    #[serde(default)]
    pub rates: BTreeMap<String, f64>,
    /// Where copies are fed from a log of ours: base URLs of its parts, which know when all have what was written.
    #[serde(default)]
    pub parts: BTreeMap<String, String>,
    /// A login of an organisation that is frozen: without one the probe can't ask for a 402.
    pub frozen: Option<Frozen>,
    /// Level B2: its databases.
    #[serde(default)]
    pub postgres: Vec<PostgresTarget>,
    /// Level B3: process ids on this machine, by service.
    #[serde(default)]
    pub processes: BTreeMap<String, u32>,
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Frozen {
    /// The login's e-mail address; it may read.
    pub email: String,
    /// In clear: this is a system made for measuring.
    pub password: String,
}

/// One database of a target.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresTarget {
    /// As a member of `pg_monitor`.
    pub url: String,
    /// Which service each login is of; `<service>_reader` and `<service>_writer` are known.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

fn unnamed() -> String {
    "unnamed target".into()
}

fn bearer() -> BTreeMap<String, String> {
    [("authorization".to_owned(), "Bearer {token}".to_owned())].into()
}

fn ten_seconds() -> u64 {
    10_000
}

impl TargetFile {
    /// The value of `--target`: such a file, an `up.json`, or base URLs.
    ///
    /// # Errors
    /// A sentence that names what is wrong with it.
    pub fn find(given: &str) -> Result<Self, Failure> {
        if Path::new(given).extension().is_some_and(|end| end == "toml") {
            return Self::read(Path::new(given));
        }
        let known = Place::find(Some(given), Path::new(""))?;
        Ok(Self {
            label: unnamed(),
            services: known.services,
            headers: bearer(),
            timeout_ms: ten_seconds(),
            reset: None,
            load_at: BTreeMap::new(),
            visible_after_ms: 0,
            rates: BTreeMap::new(),
            frozen: None,
            parts: known.parts,
            postgres: Vec::new(),
            processes: BTreeMap::new(),
        })
    }

    /// Reads and checks one.
    ///
    /// # Errors
    /// A sentence that names the file and the place.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("{} can't be read: {error}.", file.display())))?;
        Self::parse(&text).map_err(|reason| Failure::usage(format!("{}: {reason}.", file.display())))
    }

    /// Reads TOML.
    ///
    /// # Errors
    /// What is wrong with it, without a full stop.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut target: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let known: Vec<&str> = crate::system::services::names().collect();
        if target.services.is_empty() {
            return Err("[services] names no base URL".into());
        }
        for (table, urls) in [("services", &mut target.services), ("load-at", &mut target.load_at)] {
            for (name, url) in urls {
                service(table, name, &known)?;
                if !crate::place::is_url(url) || url::Url::parse(url).is_err() {
                    return Err(format!("{table}.{name} = {url:?} isn't an http URL"));
                }
                *url = url.trim_end_matches('/').to_owned();
            }
        }
        for (name, rate) in &target.rates {
            service("rates", name, &known)?;
            if !rate.is_finite() || *rate <= 0.0 {
                return Err(format!("rates.{name} must be above 0"));
            }
        }
        for name in target.processes.keys() {
            service("processes", name, &known)?;
        }
        if target.timeout_ms == 0 {
            return Err("timeout-ms must be above 0".into());
        }
        target.headers_for("t", "o")?;
        Ok(target)
    }

    /// How long a request is waited for.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How it is asked through the contract: reads and writes where they are answered, with its headers.
    #[must_use]
    pub fn contract(&self) -> Services {
        let target = self.clone();
        let headers = move |token: &str, org: Option<&str>| target.filled(token, org.unwrap_or_default()).collect();
        let client = settling(Client::with_timeout(self.timeout()).authorized(headers), &self.parts);
        let (urls, writes) = (self.services.iter().collect(), self.load_at.iter().collect());
        Services { client, urls, writes, ..Services::default() }
    }

    /// The same where rows are written, for reads, too.
    #[must_use]
    pub fn written(&self) -> Services {
        Services { urls: self.services.iter().chain(&self.load_at).collect(), ..self.contract() }
    }

    /// The headers with a session's values filled in.
    ///
    /// # Errors
    /// Which header can't stand in a request.
    pub fn headers_for(&self, token: &str, organisation: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        self.filled(token, organisation)
            .map(|(name, value)| {
                let header = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| format!("headers.{name} isn't a valid header name"))?;
                let value =
                    HeaderValue::from_str(&value).map_err(|_| format!("headers.{name} has an invalid value"))?;
                Ok((header, value))
            })
            .collect()
    }

    fn filled(&self, token: &str, organisation: &str) -> impl Iterator<Item = (String, String)> {
        self.headers.iter().map(move |(name, template)| {
            (name.clone(), template.replace("{token}", token).replace("{organisation}", organisation))
        })
    }
}

fn service(table: &str, name: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&name) {
        Ok(())
    } else {
        Err(format!("{table}.{name}: unknown service; expected one of {}", known.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_enough() {
        let text = "[services]\nregistry = \"http://r:1/\"\nprofile = \"https://gateway/x\"";
        let target = TargetFile::parse(text).unwrap();
        assert_eq!(target.services["registry"], "http://r:1");
        assert_eq!(target.written().urls.get("registry"), Some("http://r:1"));
        assert_eq!(target.written().urls.get("billing"), None);
        assert_eq!(target.timeout(), Duration::from_secs(10));
        let headers = target.headers_for("abc", "o").unwrap();
        assert_eq!(headers[0].0, "authorization");
        assert_eq!(headers[0].1, "Bearer abc");
    }

    #[test]
    fn every_entry_is_read() {
        let text = r#"
            label = "composed"
            timeout-ms = 500
            visible-after-ms = 2000
            reset = "http://x/reset"
            [services]
            registry = "http://r:1"
            [load-at]
            registry = "http://w:1"
            [headers]
            x-api-key = "{token}"
            x-tenant = "{organisation}"
            [rates]
            registry = 20
            [frozen]
            email = "a@b.example"
            password = "p"
            [[postgres]]
            url = "postgres://monitor@db/registry"
            roles = { app = "registry" }
            [processes]
            registry = 17
        "#;
        let target = TargetFile::parse(text).unwrap();
        assert_eq!(target.written().urls.get("registry"), Some("http://w:1"));
        assert_eq!(target.contract().api("registry").unwrap().base(), "http://r:1");
        assert_eq!(target.postgres[0].roles["app"], "registry");
        let headers = target.headers_for("abc", "o1").unwrap();
        assert_eq!(headers[1].1, "o1");
    }

    #[test]
    fn unknown_and_invalid_entries_are_refused() {
        let with = |more: &str| format!("{more}\n[services]\nregistry = \"http://r\"\n");
        for (bad, named) in [
            (with("labell = \"x\""), "labell"),
            (with("timeout-ms = 0"), "timeout-ms"),
            ("[services]\n".to_owned(), "services"),
            ("[services]\nregister = \"http://r\"".to_owned(), "register"),
            ("[services]\nregistry = \"ftp://r\"".to_owned(), "ftp://r"),
            (with("") + "[rates]\nregistry = -1", "rates.registry"),
            (with("") + "[headers]\n\"no name\" = \"x\"", "no name"),
            (with("") + "[[postgres]]\nurl = \"x\"\nrole = 1", "role"),
        ] {
            let error = TargetFile::parse(&bad).unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
    }
}
