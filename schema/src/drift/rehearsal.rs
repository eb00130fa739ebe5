//! What the roles file makes of roles, told by Postgres: each role that the file creates is created anew, while the role of that name is renamed; then
//! attributes and memberships are read. Behind a savepoint that is rolled back: renaming a role touches its row of the catalogue and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::census::{Census, Membership};
use crate::error::Result;
use crate::roles::{RolesFile, Statement, words};
use crate::session::{Session, identifier};

/// In the order in which they are run.
pub(super) const SECTIONS: [&str; 5] = ["administrator", "roles", "superuser", "foundation", "services"];

/// What was read.
#[derive(Default)]
pub(super) struct Rehearsal {
    /// Roles that the file creates, with anything: `create role`, `create user`, a `do` block.
    pub(super) created: BTreeSet<String>,
    /// Attributes of those.
    pub(super) attributes: BTreeMap<(String, String), String>,
    /// Memberships of and in those.
    pub(super) members: BTreeMap<(String, String), Membership>,
    /// Roles of the file that can't be made anew (the session's own): their attributes are not compared.
    pub(super) kept: BTreeSet<String>,
}

/// Statements that end a transaction would make its changes last; a file may hold them for `psql`.
pub(super) fn ends_transaction(sql: &str) -> bool {
    let all = words(sql);
    let first = all.first().map(String::as_str).unwrap_or_default();
    let control = ["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"];
    control.contains(&first) || (first == "prepare" && all.get(1).is_some_and(|word| word == "transaction"))
}

/// Runs what the file says of roles. Changes nothing.
pub(super) fn rehearse(session: &mut Session, file: &RolesFile) -> Result<Rehearsal> {
    let database: String = session.value("select current_database()::text")?;
    let there: BTreeSet<String> = names(session)?;
    session.discarding(|session| {
        let mut found = Rehearsal::default();
        for statement in SECTIONS.iter().flat_map(|section| file.section(section, &database)) {
            one(session, &statement, &there, &mut found)?;
        }
        session.run("reset role; reset session authorization", "becoming oneself again")?;
        let created: Vec<String> = found.created.iter().cloned().collect();
        let census = Census::read(session, &created)?;
        found.attributes = census.attributes;
        found.attributes.retain(|(role, _), _| found.created.contains(role));
        found.members = census.members;
        Ok(found)
    })
}

fn names(session: &mut Session) -> Result<BTreeSet<String>> {
    Ok(session.texts("select rolname::text from pg_roles where rolname !~ '^pg_'")?.into_iter().collect())
}

/// One statement, if it may be about roles. One that fails is reported when rights are looked at.
fn one(session: &mut Session, statement: &Statement, there: &BTreeSet<String>, found: &mut Rehearsal) -> Result<()> {
    let all = words(&statement.sql);
    let word = |at: usize| all.get(at).map(String::as_str).unwrap_or_default();
    if let Some(role) = statement.creates_role() {
        let away =
            if there.contains(&role) && !found.created.contains(&role) { vec![role.clone()] } else { Vec::new() };
        if attempt(session, &statement.sql, &away)? {
            found.created.insert(role);
        } else if !away.is_empty() {
            found.kept.insert(role);
        }
        return Ok(());
    }
    match (word(0), word(1)) {
        ("do", _) => {
            // Such a block creates a role only if it is missing.
            let text = statement.sql.to_lowercase();
            let named =
                there.iter().filter(|role| text.contains(&role.to_lowercase()) && !found.created.contains(*role));
            let away: Vec<String> = named.cloned().collect();
            let before = names(session)?;
            if !attempt(session, &statement.sql, &away)? {
                attempt(session, &statement.sql, &[])?;
            }
            let after = names(session)?;
            for role in away {
                if after.contains(&role) {
                    found.created.insert(role);
                } else if after.contains(&put_away(&role)) {
                    let back = format!("alter role {} rename to {}", identifier(&put_away(&role)), identifier(&role));
                    session.run(&back, "giving a role its name back")?;
                }
            }
            let fresh = after.difference(&before).filter(|role| !role.starts_with(AWAY));
            found.created.extend(fresh.cloned());
        }
        ("alter", "role" | "user" | "group") | ("grant" | "revoke" | "set" | "reset", _) => {
            attempt(session, &statement.sql, &[])?;
        }
        _ => {}
    }
    Ok(())
}

const AWAY: &str = "dba away ";

/// The name of a role while the file's own has its place; at most 63 bytes.
fn put_away(role: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    role.hash(&mut hasher);
    format!("{AWAY}{:x}", hasher.finish())
}

/// Runs it with these roles renamed; what fails is undone.
fn attempt(session: &mut Session, sql: &str, away: &[String]) -> Result<bool> {
    session.run("savepoint rehearsed", "savepoint")?;
    let renamed = away.iter().try_for_each(|role| {
        let rename = format!("alter role {} rename to {}", identifier(role), identifier(&put_away(role)));
        // As ourselves: the file may have set a role.
        let who = "select current_setting('role')";
        let role: String = session.value(who)?;
        session.run(&format!("set local role none; {rename}; set local role {}", set_role(&role)), &rename)
    });
    match renamed.and_then(|()| session.run_one(sql, sql)) {
        Ok(()) => session.run("release savepoint rehearsed", "release savepoint").map(|()| true),
        Err(error) if error.passes() || session.client.is_closed() => Err(error),
        Err(_) => {
            session.run("rollback to savepoint rehearsed; release savepoint rehearsed", "rollback to savepoint")?;
            Ok(false)
        }
    }
}

fn set_role(role: &str) -> String {
    if role == "none" { role.to_owned() } else { identifier(role) }
}
