//! Logins `lab_*`, made for an arm and dropped after it: what they do, the product's roles are refused.

use postgres::Client;
use schema::connection::Address;

use crate::Failure;
use crate::data::{connect, failed};
use crate::measure::sessions::Actor;

/// Known to everybody who reads this: the logins exist on a database made for the run, for as long as an arm.
const PASSWORD: &str = "only for a throw-away cluster";

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
    if known.is_none() {
        run(&mut client, &format!("create role {role} login password '{PASSWORD}'"))?;
    }
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
    Ok(schema::session::address(superuser_url)?.as_login(role, Some(PASSWORD)))
}
