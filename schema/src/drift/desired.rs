//! The desired state: what the catalogue would hold if the roles file were all that was ever run. Read behind a savepoint that is rolled back.

use std::collections::{BTreeMap, BTreeSet};

use super::census::{Census, Membership, Owners, initial};
use super::finding::{By, Finding};
use super::look::{Look, POWERS};

use super::rehearsal::{SECTIONS, ends_transaction};
use super::rules::every_owner;
use crate::error::{Error, Result};
use crate::grantor::Grantor;
use crate::reconcile::{no_connection_limits, take_all};
use crate::roles::{Statement, words};
use crate::session::{Session, identifier, literal};
use crate::state::{Right, State, statements};

/// The desired census, and findings for statements of the file that can't be run.
pub(super) fn desired(session: &mut Session, look: &Look<'_>, owners: &[Finding]) -> Result<(Census, Vec<Finding>)> {
    let (mut census, findings) = session.discarding(|session| wanted(session, look, owners))?;
    let attributes = std::mem::take(&mut census.attributes);
    census.attributes = look.rehearsal.attributes.clone();
    if !look.superuser {
        // A role that this login can't make anew keeps what it has.
        for (key, value) in attributes {
            census.attributes.entry(key).or_insert(value);
        }
    }
    census.members = if look.superuser { look.rehearsal.members.clone() } else { memberships(look, &census) };
    census.facts = facts(look);
    if !look.connection_limits {
        for ((_, name), value) in &mut census.attributes {
            if name == "connection limit" {
                *value = "-1".into();
            }
        }
    }
    if !look.superuser {
        // Only a superuser can revoke these to see what the file gives.
        for ((_, name), value) in &mut census.attributes {
            if POWERS.contains(&name.as_str()) {
                *value = "false".into();
            }
        }
    }
    census.attributes.retain(|(role, _), _| look.roles.contains(role));
    Ok((census, findings))
}

/// Is it a right on an object that has a wrong owner?
pub(super) fn misplaced(owners: &[Finding], right: &Right) -> bool {
    owners.iter().any(|finding| finding.key.ends_with(&format!(" {}", right.object)))
}

fn wanted(session: &mut Session, look: &Look<'_>, owners: &[Finding]) -> Result<(Census, Vec<Finding>)> {
    if look.superuser {
        for fix in owners.iter().filter_map(|finding| finding.fix.as_deref()) {
            session.run(fix, "putting owners right, to see what they give")?;
        }
    }
    let mut findings = Vec::new();
    for section in &look.sections {
        for statement in look.file.section(section, &look.database) {
            if let Some(role) = statement.creates_role().filter(|role| !look.existing.contains(role)) {
                session.run_one(&statement.sql, "making a role, to see what it is given")?;
                findings.push(Finding {
                    key: format!("missing role {role}"),
                    what: format!("line {} creates it, but it doesn't exist", statement.line),
                    fix: Some(format!("{};", statement.sql)),
                    by: if *section == "administrator" { By::Superuser } else { By::Apply },
                    rank: 1,
                });
            }
        }
    }
    findings.extend(made_by_blocks(session, look)?);
    let mut before = State::read(session, &look.managed, &look.administrator)?;
    if !look.superuser {
        // Objects with a wrong owner are left out: that owner may not even have usage on their schema.
        before.rights.retain(|right| !misplaced(owners, right));
    }
    session.run(&take_all(&before, look.grantor()), "taking every right, to see what the file alone gives")?;
    if look.superuser {
        session.run(&take_more(look), "taking every setting, to see what the file alone gives")?;
        let wanted = initial(session, &look.roles)?;
        let is = Census::read(session, &look.roles)?.rights;
        session.run(&to_initial(look, &wanted, &is), "going back to what initdb gave")?;
    }
    for section in &look.sections {
        for statement in look.file.section(section, &look.database) {
            if !settled(session, look, &statement)? {
                findings.extend(run_one(session, &statement)?);
            }
        }
    }
    session.run("reset role; reset session authorization", "becoming oneself again")?;
    if !look.connection_limits {
        session.run(&no_connection_limits(&look.roles), "lifting connection limits")?;
    }
    let owners = if look.says_owners() { every_owner(session)? } else { Owners::new() };
    Ok((Census { owners, ..Census::read(session, &look.roles)? }, findings))
}

/// Roles that only a `do` block of the file makes.
fn made_by_blocks(session: &mut Session, look: &Look<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for section in &look.sections {
        for statement in look.file.section(section, &look.database) {
            let there = session.texts("select rolname::text from pg_roles")?;
            let missing = look.rehearsal.created.iter().any(|role| !there.contains(role));
            if !missing || words(&statement.sql).first().is_none_or(|word| word != "do") {
                continue;
            }
            findings.extend(run_one(session, &statement)?);
            let after = session.texts("select rolname::text from pg_roles")?;
            findings.extend(after.iter().filter(|role| !there.contains(role)).map(|role| Finding {
                key: format!("missing role {role}"),
                what: format!("line {} creates it, but it doesn't exist", statement.line),
                fix: Some(format!("{};", statement.sql)),
                by: By::Apply,
                rank: 1,
            }));
        }
    }
    Ok(findings)
}

/// Nothing to run: a role that exists by now (what the statement makes of it was rehearsed), a schema that exists, the begin and end of a transaction.
fn settled(session: &mut Session, look: &Look<'_>, statement: &Statement) -> Result<bool> {
    if let Some(role) = statement.creates_role() {
        // Where this login couldn't rehearse it, its attributes are given to the existing role.
        return Ok(look.superuser || look.rehearsal.created.contains(&role));
    }
    if let Some((schema, _)) = statement.creates_schema() {
        return session
            .value(&format!("select exists (select from pg_namespace where nspname = {})", literal(&schema)));
    }
    Ok(ends_transaction(&statement.sql))
}

/// A statement that can't be run is a finding, not an error: an object that it names is missing, or has a wrong owner.
fn run_one(session: &mut Session, statement: &Statement) -> Result<Option<Finding>> {
    // `set local role` of an earlier line stays in force when this one fails.
    session.run("savepoint one", "savepoint")?;
    match session.run_one(&statement.altering(), &statement.sql) {
        Ok(()) => {
            session.run("release savepoint one", "release savepoint")?;
            Ok(None)
        }
        Err(Error::Database { source, .. }) if source.is_closed() => {
            Err(Error::Unavailable("the connection was lost".into()))
        }
        Err(error) if error.passes() => Err(error),
        Err(error) => {
            session.run("rollback to savepoint one; release savepoint one", "rollback to savepoint")?;
            Ok(Some(Finding {
                key: format!("statement {}", statement.sql.split_whitespace().collect::<Vec<_>>().join(" ")),
                what: format!("line {} can't be run: {error}", statement.line),
                fix: None,
                by: By::Person,
                rank: 9,
            }))
        }
    }
}

/// Powers stay: they are compared as rehearsed, and a superuser's objects must be seen as a superuser's.
fn take_more(look: &Look<'_>) -> String {
    let mut sql = String::new();
    if !look.administrator.is_empty() {
        let admin = identifier(&look.administrator);
        sql.push_str(&format!("alter role {admin} nologin inherit connection limit -1 valid until 'infinity'; alter role {admin} reset all;"));
        sql.push_str(&format!("alter role {admin} in database {} reset all;", identifier(&look.database)));
    }
    let database = identifier(&look.database);
    sql.push_str(&format!("alter role all reset all; alter role all in database {database} reset all; alter database {database} reset all;"));
    sql
}

/// The superuser's objects get their initial rights back. Other databases are not ours: only rights of our roles are revoked there.
fn to_initial(look: &Look<'_>, wanted: &BTreeSet<Right>, is: &BTreeSet<Right>) -> String {
    let here = identifier(&look.database);
    let system = |right: &&Right| !look.roles.contains(&right.owner);
    let give = wanted.difference(is).filter(system).filter(|right| right.kind != "database" || right.object == here);
    // Rights of PUBLIC on information_schema are given by `initdb` but not noted in pg_init_privs.
    let standard =
        |right: &&Right| right.grantee == "public" && right.object.split('.').next() == Some("information_schema");
    let take = is
        .difference(wanted)
        .filter(system)
        .filter(|right| !standard(right))
        .filter(|right| right.kind != "database" || right.object == here || look.roles.contains(&right.grantee));
    statements("grant", give, Grantor::Superuser).concat() + &statements("revoke", take, Grantor::Superuser).concat()
}

/// `grant a, b to c`: pairs of member and group. Options that are not written have their defaults: inherit as the member's attribute says, `set role` allowed.
fn memberships(look: &Look<'_>, census: &Census) -> BTreeMap<(String, String), Membership> {
    let mut pairs = BTreeMap::new();
    // The superuser's sections, too: memberships can be read without being superuser.
    for section in SECTIONS {
        for statement in look.file.section(section, &look.database) {
            let sql = statement.sql.split_whitespace().collect::<Vec<_>>().join(" ");
            let Some((groups, rest)) = sql.strip_prefix("grant ").and_then(|rest| rest.split_once(" to ")) else {
                continue;
            };
            if groups.contains(" on ") {
                continue;
            }
            let (members, options) = rest.split_once(" with ").unwrap_or((rest, ""));
            let options = options.to_lowercase();
            let said = |name: &str| {
                let mut all = options.split(", ").filter_map(|one| one.trim().split_once(' '));
                all.find(|(option, _)| *option == name).map(|(_, value)| !value.starts_with("false"))
            };
            for member in members.split(", ") {
                let member = member.trim_matches('"').to_owned();
                let inherits =
                    census.attributes.get(&(member.clone(), "inherit".to_owned())).map(|value| value == "true");
                for group in groups.split(", ") {
                    let membership = Membership {
                        admin: said("admin").unwrap_or_default(),
                        inherit: said("inherit").or(inherits),
                        set: Some(said("set").unwrap_or(true)),
                        ..Membership::default()
                    };
                    pairs.insert((member.clone(), group.trim_matches('"').to_owned()), membership);
                }
            }
        }
    }
    pairs
}

/// Row security that the file itself enables: `alter table a.b enable row level security`. Triggers must always fire.
fn facts(look: &Look<'_>) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for section in SECTIONS {
        for statement in look.file.section(section, &look.database) {
            let all = words(&statement.sql);
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let all = all.strip_prefix(&["alter", "table"]).unwrap_or_default();
            let all = all.strip_prefix(&["if", "exists"]).unwrap_or(all);
            let all = all.strip_prefix(&["only"]).unwrap_or(all);
            let [schema, ".", table, rest @ ..] = all else {
                continue;
            };
            let table = format!("{}.{}", identifier(schema), identifier(table));
            let fact = rest.join(" ");
            let fact = fact.strip_prefix("enable ").unwrap_or(&fact);
            if fact.ends_with("row level security") {
                found.insert((table, fact.to_owned()));
            }
        }
    }
    found
}
