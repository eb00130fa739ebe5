//! Logins `lab_*`, made for an arm and dropped after it: what they do, the product's roles are refused.

use std::sync::LazyLock;

use postgres::Client;
use schema::connection::Address;

use crate::Failure;
use crate::data::{connect, failed};
use crate::measure::sessions::Actor;

/// Of all of them, another one in each process: the database may be somebody's that others reach, too.
static PASSWORD: LazyLock<String> = LazyLock::new(|| format!("{:032x}", rand::random::<u128>()));

/// Makes an actor's login, with what it may do.
pub fn make(superuser_url: &str, actor: &Actor) -> Result<(), Failure> {
    let Some(role) = &actor.role else {
        return Ok(());
    };
    let mut client = connect(superuser_url)?;
    let doing = format!("making the login {role}");
    let run = |client: &mut Client, sql: &str| client.batch_execute(sql).map_err(|error| failed(&doing, &error));
    let known = client
        .query_opt("select from pg_catalog.pg_roles where rolname = $1", &[role])
        .map_err(|error| failed(&doing, &error))?;
    let make = if known.is_none() { "create" } else { "alter" };
    run(&mut client, &format!("{make} role {role} login password '{}'", *PASSWORD))?;
    // The right to connect isn't everybody's here.
    let name: String = client
        .query_one("select pg_catalog.current_database()::text", &[])
        .map_err(|error| failed(&doing, &error))?
        .get(0);
    run(&mut client, &format!("grant connect on database {name} to {role}"))?;
    for grant in &actor.grants {
        run(&mut client, &grant.replace("{role}", role))?;
    }
    Ok(())
}

/// Drops an actor's login and all that it may do.
pub fn drop(superuser_url: &str, role: &str) -> Result<(), Failure> {
    let mut client = connect(superuser_url)?;
    let failed = |error| failed("dropping a login of the lab", &error);
    let known = client.query_opt("select from pg_catalog.pg_roles where rolname = $1", &[&role]).map_err(failed)?;
    if known.is_none() {
        return Ok(());
    }
    let sql = format!("drop owned by {role}; drop role {role}");
    client.batch_execute(&sql).map_err(failed)
}

/// The database of this URL, as this login.
pub fn address(superuser_url: &str, role: &str) -> Result<Address, Failure> {
    Ok(schema::session::address(superuser_url)?.as_login(role, Some(PASSWORD.as_str())))
}
