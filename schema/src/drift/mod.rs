//! `dba roles check`, `plan`, `apply`: how a database differs from its roles file, and the statements between them.
//!
//! The file isn't parsed for what it means: it is run in a transaction that is rolled back, and the catalogue is read inside and after it. So a
//! look takes, for its moment, the locks that the grants in the file take on rows of the catalogue; it changes nothing, roles included.

pub mod allow;
pub mod census;
mod compare;
mod desired;
mod finding;
mod in_use;
mod rules;

use std::collections::BTreeSet;

use crate::apply::exclusive;
use crate::error::{Error, Result};
use crate::roles::RolesFile;
use crate::session::Session;

use census::Census;
pub use finding::{By, Finding};
pub use in_use::{InUse, in_use};

/// In the order in which they are run.
const SECTIONS: [&str; 5] = ["administrator", "roles", "superuser", "foundation", "services"];

/// Attributes that only a superuser gives or takes.
const POWERS: [&str; 5] = ["superuser", "createdb", "createrole", "replication", "bypassrls"];

/// How to look.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who may do what.
    pub file: RolesFile,
    /// Compare connection limits? Test clusters have none.
    pub connection_limits: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { file: RolesFile::default(), connection_limits: true }
    }
}

/// What was seen.
#[derive(Debug, Clone, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// In the order of their fixes.
    pub findings: Vec<Finding>,
    /// What this login could not look at, and who could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_looked_at: Option<String>,
}

/// One look.
struct Look<'a> {
    file: &'a RolesFile,
    administrator: &'a str,
    managed: Vec<String>,
    /// Managed, and the administrator.
    roles: Vec<String>,
    /// Roles there are.
    existing: BTreeSet<String>,
    database: String,
    superuser: bool,
    sections: Vec<&'static str>,
    connection_limits: bool,
}

/// How the database differs from the file. Changes nothing.
///
/// # Errors
/// Where Postgres can't be asked, or the login isn't allowed to run the file.
pub fn check(url: &str, options: &Options) -> Result<Seen> {
    let mut session = open(url)?;
    patient(&mut session, |session| {
        session.run("begin", "begin")?;
        let seen = look(session, options);
        session.roll_back();
        seen
    })
}

/// Carries out every fix that this login may; in one transaction, in which it looks again before the commit. Returns what was run, and what is left.
///
/// # Errors
/// As [`check`]; and [`Error::Finding`] where a fix didn't help.
pub fn converge(url: &str, options: &Options, skip: &[String]) -> Result<(Vec<String>, Seen)> {
    let mut session = open(url)?;
    patient(&mut session, |session| {
        session.transaction(|session| {
            let mut done = Vec::new();
            // Owners decide what else is seen; a table's revoke takes its columns along: so, up to four rounds, unseen by anybody.
            for _ in 0..4 {
                let seen = look(session, options)?;
                let superuser = session.value::<bool>("select rolsuper from pg_roles where rolname = current_user")?;
                let may = |finding: &&Finding| {
                    !skip.contains(&finding.key)
                        && (finding.by == By::Apply || (superuser && finding.by == By::Superuser))
                };
                let fixes: Vec<String> =
                    seen.findings.iter().filter(may).filter_map(|finding| finding.fix.clone()).collect();
                if fixes.is_empty() {
                    return Ok((done, seen));
                }
                // Several findings may come to one statement.
                let mut run: Vec<String> = Vec::new();
                for fix in fixes {
                    if !run.contains(&fix) {
                        session.run(&fix, &fix)?;
                        run.push(fix);
                    }
                }
                done.extend(run);
            }
            Err(Error::Finding("the roles file can't be reached: after four rounds something still differs".into()))
        })
    })
}

/// What belongs to somebody else than it should, each with the statement that puts it right.
pub(crate) fn wrong_owners(url: &str, file: &RolesFile) -> Result<Vec<String>> {
    let administrator = file.administrator();
    let mut roles = file.managed();
    roles.extend((!administrator.is_empty()).then(|| administrator.clone()));
    let found = rules::owners(&mut Session::connect(url)?, file, &administrator, &roles)?;
    let told = |finding: Finding| {
        let (name, fix) = (finding.key.trim_start_matches("owner "), finding.fix.unwrap_or_default());
        format!("{name} {}: `{fix}`", finding.what)
    };
    Ok(found.into_iter().map(told).collect())
}

fn open(url: &str) -> Result<Session> {
    let mut session = Session::connect(url)?;
    session.run("set client_min_messages = warning; set lock_timeout = '2s'; set search_path = ''", "preparing")?;
    exclusive(&mut session)?;
    Ok(session)
}

/// Roles belong to all databases of a cluster, and another one's administrator may be at work.
fn patient<T>(session: &mut Session, mut work: impl FnMut(&mut Session) -> Result<T>) -> Result<T> {
    let mut tried = 0;
    loop {
        match work(session) {
            Err(error) if error.passes() && tried < 20 => {
                session.roll_back();
                tried += 1;
                std::thread::sleep(std::time::Duration::from_millis(50 * tried));
            }
            done => return done,
        }
    }
}

fn look(session: &mut Session, options: &Options) -> Result<Seen> {
    let administrator = options.file.administrator();
    let managed = options.file.managed();
    let mut roles = managed.clone();
    // Another team's file may name nobody.
    roles.extend((!administrator.is_empty()).then(|| administrator.clone()));
    let superuser: bool = session.value("select rolsuper from pg_roles where rolname = current_user")?;
    let sections =
        SECTIONS.into_iter().filter(|name| superuser || !["administrator", "superuser"].contains(name)).collect();
    let look = Look {
        file: &options.file,
        administrator: &administrator,
        managed,
        roles,
        existing: session.texts("select rolname::text from pg_roles")?.into_iter().collect(),
        database: session.value("select current_database()::text")?,
        superuser,
        sections,
        connection_limits: options.connection_limits,
    };
    let mut findings = rules::owners(session, look.file, look.administrator, &look.roles)?;
    let (mut wanted, unrunnable) = desired::desired(session, &look, &findings)?;
    let mut is = Census::read(session, &look.roles)?;
    let known: BTreeSet<String> =
        wanted.rights.iter().filter(|right| right.owner != right.grantee).map(|right| right.object.clone()).collect();
    // Rights are given by owners: with a wrong one all of them would differ. First the owner, then the next round sees the rest.
    wanted.rights.retain(|right| !desired::misplaced(&findings, right));
    is.rights.retain(|right| !desired::misplaced(&findings, right));
    findings.extend(unrunnable);
    findings.extend(compare::compare(session, &look, &wanted, &is)?);
    findings.extend(rules::objects(session, &look.roles, &known.into_iter().collect::<Vec<_>>())?);
    findings.sort_by(|a, b| (a.rank, &a.key).cmp(&(b.rank, &b.key)));
    let not_looked_at = (!superuser).then(|| {
        "rights on the superuser's objects (functions of pg_catalog, languages, parameters, other databases) and the administrator itself: connect as superuser".to_owned()
    });
    Ok(Seen { findings, not_looked_at })
}
