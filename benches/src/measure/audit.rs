//! What must always hold, counted after each replicate, before the data is put back.

mod invariants;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postgres::Client;
use postgres::types::ToSql;

use crate::data::failed;
use crate::load::writes::Acknowledged;
use crate::{Failure, observe};
use invariants::{INVARIANTS, WRITTEN_BY_OTHERS};

/// How long Notification gets to read what was written last; notifications missing after that count.
const READING_MAX: Duration = Duration::from_secs(30);
/// The audit whose count falls to 0 once it has.
const UNREAD: &str = "changes that Notification hasn't read";

/// Adds this replicate's violations to `sums`. All are expected 0.
pub fn audit(
    client: &mut Client,
    acknowledged: &Acknowledged,
    sums: &mut BTreeMap<String, i64>,
) -> Result<(), Failure> {
    wait_for_the_readers(client)?;
    count_all(client, acknowledged, sums)
}

fn count_all(
    client: &mut Client,
    acknowledged: &Acknowledged,
    sums: &mut BTreeMap<String, i64>,
) -> Result<(), Failure> {
    let mut add = |name: &str, violations: i64| {
        *sums.entry(name.to_owned()).or_default() += violations;
    };
    for (name, sql) in INVARIANTS {
        add(name, count(client, name, sql, &[])?);
    }
    if let Some(schema) = observe::statements_schema(client)? {
        let sql = WRITTEN_BY_OTHERS.replace("$schema", &schema);
        let name = "statements that wrote another service's table";
        add(name, count(client, name, &sql, &[])?);
    }
    let (ids, versions): (Vec<_>, Vec<_>) = acknowledged.changed.iter().copied().unzip();
    for (name, sql, parameters) in [
        (
            "acknowledged creations that are missing",
            "select count(*) from unnest($1::uuid[]) made (id) where not exists (select from registry.apis a where a.id = made.id)",
            &[&acknowledged.created as &(dyn ToSql + Sync)][..],
        ),
        (
            "acknowledged changes that are missing",
            "select count(*) from unnest($1::uuid[], $2::bigint[]) changed (id, version) left join (
                 select id, version from registry.apis union all select id, version from profile.profiles
                 union all select id, version from account.organisations
             ) found using (id) where found.version is null or found.version < changed.version",
            &[&ids, &versions],
        ),
    ] {
        add(name, count(client, name, sql, parameters)?);
    }
    Ok(())
}

fn count(client: &mut Client, name: &str, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<i64, Failure> {
    let row = client.query_one(sql, parameters);
    Ok(row.map_err(|error| failed(name, &error))?.get(0))
}

/// Until every change has been read, but not for ever.
fn wait_for_the_readers(client: &mut Client) -> Result<(), Failure> {
    let deadline = Instant::now() + READING_MAX;
    for (name, sql) in INVARIANTS.iter().filter(|(name, _)| *name == UNREAD) {
        while count(client, name, sql, &[])? > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
