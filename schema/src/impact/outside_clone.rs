//! Statements that are committed on a clone: none may have an effect outside the clone, because roles, databases and settings of the server have no clone.

use postgres::Client;

use super::probe::failure;
use super::report::Failure;
use super::words::first_word;
use crate::error::{Doing, Error, Result};
use crate::session::{OWN_PATH, value};

/// Can't run inside a transaction block.
pub(super) const NO_TRANSACTION: &str = "25001";

/// A digest of what all databases of the server share, as one transaction sees it. Without `pg_shdepend`, which notes the owner of every table.
const SHARED: &str = "
select md5(concat_ws(' ',
    (select string_agg(concat_ws(' ', oid, xmin, cmin), ',' order by oid) from pg_authid),
    (select string_agg(concat_ws(' ', roleid, member, grantor, xmin, cmin), ',' order by roleid, member, grantor) from pg_auth_members),
    (select string_agg(concat_ws(' ', oid, xmin, cmin), ',' order by oid) from pg_database),
    (select string_agg(concat_ws(' ', setdatabase, setrole, xmin, cmin), ',' order by setdatabase, setrole) from pg_db_role_setting),
    (select string_agg(concat_ws(' ', oid, xmin, cmin), ',' order by oid) from pg_tablespace),
    (select string_agg(concat_ws(' ', oid, xmin, cmin), ',' order by oid) from pg_parameter_acl),
    (select string_agg(concat_ws(' ', objoid, classoid, xmin, cmin), ',' order by objoid, classoid) from pg_shdescription),
    (select string_agg(concat_ws(' ', oid, xmin, cmin), ',' order by oid) from pg_subscription)))";

/// Runs and commits it, unless it has an effect outside the clone. The inner `Err`: Postgres refused it.
pub(super) fn execute(client: &mut Client, sql: &str) -> Result<std::result::Result<(), Failure>> {
    batch(client, "begin isolation level repeatable read")?;
    let before = shared(client)?;
    match client.execute(sql, &[]) {
        Ok(_) if shared(client)? == before => {
            batch(client, "commit")?;
            Ok(Ok(()))
        }
        Ok(_) => Err(beyond(sql)),
        Err(error) => {
            let refused = failure(error)?;
            batch(client, "rollback")?;
            if refused.sqlstate != NO_TRANSACTION {
                return Ok(Err(refused));
            }
            if !of_relations(sql) {
                return Err(beyond(sql));
            }
            match client.execute(sql, &[]) {
                Ok(_) => Ok(Ok(())),
                Err(error) => Ok(Err(failure(error)?)),
            }
        }
    }
}

/// Is it one of those that can't run in a transaction, and that change tables and indexes only?
fn of_relations(sql: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    let second = lower.split_whitespace().nth(1).unwrap_or_default();
    match first_word(&lower) {
        "vacuum" | "reindex" | "cluster" | "refresh" => true,
        "create" | "drop" => ["index", "unique"].contains(&second),
        "alter" => ["table", "index", "type"].contains(&second),
        _ => false,
    }
}

fn beyond(sql: &str) -> Error {
    Error::Usage(format!(
        "this would change the whole server and not only the clone, so it can't be tried; nothing was changed: {sql}"
    ))
}

/// Read as the connecting role, because the change's role may not have the right, and over our own search path; the savepoint restores both.
fn shared(client: &mut Client) -> Result<String> {
    batch(client, &format!("savepoint shared; reset role; set local search_path = {OWN_PATH}"))?;
    let all = value(client, SHARED)?;
    batch(client, "rollback to savepoint shared; release savepoint shared")?;
    Ok(all)
}

fn batch(client: &mut Client, sql: &str) -> Result<()> {
    client.batch_execute(sql).doing(sql.to_owned())
}
