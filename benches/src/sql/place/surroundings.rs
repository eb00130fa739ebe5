//! What is there before anything is made: roles, passwords, who is connected, and where the server is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use schema::connection::Address;
use schema::session::{Session, identifier};

use crate::Failure;
use crate::data::failed;
use crate::observe;

/// Sessions that are just ending are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The passwords that the surroundings know.
pub(super) fn passwords(source: &Address, logins: &[String]) -> BTreeMap<String, String> {
    let known = logins.iter().filter_map(|login| {
        let at = source.as_login(login, None);
        let password = at.hosts().iter().find_map(|host| at.password(host).ok().flatten())?;
        Some((login.clone(), password))
    });
    known.collect()
}

pub(super) fn roles_are_there(url: &str, logins: &[String]) -> Result<(), Failure> {
    let known =
        Session::connect_uncounted(url)?.texts("select rolname::text from pg_catalog.pg_roles where rolcanlogin")?;
    match logins.iter().find(|login| !known.contains(login)) {
        None => Ok(()),
        Some(login) => Err(Failure::usage(format!(
            "{login} is no role of this server that can log in: name one with `login`, or `create role {} login`.",
            identifier(login)
        ))),
    }
}

/// Who else is connected: `role in database`. Sessions that are just ending don't count.
pub(super) fn others(url: &str, ours: &[i32]) -> Result<Vec<String>, Failure> {
    let mut session = Session::connect_uncounted(url)?;
    let asked =
        "select distinct coalesce(usename, '?') || ' in ' || coalesce(datname, '?') from pg_catalog.pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_backend_pid() and not pid = any ($1) order by 1";
    let until = Instant::now() + PATIENCE;
    loop {
        let rows = session.client.query(asked, &[&ours]).map_err(|error| failed("asking who is connected", &error))?;
        if rows.is_empty() || Instant::now() > until {
            return Ok(rows.iter().map(|row| row.get(0)).collect());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether this login or a superuser has made the table `statements` of this schema. Whoever may make a schema could else have a superuser run
/// any statement: what anybody else has noted is reported, and not run.
pub(super) fn is_ours(session: &mut Session, schema: &str) -> Result<bool, Failure> {
    let asked = "select r.rolname::text, r.rolname = current_user or r.rolsuper from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace join pg_catalog.pg_roles r on r.oid = c.relowner
        where n.nspname = $1 and c.relname = 'statements' and c.relkind = 'r'";
    let row = session.client.query_opt(asked, &[&schema]);
    let row = row.map_err(|error| failed("looking for a remedy to undo", &error))?;
    let Some((owner, ours)) = row.map(|row| (row.get::<_, String>(0), row.get::<_, bool>(1))) else { return Ok(false) };
    if !ours {
        eprintln!(
            "The schema {schema} belongs to {owner}, who is neither this login nor a superuser: its statements aren't run. Drop it."
        );
    }
    Ok(ours)
}

pub(super) fn is_here(source: &Address) -> bool {
    let local = ["localhost", "127.0.0.1", "::1"];
    source.hosts().iter().all(|host| host.is_socket() || local.contains(&host.target()))
}

/// Bytes of memory of this machine that a server of its own may use for its buffers.
pub(super) fn buffers_max() -> u64 {
    observe::machine().memory_bytes / 4
}
