//! The search path of our own questions.
//!
//! Who may create something in a schema of a database's search path (before PostgreSQL 15 everybody, in `public`) could else have a function, an
//! operator or a table of his stand for Postgres's own, and run as whoever asks: a superuser, mostly. So every connection of ours looks for names in
//! `pg_catalog` alone. Statements of services are run over the path that their login has, and nothing of ours meanwhile: see [`aside`].

use connection::{Address, Error};
use postgres::{Client, Config};

/// Where our own questions look for names. `pg_temp` stands last: else it would come first, and a statement of a service may have made a table there.
pub const OWN_PATH: &str = "pg_catalog, pg_temp";

/// Option of a session that `pg_stat_statements` doesn't count.
const UNCOUNTED: &str = "-c pg_stat_statements.track=none";

/// These options of a session, and that it isn't counted.
#[must_use]
pub fn uncounted(options: &str) -> String {
    format!("{options} {UNCOUNTED}").trim_start().to_owned()
}

/// Connects for questions of our own.
///
/// The path is set, and not given as an option of the connection: poolers refuse options, and `reset search_path` still leads to the path that the login
/// has by itself.
///
/// # Errors
/// As [`Address::connect`].
pub fn connect(address: &Address, prepare: impl Fn(&mut Config)) -> Result<Client, Error> {
    let mut client = address.connect(prepare)?;
    client.batch_execute(&format!("set search_path = {OWN_PATH}"))?;
    Ok(client)
}

/// The same so that `pg_stat_statements` counts nothing of the session: its room is limited, and our statements would replace those of services.
/// Only superusers, and roles that they allow, can set this. Other roles, and connections through a pooler that refuses options, are counted.
///
/// # Errors
/// As [`Address::connect`].
pub fn connect_uncounted(address: &Address, prepare: impl Fn(&mut Config)) -> Result<Client, Error> {
    let quiet = address.with("options", &uncounted(address.get("options").unwrap_or_default()));
    match connect(&quiet, &prepare) {
        Err(refused) if refused.as_db_error().is_some() => connect(address, prepare),
        done => done,
    }
}

/// SQL that goes over to our own path in a transaction where another one is set, and SQL that goes back. Whatever was between them is rolled back.
pub(crate) const ASIDE: [&str; 2] = [
    "savepoint aside; set local search_path = pg_catalog, pg_temp",
    "rollback to savepoint aside; release savepoint aside",
];

/// Asks something of our own in a transaction where the path of others is set.
pub(crate) fn aside<T>(
    client: &mut Client,
    ask: impl FnOnce(&mut Client) -> Result<T, postgres::Error>,
) -> Result<T, postgres::Error> {
    client.batch_execute(ASIDE[0])?;
    let answer = ask(client);
    client.batch_execute(ASIDE[1])?;
    answer
}

#[cfg(test)]
mod tests {
    use super::{ASIDE, OWN_PATH};

    #[test]
    fn one_path() {
        assert!(ASIDE[0].ends_with(&format!("set local search_path = {OWN_PATH}")));
    }
}
