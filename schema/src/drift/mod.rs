//! `dba roles check`, `plan`, `apply`: how a database differs from its roles file, and the statements between them.
//!
//! The meaning of the file is not parsed: the file is run in a transaction that is rolled back, and the catalogue is read inside and after it. A check
//! briefly takes the locks that the grants of the file take on rows of the catalogue; it changes nothing, roles included.

pub mod allow;
pub mod census;
mod compare;
mod desired;
mod finding;
mod in_use;
mod init;
mod look;
mod rehearsal;
mod rules;

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::roles::{RolesFile, words};
use crate::session::Session;
use crate::state::Right;

use census::Census;
pub use finding::{By, Finding};
pub use in_use::{InUse, in_use};
pub use init::{Written, init};
use look::Look;
pub use look::Options;
pub(crate) use rules::view_option;

/// Roles belong to all databases of a cluster, and the administrator of another one may be changing them.
const TRIES: u32 = 20;

/// The result.
#[derive(Debug, Clone, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// In the order of their fixes.
    pub findings: Vec<Finding>,
    /// Findings that the file accepts.
    pub accepted: usize,
    /// What this login can't check, and who can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_looked_at: Option<String>,
}

/// How the database differs from the file. Changes nothing.
///
/// # Errors
/// Where Postgres can't be asked, or the login isn't allowed to run the file.
pub fn check(url: &str, options: &Options) -> Result<Seen> {
    let mut session = open(url)?;
    session.patiently(TRIES, |session| {
        session.run("begin", "begin")?;
        let seen = look(session, options);
        session.roll_back();
        seen
    })
}

/// Runs every fix that this login may run, in one transaction, and checks again before the commit. Returns what was run, and what is left.
///
/// # Errors
/// As [`check`]; and [`Error::Finding`] where a fix didn't help.
pub fn converge(url: &str, options: &Options, skip: &[String]) -> Result<(Vec<String>, Seen)> {
    let mut session = open(url)?;
    session.patiently(TRIES, |session| {
        session.transaction(|session| {
            let mut done = Vec::new();
            // Owners decide what else is found, and a revoke on a table revokes its columns' rights, too: so up to four rounds, before anybody sees them.
            for _ in 0..4 {
                let seen = look(session, options)?;
                let superuser = session.is_superuser()?;
                let may = |finding: &&Finding| {
                    !skip.contains(&finding.key)
                        && (finding.by == By::Apply || (superuser && finding.by == By::Superuser))
                };
                let fixes: Vec<String> =
                    seen.findings.iter().filter(may).filter_map(|finding| finding.fix.clone()).collect();
                if fixes.is_empty() {
                    return Ok((done, seen));
                }
                // Several findings may have the same fix.
                let mut run: Vec<String> = Vec::new();
                for fix in fixes {
                    if !run.contains(&fix) {
                        session.run(&fix, &fix)?;
                        run.push(fix);
                    }
                }
                done.extend(run);
            }
            Err(Error::Finding("the roles file can't be applied: after four rounds something still differs".into()))
        })
    })
}

/// Rights, and memberships as member and group.
pub(crate) type Given = (BTreeSet<Right>, BTreeSet<(String, String)>);

/// What the file gives: rights, and memberships as member and group. Changes nothing; the session is in no transaction.
///
/// # Errors
/// As [`check`].
pub(crate) fn given(session: &mut Session, file: &RolesFile) -> Result<Given> {
    let options = Options { file: file.clone(), ..Options::default() };
    session.patiently(TRIES, |session| {
        session.run(
            "begin; set local client_min_messages = warning; set local lock_timeout = '2s'; set local search_path = ''",
            "begin",
        )?;
        let read = Look::new(session, &options).and_then(|look| {
            let owners = rules::owners(session, look.file, &look.administrator, &look.roles)?;
            Ok(desired::desired(session, &look, &owners)?.0)
        });
        session.roll_back();
        read.map(|census| (census.rights, census.members.into_keys().collect()))
    })
}

/// Objects with a wrong owner, each with the statement that fixes it.
pub(crate) fn wrong_owners(url: &str, file: &RolesFile) -> Result<Vec<String>> {
    let administrator = file.administrator();
    let mut roles = file.managed();
    roles.extend((!administrator.is_empty()).then(|| administrator.clone()));
    let found = rules::owners(&mut Session::connect(url)?, file, &administrator, &roles)?;
    let words = |finding: Finding| {
        let (name, fix) = (finding.key.trim_start_matches("owner "), finding.fix.unwrap_or_default());
        format!("{name} {}: `{fix}`", finding.what)
    };
    Ok(found.into_iter().map(words).collect())
}

fn open(url: &str) -> Result<Session> {
    let mut session = Session::connect_uncounted(url)?;
    session.run("set client_min_messages = warning; set lock_timeout = '2s'; set search_path = ''", "preparing")?;
    session.exclusive()?;
    Ok(session)
}

fn look(session: &mut Session, options: &Options) -> Result<Seen> {
    let look = Look::new(session, options)?;
    let mut findings = rules::owners(session, look.file, &look.administrator, &look.roles)?;
    let (mut wanted, unrunnable) = desired::desired(session, &look, &findings)?;
    let mut is = Census::read(session, &look.roles)?;
    let mut known: BTreeSet<String> =
        wanted.rights.iter().filter(|right| right.owner != right.grantee).map(|right| right.object.clone()).collect();
    if look.says_owners() {
        let owners = rules::every_owner(session)?;
        findings = rules::said_owners(findings, &wanted.owners, &owners);
        let named = owners.into_keys().map(|(_, name)| name).filter(|name| look.owned.contains(&words(name)));
        known.extend(named);
    }
    // Rights are granted by owners: with a wrong owner all of them would differ.
    let (right, hidden) = with_owners_right(session, &look, &findings)?;
    let put = |one: &Right| desired::misplaced(&findings, one) && !desired::misplaced(&hidden, one);
    is.rights.retain(|one| !desired::misplaced(&findings, one));
    is.rights.extend(right.into_iter().filter(put));
    wanted.rights.retain(|one| !desired::misplaced(&hidden, one));
    for finding in findings.iter_mut().filter(|one| hidden.iter().any(|hidden| hidden.key == one.key)) {
        finding.what.push_str("; rights on it aren't compared before that is fixed");
    }
    findings.extend(compare::compare(session, &look, &wanted, &is)?);
    spare(&mut findings, &unrunnable);
    findings.extend(unrunnable);
    findings.extend(rules::objects(session, &look.roles, &known.into_iter().collect::<Vec<_>>())?);
    findings.sort_by(|a, b| (a.rank, &a.key).cmp(&(b.rank, &b.key)));
    let (all, accepted) = (findings.len(), look.file.accepted());
    findings.retain(|finding| !accepted.contains(finding.key.as_str()));
    let accepted = all - findings.len();
    let not_looked_at = (!look.superuser).then(|| {
        "rights on the superuser's objects (functions of pg_catalog, languages, parameters, other databases) and the administrator itself: connect as superuser to check them".to_owned()
    });
    Ok(Seen { findings, accepted, not_looked_at })
}

/// All rights as they will be once owners are fixed, which comes before other drifts; and the owners that can't be fixed here.
fn with_owners_right(
    session: &mut Session,
    look: &Look<'_>,
    owners: &[Finding],
) -> Result<(BTreeSet<Right>, Vec<Finding>)> {
    if owners.is_empty() || !look.superuser {
        return Ok((BTreeSet::new(), owners.to_vec()));
    }
    session.discarding(|session| {
        let mut hidden = Vec::new();
        for finding in owners {
            let fix = finding.fix.as_deref().unwrap_or_default();
            session.run("savepoint owner", "savepoint")?;
            match session.run(fix, "putting an owner right, to see the rights that remain") {
                Ok(()) => {}
                Err(error) if error.passes() => return Err(error),
                // Its right owner doesn't exist yet, say.
                Err(_) => {
                    session.run("rollback to savepoint owner", "rollback to savepoint")?;
                    hidden.push(finding.clone());
                }
            }
        }
        Ok((Census::read(session, &look.roles)?.rights, hidden))
    })
}

/// Nothing is taken away while a statement of the file can't be run: it may be the one that gives it.
fn spare(findings: &mut [Finding], unrunnable: &[Finding]) {
    let Some(first) = unrunnable.iter().find(|finding| finding.fix.is_none()) else {
        return;
    };
    for finding in findings.iter_mut().filter(|finding| finding.takes()) {
        finding.fix = None;
        finding.by = By::Person;
        finding.what =
            format!("{}; not taken away while a statement of the file can't be run: {}", finding.what, first.what);
    }
}
