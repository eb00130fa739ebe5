//! Where it runs: by default on a copy that is made for the run and gone after it, on the same server or on one of its own.

use std::collections::BTreeMap;

use schema::cluster::{Cluster, ClusterOptions};
use schema::connection::Address;
use schema::copy::{self, Copy};
use schema::session::{Session, address, identifier};

use crate::Failure;

mod leftover;
pub(super) mod note;
mod settings;
mod surroundings;

use leftover::Guard;
use surroundings::{is_here, others, passwords, roles_are_there};

/// Copies up to so many bytes are made anew for each replicate.
const RESET_MAX: i64 = 1 << 30;
/// Part of the names of our copies.
const PURPOSE: &str = "sql";

/// Where it shall run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// On a copy: of at most so many rows of each table, or whole.
    Copy {
        /// How many.
        sample: Option<u64>,
    },
    /// In the database itself, whose name was typed once more.
    InPlace {
        /// That name.
        database: String,
        /// Although others work on that server.
        beside_others: bool,
    },
}

/// A database to run in. Copies are gone with the value.
pub struct Place {
    admin: Address,
    logins: BTreeMap<String, Address>,
    /// In words.
    pub how: String,
    /// Who else worked on the server when it began.
    pub others: Vec<String>,
    /// The server's processes can be seen from here.
    pub here: bool,
    /// No copy.
    pub in_place: bool,
    /// A copy on the original's server.
    pub same_server: bool,
    passwords: BTreeMap<String, String>,
    // In this order they end: what runs is a copy of the first one, on a server that is ours or guarded.
    work: Option<Copy>,
    first: Option<Copy>,
    cluster: Option<Cluster>,
    guard: Option<Guard>,
}

impl Place {
    /// Makes it for these logins.
    ///
    /// # Errors
    /// A usage error where that is refused: an unknown role, others at work, no rights to copy. Nothing is left then.
    pub fn prepare(url: &str, wanted: &Wanted, logins: &[String]) -> Result<Self, Failure> {
        Self::prepare_with(url, wanted, logins, passwords(&address(url)?, logins))
    }

    /// The same, with these passwords of the logins.
    pub(super) fn prepare_with(
        url: &str,
        wanted: &Wanted,
        logins: &[String],
        passwords: BTreeMap<String, String>,
    ) -> Result<Self, Failure> {
        let source = address(url)?;
        let guard = Guard::take(url)?;
        roles_are_there(url, logins)?;
        let place = |admin: Address, how: String| Self {
            admin,
            logins: BTreeMap::new(),
            how,
            others: Vec::new(),
            here: is_here(&source),
            in_place: false,
            same_server: false,
            passwords,
            work: None,
            first: None,
            cluster: None,
            guard: None,
        };
        let mut made = match wanted {
            Wanted::InPlace { database, beside_others } => {
                in_place(&source, url, guard, (database, *beside_others), place)?
            }
            Wanted::Copy { sample } => match others(url, &[guard.pid()])? {
                none if none.is_empty() => on_same_server(url, *sample, guard, place).map_err(refused)?,
                _ => on_own_server(url, *sample, logins, place).map_err(refused)?,
            },
        };
        made.log_in(logins)?;
        Ok(made)
    }

    /// Addresses of the logins, each tried once.
    fn log_in(&mut self, logins: &[String]) -> Result<(), Failure> {
        for login in logins {
            let at = self.admin.as_login(login, self.passwords.get(login).map(String::as_str));
            at.or("connect_timeout", "10").connect(|_| {}).map_err(|error| {
                let why = error.to_string();
                Failure::usage(format!(
                    "{login} can't log in: {}. Its password belongs into ~/.pgpass (PGPASSFILE).",
                    why.trim_end_matches('.')
                ))
            })?;
            self.logins.insert(login.clone(), at);
        }
        Ok(())
    }

    /// The database as the login that observes.
    #[must_use]
    pub fn url(&self) -> String {
        self.admin.url()
    }

    /// The login that observes.
    #[must_use]
    pub fn observer(&self) -> &str {
        self.admin.user()
    }

    /// The database as a service's login, or as the one that observes.
    ///
    /// # Errors
    /// When it is none of those that it was made for.
    pub fn login(&self, login: &str) -> Result<&Address, Failure> {
        let own = (login == self.observer()).then_some(&self.admin);
        self.logins.get(login).or(own).ok_or_else(|| Failure::usage(format!("Unknown login {login}.")))
    }

    /// Bytes of the database.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn bytes(&self) -> Result<i64, Failure> {
        Ok(Session::connect_uncounted(&self.url())?.value("select pg_database_size(current_database())")?)
    }

    /// Whether what runs was just copied anew.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.work.is_some()
    }

    /// Puts the rows back to what the copy first had; false where there is no copy, or it is too large for that.
    ///
    /// # Errors
    /// When the server refuses it.
    pub fn reset(&mut self) -> Result<bool, Failure> {
        let Some(first) = &self.first else {
            return Ok(false);
        };
        let size: i64 =
            Session::connect_uncounted(first.url())?.value("select pg_database_size(current_database())")?;
        if size > RESET_MAX {
            return Ok(false);
        }
        self.work = None;
        let work = Copy::of(first.url(), PURPOSE).map_err(Failure::from).map_err(refused)?;
        settings::copy(first.url(), work.url()).map_err(refused)?;
        self.admin = address(work.url())?;
        let database = self.admin.database();
        self.logins.values_mut().for_each(|login| *login = login.in_database(database));
        // What copying left to be written shall not be written while something is measured. Not every role may ask for that.
        let _ = Session::connect_uncounted(work.url())?.client.batch_execute("checkpoint");
        self.work = Some(work);
        Ok(true)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The copies before their server, and the guard last: what it guards is gone then.
        drop((self.work.take(), self.first.take()));
        drop((self.cluster.take(), self.guard.take()));
    }
}

fn in_place(
    source: &Address,
    url: &str,
    guard: Guard,
    (database, beside_others): (&str, bool),
    place: impl FnOnce(Address, String) -> Place,
) -> Result<Place, Failure> {
    if source.database() != database {
        return Err(Failure::usage(format!(
            "--in-place names {database}, and the connection is to {}: nothing was run.",
            source.database()
        )));
    }
    let found = others(url, &[guard.pid()])?;
    if !found.is_empty() && !beside_others {
        return Err(Failure::usage(format!(
            "Others are at work on this server ({}): without --in-place a copy is measured, with --beside-others it runs while they work.",
            found.join(", ")
        )));
    }
    let how = format!("It ran in the database {database} itself: what the scripts wrote is there.");
    let mut made = place(source.clone(), how);
    (made.others, made.in_place, made.guard) = (found, true, Some(guard));
    Ok(made)
}

fn on_same_server(
    url: &str,
    sample: Option<u64>,
    guard: Guard,
    place: impl FnOnce(Address, String) -> Place,
) -> Result<Place, Failure> {
    let first = match sample {
        None => Copy::of(url, PURPOSE),
        Some(rows) => Copy::of_sample(url, url, PURPOSE, rows),
    }?;
    settings::copy(url, first.url())?;
    let what = if sample.is_some() { first.how } else { "a copy of the database's files" };
    let how = format!(
        "It ran on a copy on the same server, where nobody else was connected: {what} (made in {:.1} s, dropped afterwards).{}",
        first.took.as_secs_f64(),
        missing(&first)
    );
    let mut made = place(address(first.url())?, how);
    (made.first, made.guard, made.same_server) = (Some(first), Some(guard), true);
    Ok(made)
}

/// Which rows a sample doesn't have.
fn missing(copy: &Copy) -> String {
    if copy.partial.is_empty() {
        return String::new();
    }
    let few = copy.partial.iter().map(|(table, (held, all))| format!("{table} has {held} of about {all} rows"));
    format!(
        " Of these tables it is a sample: {}; times on whole tables are longer.",
        few.collect::<Vec<_>>().join(", ")
    )
}

fn on_own_server(
    url: &str,
    sample: Option<u64>,
    logins: &[String],
    place: impl FnOnce(Address, String) -> Place,
) -> Result<Place, Failure> {
    eprintln!("Others are connected to the server: the copy is made in a server of its own …");
    let options =
        ClusterOptions { careless: false, settings: settings::of_server(url)?, ..ClusterOptions::ephemeral() };
    let cluster = Cluster::find_or_start(&options)?;
    copy::roles(url, cluster.url())?;
    let mut session = Session::connect_uncounted(cluster.url())?;
    let mut passwords = BTreeMap::new();
    for login in logins {
        // Real ones stay where they are: this server is gone with the run.
        let password = format!("{:032x}", rand::random::<u128>());
        session.run(&format!("alter role {} password '{password}'", identifier(login)), "a login of the copy")?;
        passwords.insert(login.clone(), password);
    }
    drop(session);
    let first = match sample {
        None => Copy::elsewhere(url, cluster.url(), PURPOSE),
        Some(rows) => Copy::of_sample(url, cluster.url(), PURPOSE, rows),
    }?;
    settings::copy(url, first.url())?;
    let how = format!(
        "It ran on a copy in a server of its own, because others are connected to the original: {} (made in {:.1} s, dropped afterwards).{}",
        first.how,
        first.took.as_secs_f64(),
        missing(&first)
    );
    let mut made = place(address(first.url())?, how);
    (made.passwords, made.first, made.cluster, made.here) = (passwords, Some(first), Some(cluster), true);
    Ok(made)
}

/// A copy that can't be made is refused like bad input: something else has to be typed, or granted, or room to be made.
fn refused(failure: Failure) -> Failure {
    let why = failure.to_string();
    let next = if why.contains("No space left") { " Make room there, or copy less with --sample." } else { "" };
    Failure::usage(format!("The database can't be copied: {}.{next}", why.trim_end_matches('.')))
}
