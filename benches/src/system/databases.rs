//! The servers that hold the product's databases: one for all of them, or one for each service.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use api_centric::settings::Ttl;
use schema::{ApplyOptions, DATABASE};

use super::database::Database;
use super::relay::Relay;
use super::services::{Architecture, names};
use crate::Failure;
use crate::result::SHARED_DATABASE;

/// On how many servers the databases are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engines {
    /// All on one.
    #[default]
    One,
    /// Each service's on its own.
    PerService,
}

impl Engines {
    /// As it is typed: 1, or as many as there are services.
    ///
    /// # Errors
    /// A sentence, where it is another number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all = names().count();
        match text.parse() {
            Ok(1) => Ok(Self::One),
            Ok(number) if number == all => Ok(Self::PerService),
            _ => Err(format!("expected 1 (one Postgres for all databases) or {all} (one each) but got {text}")),
        }
    }

    /// How many servers that is.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::PerService => names().count(),
        }
    }
}

/// What goes by way of relays from one process to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Relayed {
    /// Nothing.
    #[default]
    Nothing,
    /// Calls between services: a relay before each of them.
    Calls,
    /// These, and all that services and the log's parts say to databases and to the log.
    Everything,
}

/// Which processes on which databases, and what is between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Who fills `published.<noun>`.
    pub architecture: Architecture,
    /// On how many servers the databases are.
    pub engines: Engines,
    /// What goes by way of relays, whose delay can be set.
    pub relayed: Relayed,
    /// How long a fact that was fetched over HTTP may be used again: of the API-centric architecture.
    pub cache_ttl: Ttl,
}

impl Layout {
    /// What a result calls it.
    #[must_use]
    pub fn label(self) -> String {
        match (self.architecture, self.cache_ttl) {
            (Architecture::SharedDatabase, _) => SHARED_DATABASE.to_owned(),
            (other, ttl) if ttl == Ttl::default() => other.name().to_owned(),
            (other, ttl) => format!("{}, cache of {ttl} ms", other.name()),
        }
    }
}

/// The running servers.
pub struct Databases {
    architecture: Architecture,
    /// One, or one for each service in the order of their names' table.
    servers: Vec<Database>,
    /// Before each of them, where there are relays.
    relays: Vec<Relay>,
}

impl Databases {
    /// Starts them; the first one is the home folder's own, or that of `DATABASE_URL`.
    pub fn start(
        architecture: Architecture,
        engines: Engines,
        home: &Path,
        ephemeral: bool,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let mut all = Self { architecture, servers: Vec::new(), relays: Vec::new() };
        for (number, service) in names().take(engines.count()).enumerate() {
            let further = (number > 0).then_some(service);
            all.servers.push(Database::start(home, further, ephemeral, stop)?);
        }
        Ok(all)
    }

    /// From now on logins' URLs lead to relays, which are returned; the superuser's don't.
    pub fn relay(&mut self) -> Result<Vec<Relay>, Failure> {
        let relays = self.servers.iter().map(|server| Relay::before(server.url()));
        self.relays = relays.collect::<Result<_, _>>()?;
        Ok(self.relays.clone())
    }

    /// Roles, tables, keys, views and grants as this program knows them.
    pub fn prepare(&self, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
        let own = self.architecture.own_databases();
        if own.is_empty() {
            self.servers[0].prepare(DATABASE.to_owned(), ApplyOptions::default(), stop)?;
        }
        own.into_iter().try_for_each(|own| self.of(own.service()).prepare(own.name(), ApplyOptions::alone(own), stop))
    }

    /// The server that holds a service's rows.
    fn of(&self, service: &str) -> &Database {
        &self.servers[self.place(service)]
    }

    fn place(&self, service: &str) -> usize {
        names().position(|name| name == service).unwrap_or(0).min(self.servers.len() - 1)
    }

    /// The database with a service's rows as a login.
    pub fn login_url(&self, role: &str, service: &str) -> Result<String, Failure> {
        let url = self.of(service).login_url(role, &self.architecture.database_of(service))?;
        self.relays.get(self.place(service)).map_or(Ok(url.clone()), |relay| relay.instead_of(&url))
    }

    /// The database with a service's rows as the superuser.
    pub fn superuser_url(&self, service: &str) -> Result<String, Failure> {
        self.of(service).superuser_url(&self.architecture.database_of(service))
    }

    /// Why one no longer takes connections, reported once, and only of what we started.
    pub fn died(&mut self) -> Option<String> {
        self.servers.iter_mut().find_map(Database::died)
    }

    /// Stops all servers for a while; or the database of one service alone, where it has its own.
    pub fn pause(&mut self, service: Option<&str>) -> Result<(), Failure> {
        match service {
            None => self.servers.iter_mut().try_for_each(Database::pause),
            Some(service) if self.servers.len() == 1 => self.of(service).close(&self.own(service)?),
            Some(service) => {
                let place = self.place(service);
                self.servers[place].pause()
            }
        }
    }

    /// Starts again what was stopped; what runs is left alone.
    pub fn resume(&mut self, service: Option<&str>) -> Result<(), Failure> {
        match service {
            None => self.servers.iter_mut().try_for_each(Database::resume),
            Some(service) if self.servers.len() == 1 => self.of(service).open_again(&self.own(service)?),
            Some(service) => {
                let place = self.place(service);
                self.servers[place].resume()
            }
        }
    }

    fn own(&self, service: &str) -> Result<String, Failure> {
        let own = self.architecture.own_databases().into_iter().find(|own| own.service() == service);
        let none = || Failure::usage(format!("{service} has no database of its own here: all services share one."));
        own.map(schema::OwnDatabase::name).ok_or_else(none)
    }
}

impl Drop for Databases {
    /// The home folder's own one ends last: the others' folders are in it.
    fn drop(&mut self) {
        while self.servers.pop().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_one_each() {
        assert_eq!([Engines::parse("1"), Engines::parse("5")], [Ok(Engines::One), Ok(Engines::PerService)]);
        for wrong in ["0", "2", "x"] {
            assert!(Engines::parse(wrong).unwrap_err().contains("1 (one Postgres"), "{wrong}");
        }
    }
}
