//! `dba apply`: roles and schemas, tables, rights of owners and publishers, keys across services, views, all other rights. In this order, because each
//! step needs the one before: a key needs a right on a table, which needs its migration; a right on a view needs the view, which needs its publisher's right.

use serde::Serialize;

use crate::attributes::unwanted;
use crate::bootstrap::{self, BootstrapOptions, accepts, create_roles};
use crate::cluster::Cluster;
use crate::embedded::{ADMINISTRATOR, MIGRATIONS, SERVICES, Script};
use crate::error::{Error, Result};
use crate::migrate::Migrator;
use crate::own_database::OwnDatabase;
use crate::passwords::Passwords;
use crate::reconcile::{Scope, reconcile};
use crate::roles::{LOGINS, OWN_LOGINS, RolesFile};
use crate::session::{Session, identifier, literal, literals};
use crate::{encoding, keys, views};

/// How.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Drop the foreign keys into other services' tables, instead of making them.
    pub without_cross_keys: bool,
    /// Set the roles' connection limits. Test clusters have none: they count over all databases.
    pub connection_limits: bool,
    /// Passwords to set where they differ; none: they stay.
    pub passwords: Option<Passwords>,
    /// How long a statement may wait for a lock. All later readers of the table wait behind it, so it waits briefly, and is tried again.
    pub lock_timeout_ms: u32,
    /// How often a statement is tried that didn't get its lock.
    pub tries: u32,
    /// Who may do what.
    pub roles: RolesFile,
    /// The tables.
    pub migrations: &'static [Script],
    /// The database of this service alone; none: the one that all share.
    pub own: Option<OwnDatabase>,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            without_cross_keys: false,
            connection_limits: true,
            passwords: None,
            lock_timeout_ms: 250,
            tries: 40,
            roles: RolesFile::default(),
            migrations: MIGRATIONS,
            own: None,
        }
    }
}

impl ApplyOptions {
    /// For the database of one service alone.
    #[must_use]
    pub fn alone(own: OwnDatabase) -> Self {
        Self { without_cross_keys: true, roles: own.roles(), own: Some(own), ..Self::default() }
    }
}

/// What was changed. All empty: nothing had to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Migrations run.
    pub migrations: Vec<String>,
    /// What these migrations left as it was, for somebody to decide: texts that collide with others once both are in NFC.
    pub left: Vec<String>,
    /// Keys added, validated or dropped.
    pub keys: Vec<String>,
    /// Views made, replaced or dropped.
    pub views: Vec<String>,
    /// Changes of roles, grants and revokes.
    pub rights: Vec<String>,
    /// Logins whose password was set.
    pub passwords: Vec<String>,
    /// What only `dba bootstrap` can fix.
    pub findings: Vec<String>,
}

impl Report {
    /// Was there nothing to change?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Brings the database to what this crate declares, as `govrnanza_admin`. Safe to run at any time, from several places at once.
pub fn apply(admin_url: &str, options: &ApplyOptions) -> Result<Report> {
    bring(admin_url, options).map_err(|error| {
        if error.sqlstate() != Some("42501") {
            return error;
        }
        // The usual reason: the object has a wrong owner.
        match crate::drift::wrong_owners(admin_url, &options.roles) {
            Ok(owners) if !owners.is_empty() => Error::Unavailable(format!(
                "{}; a superuser has to fix that first, then run apply again ({error})",
                owners.join("; ")
            )),
            _ => error,
        }
    })
}

/// From nothing: bootstraps a database in this cluster and applies everything. Returns the administrator's URL in it.
pub fn install(cluster: &Cluster, database: &str, passwords: &Passwords, options: &ApplyOptions) -> Result<String> {
    let bootstrap =
        BootstrapOptions { database: database.to_owned(), roles: options.roles.clone(), ..BootstrapOptions::default() };
    bootstrap::run(cluster.url(), passwords, &bootstrap)?;
    let url = cluster.admin_url(passwords, database);
    apply(&url, &ApplyOptions { passwords: Some(passwords.clone()), ..options.clone() })?;
    Ok(url)
}

fn bring(admin_url: &str, options: &ApplyOptions) -> Result<Report> {
    let mut session = Session::connect(admin_url)?;
    let who: String = session.value("select current_user::text")?;
    if session.is_superuser()? {
        return Err(Error::Usage(format!(
            "{who} is a superuser: run apply as govrnanza_admin, so that new objects get the right owner"
        )));
    }
    encoding::suitable(&mut session)?;
    session.run(
        &format!("set client_min_messages = warning; set lock_timeout = {}", options.lock_timeout_ms),
        "preparing",
    )?;
    session.exclusive()?;
    let managed = options.roles.managed();
    let mut report = Report::default();
    let database: String = session.value("select current_database()::text")?;
    let tries = options.tries;

    session.patiently(tries, |session| {
        session.transaction(|session| create_roles(session, &options.roles.section("roles", &database)))
    })?;
    let mut migrator = Migrator::connect(admin_url, options.lock_timeout_ms)?;
    let of_service = |script: &&Script| options.own.is_none_or(|own| own.service() == script.service());
    for script in migrator.pending(options.migrations)?.into_iter().filter(of_service) {
        session.patiently(tries, |session| migrator.run(script, session, &managed))?;
        report.migrations.push(script.name.to_owned());
        report.left.extend(session.patiently(tries, |session| left_by(session, script))?);
    }
    let limits = options.connection_limits;
    let foundation = Scope { sections: &["roles", "foundation"], revoke: false, connection_limits: limits };
    report.rights = session.patiently(tries, |session| reconcile(session, &options.roles, &who, foundation))?;
    for step in keys::plan(&mut session, !options.without_cross_keys)? {
        session.patiently(tries, |session| session.run(&step, &step))?;
        report.keys.push(step);
    }
    let publishing = options.own.map(OwnDatabase::service);
    report.views = session.patiently(tries, |session| views::publish(session, publishing))?;
    if let Some(own) = options.own {
        report.views.extend(session.patiently(tries, |session| own.make_copies(session))?);
    }
    let all = Scope { sections: &["roles", "foundation", "services"], revoke: true, connection_limits: limits };
    report.rights.extend(session.patiently(tries, |session| reconcile(session, &options.roles, &who, all))?);
    if let Some(passwords) = &options.passwords {
        report.passwords = set_passwords(&mut session, admin_url, passwords, &database, &managed)?;
    }
    report.findings = unfinished(&mut session, &options.roles)?;
    Ok(report)
}

/// What a migration has left as it was, by the queries in its comments, as its service's owner.
fn left_by(session: &mut Session, script: &Script) -> Result<Vec<String>> {
    session.transaction(|session| {
        let owner = identifier(&format!("{}_owner", script.service()));
        session.run(&format!("set local role {owner}"), "becoming the owner")?;
        let table = |query: &str| {
            query.split(" from ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned()
        };
        let named = |query| format!("select format('%s %s', {}, x) from ({query}) x", literal(&table(query)));
        let found: Result<Vec<_>> = script.leaves().map(|query| session.texts(&named(query))).collect();
        Ok(found?.concat())
    })
}

fn set_passwords(
    session: &mut Session,
    admin_url: &str,
    passwords: &Passwords,
    database: &str,
    managed: &[String],
) -> Result<Vec<String>> {
    let mut set = Vec::new();
    for role in LOGINS.iter().chain(OWN_LOGINS).filter(|role| managed.iter().any(|managed| managed == *role)) {
        if accepts(admin_url, role, passwords, database) {
            continue;
        }
        if let Some(verifier) = passwords.verifier(role) {
            let sql = format!("alter role {} password {}", identifier(role), literal(&verifier));
            session.run(&sql, &format!("setting the password of {role}"))?;
            set.push((*role).to_owned());
        }
    }
    Ok(set)
}

/// What a superuser must still do: a login that was added after the bootstrap, an object of an unknown owner.
fn unfinished(session: &mut Session, file: &RolesFile) -> Result<Vec<String>> {
    let managed = file.managed();
    let mut owners = managed.clone();
    owners.push(ADMINISTRATOR.to_owned());
    let schemas = [SERVICES, &["published", "dba"]].concat();
    let mut found = session.texts(&format!(
        "select format('%I.%I belongs to %I: give it to its service''s owner', n.nspname, c.relname, r.rolname)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.oid = c.relowner
         where n.nspname in ({}) and c.relkind in ('r', 'v', 'm', 'f', 'p', 'S') and r.rolname not in ({})
             and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')",
        literals(&schemas),
        literals(&owners)
    ))?;
    let unwanted = unwanted(session, file)?;
    found.extend(unwanted.iter().map(|revoke| format!("only a superuser may `{revoke}`: run `dba bootstrap` again")));
    // Noted by bootstrap.
    let noted = "select coalesce(obj_description('dba'::regnamespace, 'pg_namespace') = 'managed', false)";
    if session.value::<bool>(noted)? {
        return Ok(found);
    }
    found.extend(session.texts(&format!(
        "select format('%I has no temp_file_limit: run `dba bootstrap` again', r.rolname) from pg_roles r
         where r.rolcanlogin and r.rolname in ({}) and not exists (
             select from pg_db_role_setting s where s.setrole = r.oid and s.setdatabase = 0 and array_to_string(s.setconfig, ',') like '%temp_file_limit=%')",
        literals(&managed)
    ))?);
    Ok(found)
}
