//! Where an arm is played: the database, the organisations, and the services where they run.

use std::sync::Arc;

use uuid::Uuid;

use crate::Failure;
use crate::data::{connect, failed};
use crate::load::writes::Written;
use crate::system::Site;

/// Which of an arm's hot organisations is used: far enough down the skewed sizes that its neighbour is about as large.
const HOT: usize = 10;

/// A filled database, and the services that stand on it where there are any.
pub struct Stage<'a> {
    /// The database as superuser.
    pub database_url: String,
    /// The services; none: scenarios that ask them can't be played.
    pub site: Option<&'a dyn Site>,
    /// Names and process ids of the services.
    pub processes: Vec<(String, u32)>,
    /// Ids of the organisations, most popular first.
    pub organisations: Vec<Uuid>,
}

/// Where one actor's work goes.
#[derive(Clone, Debug)]
pub struct Workplace {
    /// The database that its sessions log in to, as superuser.
    pub database_url: String,
    /// Ordinals of the organisations that it touches.
    pub organisations: Arc<Vec<usize>>,
    /// What it changed there over HTTP.
    pub written: Arc<Written>,
}

impl<'a> Stage<'a> {
    /// On this database.
    ///
    /// # Errors
    /// When it can't be read, or holds no organisation.
    pub fn new(database_url: &str, site: Option<&'a dyn Site>, processes: Vec<(String, u32)>) -> Result<Self, Failure> {
        let rows = connect(database_url)?
            .query("select o.id from account.organisations o order by o.created_at, o.id", &[])
            .map_err(|error| failed("reading the organisations", &error))?;
        let organisations: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        if organisations.len() < 4 {
            return Err(Failure::could_not_run("The database holds too few organisations."));
        }
        Ok(Self { database_url: database_url.to_owned(), site, processes, organisations })
    }

    /// Everybody at the same place: this database, one half of the organisations.
    #[must_use]
    pub fn here(&self) -> Workplace {
        Workplace {
            database_url: self.database_url.clone(),
            organisations: Arc::new(half(self.organisations.len(), true)),
            written: self.site.map(|site| Arc::clone(site.written())).unwrap_or_default(),
        }
    }

    /// The hot organisation of a place and all of them, as a script names them.
    #[must_use]
    pub fn names(&self, place: &Workplace) -> (String, String) {
        let id = |&ordinal: &usize| self.organisations.get(ordinal).copied().unwrap_or_default();
        let all: Vec<String> = place.organisations.iter().map(|ordinal| format!("'{}'", id(ordinal))).collect();
        (id(&hot(place)).to_string(), all.join(","))
    }
}

/// The ordinal of a place's hot organisation.
#[must_use]
pub fn hot(place: &Workplace) -> usize {
    let of = &place.organisations;
    of.get(HOT.min(of.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// One of two disjoint halves of `count` organisations of falling size, about equally large: of each four in a row the
/// first half has the outer two, the second half the inner two.
#[must_use]
pub fn half(count: usize, first: bool) -> Vec<usize> {
    (0..count).filter(|k| matches!(k % 4, 0 | 3) == first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_disjoint_and_about_as_large() {
        let (a, b) = (half(100, true), half(100, false));
        assert_eq!(a.len() + b.len(), 100);
        assert!(a.iter().all(|k| !b.contains(k)));
        let size = |of: &[usize]| -> f64 { of.iter().map(|&k| (k as f64 + 1.0).powf(-0.8)).sum() };
        let ratio = size(&a) / size(&b);
        assert!((0.9..1.1).contains(&ratio), "{ratio}");
        assert!(hot(&place(a)).abs_diff(hot(&place(b))) <= 2);
    }

    fn place(organisations: Vec<usize>) -> Workplace {
        Workplace { database_url: String::new(), organisations: Arc::new(organisations), written: Arc::default() }
    }
}
