//! Where the services are.

use crate::http::{Api, Client, Failed};

/// Base URLs of the services that take part; the others are not called.
#[derive(Debug, Clone, Default)]
pub struct Urls {
    /// Account's.
    pub account: Option<String>,
    /// Profile's.
    pub profile: Option<String>,
    /// Registry's.
    pub registry: Option<String>,
    /// Billing's.
    pub billing: Option<String>,
    /// Notification's.
    pub notification: Option<String>,
}

impl Urls {
    /// A service's base URL, by its name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let url = match name {
            "account" => &self.account,
            "profile" => &self.profile,
            "registry" => &self.registry,
            "billing" => &self.billing,
            "notification" => &self.notification,
            _ => &None,
        };
        url.as_deref()
    }
}

/// The services, and the client that all calls to them go through.
#[derive(Clone, Default)]
pub struct Services {
    /// The client.
    pub client: Client,
    /// Where the services are.
    pub urls: Urls,
    /// Where rows are written, for those that only answer reads.
    pub writes: Urls,
}

impl Services {
    /// These services, with a client of their own.
    pub fn new(urls: Urls) -> Self {
        Self { urls, ..Self::default() }
    }

    /// A service by its name; an error if it takes no part.
    pub fn api(&self, name: &str) -> Result<Api, Failed> {
        let (url, writes) = (self.urls.get(name), self.writes.get(name));
        let base = url.or(writes).ok_or_else(|| Failed(format!("the service {name} takes no part: it has no URL")))?;
        let api = self.client.api(base);
        Ok(match writes {
            Some(writes) => api.writing_to(writes),
            None => api,
        })
    }
}
