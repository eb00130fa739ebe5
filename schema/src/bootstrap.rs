//! `dba bootstrap`: once, as superuser: the database, its administrator, and what only a superuser may do.

use crate::attributes::unwanted;
use crate::embedded::{ADMINISTRATOR, DATABASE};
use crate::encoding::{self, create_database};
use crate::error::{Error, Result};
use crate::passwords::Passwords;
use crate::roles::{RolesFile, Statement};
use crate::session::{Session, identifier, literal};

/// One bootstrap at a time in a server.
const LOCK: i64 = 0x676f_7672_0001;

/// How.
#[derive(Debug, Clone)]
pub struct BootstrapOptions {
    /// Name of the database.
    pub database: String,
    /// For a managed server, whose administrator is no real superuser: what can't be enforced is listed, not an error.
    pub managed: bool,
    /// Who may do what.
    pub roles: RolesFile,
}

impl Default for BootstrapOptions {
    fn default() -> Self {
        Self { database: DATABASE.to_owned(), managed: false, roles: RolesFile::default() }
    }
}

/// Bootstraps the database `govrnanza`. Running it again does no harm.
pub fn bootstrap(superuser_url: &str, passwords: &Passwords) -> Result<Vec<String>> {
    run(superuser_url, passwords, &BootstrapOptions::default())
}

/// The same with options. Returns what can't be enforced on this server: empty, but for `managed`.
pub fn run(superuser_url: &str, passwords: &Passwords, options: &BootstrapOptions) -> Result<Vec<String>> {
    let mut session = Session::connect(superuser_url)?;
    if !options.managed && !session.is_superuser()? {
        return Err(Error::Usage(
            "bootstrap needs a superuser; on a managed server, where you can't be superuser, add --managed".to_owned(),
        ));
    }
    session.run(&format!("do $$ begin perform pg_advisory_lock({LOCK}); end $$"), "waiting for another bootstrap")?;
    let exists = format!("select exists (select from pg_database where datname = {})", literal(&options.database));
    let exists: bool = session.value(&exists)?;
    if exists {
        // Before anything is changed.
        encoding::suitable(&mut Session::connect_to(superuser_url, &options.database)?)?;
        owned_by_administrator(&mut session, &options.database)?;
    }
    session.transaction(|session| {
        create_roles(session, &options.roles.section("administrator", &options.database))?;
        if let Some(secret) = passwords.verifier(ADMINISTRATOR)
            && !accepts(superuser_url, ADMINISTRATOR, passwords, "postgres")
        {
            let sql = format!("alter role {ADMINISTRATOR} password {}", literal(&secret));
            session.run(&sql, "setting the administrator's password")?;
        }
        Ok(())
    })?;
    if !exists {
        // On a managed server the creator must be a member of the owner.
        if options.managed {
            session.run("grant govrnanza_admin to current_user", "becoming a member of the administrator")?;
        }
        create_database(&mut session, &options.database)?;
    }
    let mut inside = Session::connect_to(superuser_url, &options.database)?;
    encoding::suitable(&mut inside)?;
    inside.transaction(|session| {
        // As the administrator: on 16 and newer it administers only the roles that it made.
        session.run("set local role govrnanza_admin", "becoming the administrator")?;
        create_roles(session, &options.roles.section("roles", &options.database))?;
        session.run("reset role", "reset role")
    })?;
    if options.managed {
        // So that `dba apply` doesn't report again and again what can't be enforced here.
        inside.run(
            "set role govrnanza_admin; comment on schema dba is 'managed'; reset role",
            "noting that the server is managed",
        )?;
    }
    superuser_part(&mut inside, options)
}

/// Refuses a database that somebody else owns: the administrator could make no schema in it.
fn owned_by_administrator(session: &mut Session, database: &str) -> Result<()> {
    let owner = format!("select datdba::regrole::text from pg_database where datname = {}", literal(database));
    let owner: String = session.value(&owner)?;
    if owner == ADMINISTRATOR {
        return Ok(());
    }
    let database = identifier(database);
    let known: bool = session.value(&format!("select to_regrole('{ADMINISTRATOR}') is not null"))?;
    let give = format!(", or run `alter database {database} owner to {ADMINISTRATOR}` and bootstrap it again");
    Err(Error::Usage(format!(
        "the database {database} belongs to {owner}, not to {ADMINISTRATOR}: rename it, and let `dba bootstrap` make a new one{}",
        if known { give.as_str() } else { "" }
    )))
}

/// Makes the roles that are missing and runs the section's other statements.
pub(crate) fn create_roles(session: &mut Session, section: &[Statement]) -> Result<()> {
    let mut fresh = Vec::new();
    for statement in section {
        let place = format!("db-roles.sql, line {}", statement.line);
        if let Some(role) = statement.creates_role() {
            if session.value::<bool>(&format!("select to_regrole({}) is null", literal(&identifier(&role))))? {
                session.run(&statement.sql, &place)?;
                fresh.push(role);
            }
        } else {
            // Settings and memberships of existing roles are reconciled later.
            let subject = statement.sql.split_whitespace().nth(if statement.sql.starts_with("grant ") { 1 } else { 2 });
            let schema = statement.sql.starts_with("create schema ");
            if schema || subject.is_some_and(|subject| fresh.iter().any(|role| role == subject)) {
                session.run(&statement.sql, &place)?;
            }
        }
    }
    Ok(())
}

/// Does this login accept the password we have? (53300, too many connections, is reported after the password was checked.)
pub(crate) fn accepts(url: &str, role: &str, passwords: &Passwords, database: &str) -> bool {
    let (Ok(address), Some(password)) = (crate::session::address(url), passwords.get(role)) else {
        return false;
    };
    match address.as_login(role, Some(password)).in_database(database).connect(|_| {}) {
        Ok(_) => true,
        // The password was accepted: too many connections, or no right to connect to the database.
        Err(error) => error.as_db_error().is_some_and(|error| !error.code().code().starts_with("28")),
    }
}

fn superuser_part(session: &mut Session, options: &BootstrapOptions) -> Result<Vec<String>> {
    let statistics: bool =
        session.value("select exists (select from pg_available_extensions where name = 'pg_stat_statements')")?;
    let mut unenforced = Vec::new();
    session.run("set client_min_messages = warning", "quiet")?;
    session.transaction(|session| {
        if !options.managed {
            for revoke in unwanted(session, &options.roles)? {
                session.run(&revoke, &revoke)?;
            }
        }
        for statement in options.roles.section("superuser", &options.database) {
            if !statistics && statement.sql.contains("pg_stat_statements") {
                continue;
            }
            let place = format!("db-roles.sql, line {}", statement.line);
            if !options.managed {
                session.run(&statement.sql, &place)?;
                continue;
            }
            session.run("savepoint one", "savepoint")?;
            match session.run(&statement.sql, &place) {
                Ok(()) => {}
                Err(error) if matches!(error, Error::Database { .. }) => {
                    session.run("rollback to savepoint one", "rollback to savepoint")?;
                    unenforced.push(format!("{} -- {error}", statement.sql));
                }
                Err(error) => unenforced.push(format!("{} -- {error}", statement.sql)),
            }
        }
        Ok(())
    })?;
    Ok(unenforced)
}
