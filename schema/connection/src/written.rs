//! An address as text and as variables, for others.

use std::fmt;

use crate::Address;
use crate::keywords::{KEYWORDS, SECRET};
use crate::text::{encoded, encoded_host, word};

impl Address {
    /// As a URL that says everything but what is in the file of passwords. Holds the password, if one was given.
    #[must_use]
    pub fn url(&self) -> String {
        self.written(self.get("password"))
    }

    fn written(&self, password: Option<&str>) -> String {
        let hosts: Vec<_> =
            self.hosts.iter().map(|host| format!("{}:{}", encoded_host(&host.name), host.port)).collect();
        let password = password.map(|password| format!(":{}", encoded(password))).unwrap_or_default();
        let mut url = format!(
            "postgresql://{}{password}@{}/{}",
            encoded(self.user()),
            hosts.join(","),
            encoded(self.get("dbname").unwrap_or_default())
        );
        let elsewhere = ["user", "password", "host", "port", "dbname"];
        let rest = self.values.iter().filter(|(name, _)| !elsewhere.contains(name));
        for (n, (name, value)) in rest.enumerate() {
            url.extend([if n == 0 { "?" } else { "&" }, name, "=", &encoded(value)]);
        }
        url
    }

    /// As `keyword='value'`, for libpq. Holds the password, if one was given.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words: Vec<_> = self.values.iter().map(|(name, value)| word(name, value)).collect();
        if !self.values.contains_key("host") && !self.values.contains_key("hostaddr") {
            // Programs and libraries don't agree where the usual socket is.
            words.extend(self.hosts.iter().map(|host| word("host", &host.name)));
        }
        words.join(" ")
    }

    /// The variables that give a program of Postgres (`pg_dump`, `psql`) this address; those with `None` have to be removed.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, Option<String>)> {
        let value = |name: &str| match name {
            "host" if self.get("hostaddr").is_none() => {
                Some(self.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(","))
            }
            _ => self.values.get(name).cloned(),
        };
        KEYWORDS.iter().filter_map(move |(name, variable)| Some(((*variable)?, value(name))))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.clone();
        for secret in SECRET {
            shown.values.remove(secret);
        }
        f.write_str(&shown.written(None))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
