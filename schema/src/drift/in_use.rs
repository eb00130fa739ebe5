//! Rights that are in use are not revoked without --force.

use super::finding::{By, Finding};
use crate::coupling::statements::from_pg_stat_statements;
use crate::error::Result;
use crate::impact::{self, Change, Options, Statement, Verdict};
use crate::session::Session;

/// What is known about the use of rights that are to be revoked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// Statements that would be refused from then on, with the role that runs them.
    pub used: Vec<String>,
    /// Why the use is unknown. `None` also where no right is to be revoked.
    pub unknown: Option<String>,
}

/// Which statements, of those that pg_stat_statements has counted, would be refused once the findings are fixed. They are tried on a clone without data.
/// Rights on databases, parameters and roles are not checked: a clone has none of its own.
///
/// # Errors
/// Where the database can't be read; a trial that fails gives `unknown`.
pub fn in_use(url: &str, findings: &[Finding]) -> Result<InUse> {
    let fixes = findings.iter().filter(|finding| finding.by != By::Person);
    let takes: Vec<&str> = fixes
        .filter_map(|finding| finding.fix.as_deref())
        .filter(|fix| fix.contains("revoke ") && fix.contains(" on "))
        .filter(|fix| !fix.contains(" on database ") && !fix.contains(" on parameter "))
        .collect();
    let unknown = |why: String| InUse { used: Vec::new(), unknown: Some(why) };
    if takes.is_empty() {
        return Ok(InUse::default());
    }
    let mut session = Session::connect(url)?;
    let Some((seen, _)) = from_pg_stat_statements(&mut session.client)? else {
        return Ok(unknown("the server counts no statements".into()));
    };
    let statements: Vec<Statement> = seen.into_iter().map(Statement::from).collect();
    if statements.is_empty() {
        return Ok(InUse::default());
    }
    let options = Options { data: false, ..Options::default() };
    let change = Change::new(&takes.join("\n"));
    match impact::analyse(url, &change, &statements, &options) {
        Ok(impact) => match impact.refused {
            Some(_) => Ok(unknown("Postgres refuses the change on a clone".into())),
            None => Ok(InUse { used: refused(&impact), unknown: None }),
        },
        Err(error) => Ok(unknown(error.to_string())),
    }
}

fn refused(impact: &impact::Impact) -> Vec<String> {
    let statements = impact.services.iter().flat_map(|one| &one.statements);
    statements
        .filter(|one| one.verdict == Verdict::LosesGrant)
        .map(|one| format!("{} ({} calls): {}", one.role, one.calls, one.sql))
        .collect()
}
