//! Where a database is and as whom it is reached: a connection string with what its surroundings add.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::files::{self, Login};
use crate::keywords::{KEYWORDS, UNCHECKED, is_known, keyword};
use crate::surroundings::{SOCKETS, Surroundings, socket_folder};
use crate::text::pairs;

/// A connection string as libpq understands it, with what the environment and the service file add to it.
///
/// `Display` and `Debug` show no password; [`Address::url`] and [`Address::words`] hold the one that was given. One from the file of
/// passwords is looked up whenever a connection is made.
#[derive(Clone)]
pub struct Address {
    pub(crate) values: BTreeMap<&'static str, String>,
    pub(crate) hosts: Vec<Host>,
    home: Option<PathBuf>,
    notes: Vec<String>,
}

/// One of an address's servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name, its address or the folder of its socket; empty where only `hostaddr` is given.
    pub name: String,
    /// `hostaddr`: connected to instead of looking the name up.
    pub address: Option<String>,
    /// Its port.
    pub port: u16,
}

impl Host {
    /// Whether it is reached by a socket of this machine.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.name.starts_with(['/', '@']) && self.address.is_none()
    }

    /// What is connected to.
    #[must_use]
    pub fn target(&self) -> &str {
        self.address.as_deref().unwrap_or(&self.name)
    }
}

impl Address {
    /// Reads a connection string in any of libpq's forms: `postgresql://…` (also of several hosts, a socket's folder, `[::1]`) and
    /// `host=… dbname=…`. What it doesn't say comes from its service (`service=`, `PGSERVICE`), then from the environment (`PGHOST`,
    /// `PGPASSWORD`, `PGSSLMODE`, …), then from libpq's defaults; as for `psql`.
    ///
    /// # Errors
    /// [`Error::Usage`] where it can't be read, contradicts itself, or names a certificate or key that can't be used. Never quotes the text.
    pub fn read(text: &str) -> Result<Self, Error> {
        // Before anybody connects: else OpenSSL takes itself down when the process ends, under the threads that are connecting still.
        openssl::init();
        Self::read_in(text, &Surroundings::here())
    }

    pub(crate) fn read_in(text: &str, here: &Surroundings<'_>) -> Result<Self, Error> {
        if text.trim().is_empty() {
            let help =
                "the connection string is empty; `postgresql://` takes all from the environment (PGHOST, PGUSER, …)";
            return Err(Error::Usage(help.to_owned()));
        }
        let mut read = Self { values: BTreeMap::new(), hosts: Vec::new(), home: here.home.clone(), notes: Vec::new() };
        for (name, value) in pairs(text)? {
            if let Some(known) = read.known(&name, "the connection string") {
                read.values.insert(known, value);
            }
        }
        read.add_service(here)?;
        for (name, variable) in KEYWORDS {
            if let Some(value) = variable.and_then(|variable| (here.variable)(variable)) {
                read.values.entry(name).or_insert(value);
            }
        }
        read.add_defaults(here);
        read.hosts = read.split_hosts()?;
        read.check()?;
        Ok(read)
    }

    fn known(&mut self, name: &str, place: &str) -> Option<&'static str> {
        if !is_known(name) {
            // It may be half a password that should have been encoded.
            let plain = name.len() <= 40 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            let shown = if plain { format!("`{name}`") } else { "whose name isn't shown".to_owned() };
            self.notes.push(format!("unknown parameter {shown} in {place}: it is passed over"));
        }
        keyword(name)
    }

    fn add_service(&mut self, here: &Surroundings<'_>) -> Result<(), Error> {
        let given = self.values.get("service").cloned();
        let Some(name) = given.or_else(|| (here.variable)("PGSERVICE")) else {
            return Ok(());
        };
        let files = here.service_files();
        for file in &files {
            let Some(values) = files::service(file, &name)? else { continue };
            for (name, value) in values {
                if let Some(known) = self.known(&name, &file.display().to_string()) {
                    self.values.entry(known).or_insert(value);
                }
            }
            // Its parameters are now ours.
            self.values.remove("service");
            return Ok(());
        }
        let looked: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        let looked = if looked.is_empty() { "no service file is there".to_owned() } else { looked.join(", ") };
        Err(Error::Usage(format!("the service `{name}` isn't found ({looked})")))
    }

    fn add_defaults(&mut self, here: &Surroundings<'_>) {
        self.values.remove("service");
        if let Some(user) = &here.user
            && self.get("user").is_none()
        {
            self.values.insert("user", user.clone());
        }
        if self.get("sslrootcert") == Some("system") {
            self.values.entry("sslmode").or_insert_with(|| "verify-full".to_owned());
        }
    }

    fn split_hosts(&self) -> Result<Vec<Host>, Error> {
        let list = |name| self.get(name).map(|text| text.split(',').map(str::trim).collect::<Vec<_>>());
        let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port").unwrap_or_default());
        let count = names.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
        if addresses.as_ref().is_some_and(|addresses| addresses.len() != count) {
            return Err(Error::Usage("host and hostaddr name different numbers of hosts".to_owned()));
        }
        if ports.len() > 1 && ports.len() != count {
            return Err(Error::Usage(format!("there are {} ports for {count} host(s)", ports.len())));
        }
        let at = |list: &Option<Vec<&str>>, n: usize| {
            list.as_ref().and_then(|list| list.get(n)).map(|one| (*one).to_owned()).filter(|one| !one.is_empty())
        };
        (0..count)
            .map(|n| {
                let port = ports.get(n).or(ports.first()).copied().filter(|port| !port.is_empty()).unwrap_or("5432");
                let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                    let why = "a port isn't a number from 1 to 65535 (in a URL / : @ within a password are written %2F %3A %40)";
                    Error::Usage(why.to_owned())
                })?;
                let address = at(&addresses, n);
                let name = at(&names, n);
                let socket = || if address.is_none() { socket_folder(port).to_owned() } else { String::new() };
                Ok(Host { name: name.unwrap_or_else(socket), address, port })
            })
            .collect()
    }

    /// The value of a parameter of libpq, unless it is missing or empty.
    #[must_use]
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.values.get(keyword).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Its servers, in the order in which they are tried; at least one.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The login.
    #[must_use]
    pub fn user(&self) -> &str {
        self.get("user").unwrap_or_default()
    }

    /// The database; called as the login where none is named.
    #[must_use]
    pub fn database(&self) -> &str {
        self.get("dbname").unwrap_or_else(|| self.user())
    }

    /// What was passed over, in sentences; without secrets.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Demands that [`Address::connect`] can't check, by name.
    pub fn unchecked(&self) -> impl Iterator<Item = &'static str> {
        UNCHECKED.into_iter().filter(|name| self.get(name).is_some())
    }

    /// The same with another value of a parameter that isn't about hosts.
    #[must_use]
    pub fn with(&self, keyword: &'static str, value: &str) -> Self {
        let mut other = self.clone();
        other.values.insert(keyword, value.to_owned());
        other
    }

    /// The same, and this value where the parameter isn't given.
    #[must_use]
    pub fn or(&self, keyword: &'static str, value: &str) -> Self {
        if self.values.contains_key(keyword) { self.clone() } else { self.with(keyword, value) }
    }

    /// Another database of the same server.
    #[must_use]
    pub fn in_database(&self, name: &str) -> Self {
        self.with("dbname", name)
    }

    /// The same database as another login. Without its password it is looked for in the file of passwords.
    #[must_use]
    pub fn as_login(&self, user: &str, password: Option<&str>) -> Self {
        let mut other = self.with("user", user).with("dbname", self.database());
        match password {
            Some(password) => other.values.insert("password", password.to_owned()),
            None => other.values.remove("password"),
        };
        other
    }

    /// The password for this server: the one given, else that of the file of passwords (`passfile`, `PGPASSFILE`, `~/.pgpass`).
    ///
    /// # Errors
    /// A warning: the file isn't used, for its rights.
    pub fn password(&self, host: &Host) -> Result<Option<String>, String> {
        if let Some(given) = self.get("password") {
            return Ok(Some(given.to_owned()));
        }
        let file = self.get("passfile").map(PathBuf::from).or_else(|| Some(self.home.as_ref()?.join(".pgpass")));
        let Some(file) = file else { return Ok(None) };
        let name = if host.name.is_empty() { host.target() } else { &host.name };
        // The usual socket counts as localhost.
        let name = if SOCKETS.contains(&name) { "localhost" } else { name };
        let login = Login { host: name, port: host.port, database: self.database(), user: self.user() };
        Ok(files::password(&file, &login)?.filter(|password| !password.is_empty()))
    }

    /// A file of `~/.postgresql`, if it is there.
    pub(crate) fn usual_file(&self, name: &str) -> Option<PathBuf> {
        self.home.as_deref().map(|home: &Path| home.join(".postgresql").join(name)).filter(|file| file.exists())
    }
}
