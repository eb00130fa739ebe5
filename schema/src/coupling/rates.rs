//! Who uses whose tables right now: calls per second, from the counters of the server.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use postgres::Client;

use super::Owners;
use super::catalogue::Catalogue;
use super::resolve::Resolver;
use super::statements::{Statement, from_pg_stat_statements};
use crate::error::Result;

/// So many statements are resolved in one go; the others follow the next time.
const RESOLVED_AT_ONCE: usize = 50;

/// Rates since the reading before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rates {
    /// Calls per second, by service.
    pub services: BTreeMap<String, f64>,
    /// Calls per second of statements of the first service that use tables or views of the second one.
    pub uses: BTreeMap<(String, String), f64>,
    /// Statements of services that aren't resolved yet.
    pub unresolved: usize,
}

/// Reads the counters again and again, and resolves each statement once.
#[derive(Default)]
pub struct Counting {
    owners: Owners,
    catalogue: Option<Catalogue>,
    /// By role and text: the services whose tables or views the statement uses, but its own.
    used: HashMap<(String, String), BTreeSet<String>>,
    calls: HashMap<(String, String), i64>,
    read: Option<Instant>,
}

impl Counting {
    /// Services as these owners have it.
    #[must_use]
    pub fn of(owners: Owners) -> Self {
        Self { owners, ..Self::default() }
    }

    /// Rates since the last reading; of the first one each rate is 0. None: the server doesn't count statements. Which tables are used is
    /// known with a superuser's connection alone.
    ///
    /// # Errors
    /// Where the counters, or the statements of other roles, can't be read.
    pub fn read(&mut self, client: &mut Client, superuser: bool) -> Result<Option<Rates>> {
        let Some((statements, _)) = from_pg_stat_statements(client)? else {
            return Ok(None);
        };
        let seconds = self.read.replace(Instant::now()).map(|at| at.elapsed().as_secs_f64());
        let unresolved = if superuser { self.resolve(client, &statements)? } else { 0 };
        let mut rates = Rates { unresolved, ..Rates::default() };
        let mut now = HashMap::new();
        for one in statements {
            let service = match &self.catalogue {
                Some(catalogue) => catalogue.roles.get(&one.role).cloned(),
                None => self.owners.of_role(&one.role),
            };
            let Some(service) = service else { continue };
            let key = (one.role, one.sql);
            // What is first seen was called since the last reading. Counters that fell were reset.
            let before = self.calls.get(&key).copied().unwrap_or(0);
            let calls = (one.calls - before).max(0) as f64;
            let rate = seconds.map_or(0.0, |seconds| calls / seconds.max(0.001));
            *rates.services.entry(service.clone()).or_default() += rate;
            for owner in self.used.get(&key).into_iter().flatten() {
                *rates.uses.entry((service.clone(), owner.clone())).or_default() += rate;
            }
            now.insert(key, one.calls);
        }
        // What the server has forgotten is forgotten here, too.
        self.used.retain(|key, _| now.contains_key(key));
        self.calls = now;
        Ok(Some(rates))
    }

    /// Resolves statements that are new: how many are left.
    fn resolve(&mut self, client: &mut Client, statements: &[Statement]) -> Result<usize> {
        let mut new: Vec<_> =
            statements.iter().filter(|one| !self.used.contains_key(&(one.role.clone(), one.sql.clone()))).collect();
        if new.is_empty() {
            return Ok(0);
        }
        let catalogue = Catalogue::of_roles(client, &self.owners)?.read(client, &self.owners)?;
        new.retain(|one| catalogue.roles.contains_key(&one.role));
        new.sort_by_key(|one| -one.calls);
        let mut resolver = Resolver::new(client)?;
        for one in new.iter().take(RESOLVED_AT_ONCE) {
            let resolved = resolver.resolve(&one.role, &one.sql)?;
            let owner = |name: &String| Some(catalogue.relations[catalogue.by_name.get(name)?].service.clone());
            let mut owners: BTreeSet<_> = resolved.uses.keys().filter_map(owner).collect();
            owners.remove(&catalogue.roles[&one.role]);
            self.used.insert((one.role.clone(), one.sql.clone()), owners);
        }
        let left = new.len().saturating_sub(RESOLVED_AT_ONCE);
        self.catalogue = Some(catalogue);
        Ok(left)
    }
}
