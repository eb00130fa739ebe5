//! Whether what `impact` says is what really happens: each change is made under five running services.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::catalogue::Change;
use super::scratch::{Scratch, Seen, service_of};
use crate::Failure;
use crate::data::failed;
use crate::system::services;

/// What really happened under one change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reality {
    /// Services that something failed of, and what: SQLSTATEs of the server's log, requests answered with 5xx.
    pub broke: BTreeMap<String, BTreeSet<String>>,
    /// Statements of each service that the walk ran.
    pub statements: BTreeMap<String, usize>,
    /// Requests made after the change.
    pub calls: usize,
}

/// Makes one change on the running system and walks over everything.
pub fn really(scratch: &Scratch, change: &Change) -> Result<Reality, Failure> {
    let (mut things, before) = scratch.begin()?;
    // What fails before the change, too, isn't the change's.
    let ignore: BTreeSet<(String, String)> =
        before.read.errors.iter().map(|error| (error.role.clone(), error.sqlstate.clone())).collect();
    make(scratch, change)?;
    let after = scratch.again(&mut things)?;
    Ok(Reality {
        broke: services::names()
            .map(|name| (name.to_owned(), after.by_service(name, &ignore)))
            .filter(|(_, how)| !how.is_empty())
            .collect(),
        statements: statements(&before),
        calls: after.calls,
    })
}

fn statements(seen: &Seen) -> BTreeMap<String, usize> {
    let mut texts: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for one in &seen.read.statements {
        texts.entry(service_of(&one.role).to_owned()).or_default().insert(&one.sql);
    }
    texts.into_iter().map(|(service, texts)| (service, texts.len())).collect()
}

/// As `dba apply` makes it: a lock that isn't to be had is asked for again.
fn make(scratch: &Scratch, change: &Change) -> Result<(), Failure> {
    let mut client = scratch.deployment().superuser()?;
    let sql = if change.transaction {
        format!("set lock_timeout = '250ms'; begin; {}; commit", change.sql.trim_end().trim_end_matches(';'))
    } else {
        String::new()
    };
    let mut tried = 0;
    loop {
        let done = if change.transaction {
            client.batch_execute(&sql)
        } else {
            // One by one: each is a transaction of its own.
            schema::roles::statements(&change.sql, 1).iter().try_for_each(|one| client.batch_execute(&one.sql))
        };
        match done {
            Ok(()) => return Ok(()),
            Err(error) if tried < 40 && error.code() == Some(&postgres::error::SqlState::LOCK_NOT_AVAILABLE) => {
                let _ = client.batch_execute("rollback");
                tried += 1;
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            Err(error) => return Err(failed(&format!("{} can't be made", change.name), &error)),
        }
    }
}
