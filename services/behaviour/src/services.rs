//! Where the services are.

use crate::http::{Api, Client, Failed, Patience};

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

/// By the services' names; other names are left out.
impl<N: AsRef<str>, U: Into<String>> FromIterator<(N, U)> for Urls {
    fn from_iter<I: IntoIterator<Item = (N, U)>>(named: I) -> Self {
        let mut urls = Self::default();
        for (name, url) in named {
            let place = match name.as_ref() {
                "account" => &mut urls.account,
                "profile" => &mut urls.profile,
                "registry" => &mut urls.registry,
                "billing" => &mut urls.billing,
                "notification" => &mut urls.notification,
                _ => continue,
            };
            *place = Some(url.into());
        }
        urls
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
    /// How long a [`crate::Session`] repeats a request.
    pub patience: Patience,
}

impl Services {
    /// These services, with a client of their own.
    pub fn new(urls: Urls) -> Self {
        Self { urls, ..Self::default() }
    }

    /// A service by its name; an error if it takes no part.
    pub fn api(&self, name: &str) -> Result<Api, Failed> {
        let (url, writes) = (self.urls.get(name), self.writes.get(name));
        let base = url.or(writes).ok_or_else(|| Failed::NoService(name.to_owned()))?;
        let api = self.client.api(base);
        Ok(match writes {
            Some(writes) => api.writing_to(writes),
            None => api,
        })
    }
}
