//! Where a deployment is: the line that `lab up` prints and keeps, and what `--target` may say instead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Failure;

/// Name of the file in the home folder that names what is up.
pub const UP_JSON: &str = "up.json";

/// Everything a script needs to stand on a running system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Base URL of each service by its name.
    pub services: BTreeMap<String, String>,
    /// How the services get at each other's data: `shared-database`, `api-centric` or `self-contained`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The one database of all services as a superuser: for development alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,
    /// Where each service has its own: the same of each, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<String, String>,
    /// Where copies are fed from a log: base URL of each of its parts (`/metrics`, `/readyz`), by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, String>,
    /// There: Kafka's bootstrap servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<String>,
    /// A login of the platform's own staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// Where the mails go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
    /// The one origin of all services, where there is a gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The stand-in for the payment provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payments: Option<String>,
    /// The file with seconds that all services add to the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_file: Option<PathBuf>,
    /// The file that holds this: of a throw-away system nobody could know its folder otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_json: Option<PathBuf>,
}

/// Credentials of the platform's own staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The login.
    pub email: String,
    /// In clear: this is a development system.
    pub password: String,
}

impl Place {
    /// What `--target` says, or else what is up in this home folder.
    pub fn find(given: Option<&str>, home: &Path) -> Result<Self, Failure> {
        match given {
            Some(text) if text.contains('=') || is_url(text) => Self::from_urls(text),
            Some(file) => Self::from_file(Path::new(file)),
            None => Self::from_file(&home.join(UP_JSON)),
        }
    }

    /// The one line, for scripts.
    pub fn line(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(|error| Failure::could_not_run(format!("{error}.")))
    }

    /// Base URL of a service.
    pub fn url(&self, service: &str) -> Result<&str, Failure> {
        self.services
            .get(service)
            .map(String::as_str)
            .ok_or_else(|| Failure::usage(format!("Service {service} not found in the target: add {service}=http://…")))
    }

    /// The database that holds a service's rows, as a superuser; `None` where it is unknown.
    pub fn database_of(&self, service: &str) -> Option<&str> {
        self.databases.get(service).or(self.database_url.as_ref()).map(String::as_str)
    }

    /// What stands in a file that `lab up` wrote.
    pub fn from_file(file: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::could_not_run(format!(
                "Nothing seems to be up ({} doesn't exist): start it with `lab up`, or say where it is with --target.",
                file.display()
            )),
            _ => Failure::could_not_run(format!("{} can't be read: {error}.", file.display())),
        })?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::usage(format!("{} isn't what `lab up` writes: {error}.", file.display())))
    }

    /// `account=http://…,registry=http://…`, or one origin that holds them all.
    fn from_urls(text: &str) -> Result<Self, Failure> {
        let mut services = BTreeMap::new();
        for part in text.split(',') {
            let (names, url) = match part.split_once('=') {
                Some((name, url)) if !is_url(name) => (vec![name.trim()], url.trim()),
                _ => (schema::SERVICES.to_vec(), part.trim()),
            };
            if !is_url(url) || url::Url::parse(url).is_err() {
                return Err(Failure::usage(format!("Expected an http URL in --target but got {url:?}.")));
            }
            for name in names {
                services.insert(name.to_owned(), url.trim_end_matches('/').to_owned());
            }
        }
        Ok(Self {
            services,
            architecture: None,
            database_url: None,
            databases: BTreeMap::new(),
            parts: BTreeMap::new(),
            kafka: None,
            operator: None,
            mailbox: None,
            gateway: None,
            payments: None,
            clock_file: None,
            up_json: None,
        })
    }
}

pub(crate) fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_urls_or_one_origin() {
        let home = Path::new("/nowhere");
        let list = Place::find(Some("account=http://a:1/, registry=http://r:2"), home).unwrap();
        assert_eq!(list.url("account").unwrap(), "http://a:1");
        assert_eq!(list.url("registry").unwrap(), "http://r:2");
        assert!(list.url("profile").is_err());
        let origin = Place::find(Some("http://gateway/x?y=z"), home).unwrap();
        assert_eq!(origin.url("profile").unwrap(), "http://gateway/x?y=z");
        assert!(Place::find(Some("account=ftp://a"), home).is_err());
    }

    #[test]
    fn nothing_up_is_one_clear_sentence() {
        let error = Place::find(None, Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.starts_with("Nothing seems to be up") && error.contains("lab up"), "{error}");
    }
}
