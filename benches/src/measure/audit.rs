//! What must always hold, counted after each replicate, before the data is put back.

mod invariants;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postgres::Client;
use postgres::types::ToSql;

use crate::data::failed;
use crate::load::writes::Acknowledged;
use crate::system::Audited;
use crate::{Failure, observe};
use invariants::{INVARIANTS, SOME, WRITABLE_BY_OTHERS, WRITTEN_BY_OTHERS};

/// How long Notification gets to read what was written last; notifications missing after that count.
const READING_MAX: Duration = Duration::from_secs(30);
/// The audit whose count falls to 0 once it has.
const UNREAD: &str = "changes that Notification hasn't read";

/// Adds this replicate's violations to `sums`. All are expected 0. `open` gives what there is at present.
pub fn audit(
    open: impl Fn() -> Result<Audited, Failure>,
    acknowledged: &Acknowledged,
    sums: &mut BTreeMap<String, i64>,
) -> Result<(), Failure> {
    count_all(&mut when_all_is_read(open)?, acknowledged, sums)
}

fn count_all(
    Audited { rows, own }: &mut Audited,
    acknowledged: &Acknowledged,
    sums: &mut BTreeMap<String, i64>,
) -> Result<(), Failure> {
    let mut add = |name: &str, violations: i64| {
        *sums.entry(name.to_owned()).or_default() += violations;
    };
    for (name, sql) in INVARIANTS {
        let violations = count(rows, name, sql, &[])?;
        add(name, violations);
        if violations > 0 && *name == SOME.0 {
            let some = rows.query_one(SOME.1, &[]).map_err(|error| failed(name, &error))?;
            eprintln!("{name}, among them (change, person, times): {}", some.get::<_, String>(0));
        }
    }
    // Rights and statements are of the databases that the services use, not of one where their rows were brought together.
    let used = if own.is_empty() { vec![&mut *rows] } else { own.iter_mut().collect() };
    for client in used {
        let name = "tables that another service's role may write";
        add(name, count(client, name, WRITABLE_BY_OTHERS, &[])?);
        if let Some(schema) = observe::statements_schema(client)? {
            let sql = WRITTEN_BY_OTHERS.replace("$schema", &schema);
            let name = "statements that wrote another service's table";
            add(name, count(client, name, &sql, &[])?);
        }
    }
    let (ids, versions): (Vec<_>, Vec<_>) = acknowledged.changed.iter().copied().unzip();
    for (name, sql, parameters) in [
        (
            "acknowledged creations that are missing",
            "select count(*) from unnest($1::uuid[]) made (id) left join (
                 select id from registry.apis union all select id from profile.profiles union all select id from account.logins
             ) found using (id) where found.id is null",
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
        add(name, count(rows, name, sql, parameters)?);
    }
    Ok(())
}

fn count(client: &mut Client, name: &str, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<i64, Failure> {
    let row = client.query_one(sql, parameters);
    Ok(row.map_err(|error| failed(name, &error))?.get(0))
}

/// Once every change has been read, but not for ever.
fn when_all_is_read(open: impl Fn() -> Result<Audited, Failure>) -> Result<Audited, Failure> {
    let deadline = Instant::now() + READING_MAX;
    loop {
        let mut audited = open()?;
        let mut unread = 0;
        for (name, sql) in INVARIANTS.iter().filter(|(name, _)| *name == UNREAD) {
            unread += count(&mut audited.rows, name, sql, &[])?;
        }
        if unread == 0 || Instant::now() > deadline {
            return Ok(audited);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests;
