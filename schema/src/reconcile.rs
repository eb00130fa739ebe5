//! Makes the catalogue equal to `db-roles.sql`, with the fewest grants and revokes, in one transaction.
//!
//! The meaning of the file is not parsed: Postgres interprets it. Behind a savepoint everything that the file could give is revoked, the file is run
//! as it is, and the result is read: the *desired* state. After the rollback to the savepoint the same query reads the *actual* state. Only the difference
//! is executed, grants before revokes, and checked once more before the commit. Other sessions never see the steps in between, so no role is ever
//! without a right that it keeps.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::grantor::Grantor;
use crate::roles::RolesFile;
use crate::session::{Session, identifier, literal};
use crate::state::{Right, State, grantee, statements};

/// Settings whose value is a list of quoted names.
const LISTS: &[&str] = &["search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"];

/// What to reconcile.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Sections of the file.
    pub sections: &'a [&'a str],
    /// Also revoke what the file doesn't give? Only when all sections can be run.
    pub revoke: bool,
    /// Are connection limits wanted? Test clusters have none: they count over all databases.
    pub connection_limits: bool,
}

/// Makes the catalogue equal to the file. Returns what was executed; empty: nothing differed.
pub fn reconcile(
    session: &mut Session,
    file: &RolesFile,
    administrator: &str,
    scope: Scope<'_>,
) -> Result<Vec<String>> {
    let managed = file.managed();
    session.transaction(|session| {
        let desired = desired(session, file, &managed, administrator, scope)?;
        let mut done = Vec::new();
        // A revoke on a table revokes the columns' rights, too: the next round grants them again, before anybody sees it.
        for _ in 0..3 {
            let actual = State::read(session, &managed, administrator)?;
            let steps = difference(&desired, &actual, scope.revoke);
            if steps.is_empty() {
                return Ok(done);
            }
            for step in steps {
                session.run(&step, &step)?;
                done.push(step);
            }
        }
        let actual = State::read(session, &managed, administrator)?;
        let left = difference(&desired, &actual, scope.revoke);
        Err(Error::Finding(format!("the administrator can't apply db-roles.sql; still missing: {}", left.join(" "))))
    })
}

/// The desired state: what the catalogue would hold if the file were all that was ever run.
pub fn desired(
    session: &mut Session,
    file: &RolesFile,
    managed: &[String],
    administrator: &str,
    scope: Scope<'_>,
) -> Result<State> {
    session.discarding(|session| {
        let database: String = session.value("select current_database()::text")?;
        let before = State::read(session, managed, administrator)?;
        // Revoking everything needs no order and no economy: no other session sees it.
        session.run(&take_all(&before, Grantor::SetRole), "taking every right, to see what the file alone gives")?;
        for section in scope.sections {
            for statement in file.section(section, &database) {
                session.run(&statement.altering(), &format!("db-roles.sql, line {}", statement.line))?;
            }
        }
        if !scope.connection_limits {
            session.run(&no_connection_limits(managed), "lifting connection limits")?;
        }
        State::read(session, managed, administrator)
    })
}

/// Test clusters have none: they count over all databases.
pub(crate) fn no_connection_limits(roles: &[String]) -> String {
    roles.iter().map(|role| format!("alter role {} connection limit -1;", identifier(role))).collect()
}

/// Revokes every right, resets every setting, and gives owners theirs.
pub(crate) fn take_all(state: &State, by: Grantor) -> String {
    let mut sql = String::new();
    let owns = state.rights.iter().filter(|right| right.kind != "default" && right.column.is_empty());
    let mut objects: Vec<_> = owns.map(|right| (&right.owner, &right.kind, &right.object)).collect();
    objects.dedup();
    for (owner, kind, object) in objects {
        sql.push_str(&by.run(owner, &format!("grant all on {kind} {object} to {}", identifier(owner))));
    }
    sql.push_str(&statements("revoke", state.given(), by).concat());
    sql.push_str(&defaults(state, by));
    for (name, role) in &state.roles {
        let name = identifier(name);
        sql.push_str(&format!(
            "alter role {name} nologin inherit connection limit -1 valid until 'infinity'; alter role {name} reset all;"
        ));
        for key in role.settings_here.keys() {
            sql.push_str(&format!(
                "alter role {name} in database {} reset {};",
                identifier(&state.database),
                identifier(key)
            ));
        }
    }
    sql
}

/// Postgres's own default privileges: everything to the owner, and what PUBLIC gets.
fn defaults(state: &State, by: Grantor) -> String {
    let owners: BTreeSet<_> =
        state.rights.iter().filter(|right| right.kind == "default").map(|right| &right.owner).collect();
    let mut sql = String::new();
    for owner in owners {
        let (role, of) = (identifier(owner), by.defaults(owner));
        let all =
            ["tables", "sequences", "routines", "types", "schemas"].map(|kind| format!("all on {kind} to {role}"));
        let everybody = ["execute on routines to public", "usage on types to public"].map(str::to_owned);
        let grants = all.into_iter().chain(everybody).map(|what| format!("alter default privileges{of} grant {what}"));
        sql.push_str(&by.run(owner, &grants.collect::<Vec<_>>().join("; ")));
    }
    sql
}

/// The statements that lead from `actual` to `desired`: grants first.
fn difference(desired: &State, actual: &State, revoke: bool) -> Vec<String> {
    let mut steps = Vec::new();
    for (name, wanted) in &desired.roles {
        let Some(is) = actual.roles.get(name) else {
            continue;
        };
        let role = identifier(name);
        if wanted.attributes != is.attributes {
            let plain = wanted.attributes.split(" [").next().unwrap_or_default();
            steps.push(format!("alter role {role} {plain};"));
        }
        for (key, value) in wanted.settings.iter().filter(|(key, value)| is.settings.get(*key) != Some(value)) {
            steps.push(format!("alter role {role} set {} = {};", identifier(key), setting(key, value)));
        }
        for key in is.settings.keys().filter(|key| !wanted.settings.contains_key(*key)) {
            steps.push(format!("alter role {role} reset {};", identifier(key)));
        }
        for of in wanted.member_of.difference(&is.member_of) {
            steps.push(format!("grant {} to {role};", identifier(of)));
        }
    }
    steps.extend(statements("grant", desired.rights.difference(&actual.rights), Grantor::SetRole));
    if revoke {
        for (name, wanted) in &desired.roles {
            let Some(is) = actual.roles.get(name) else {
                continue;
            };
            for key in is.settings_here.keys().filter(|key| !wanted.settings_here.contains_key(*key)) {
                let (role, here) = (identifier(name), identifier(&actual.database));
                steps.push(format!("alter role {role} in database {here} reset {};", identifier(key)));
            }
        }
        let (mut extra, mut options): (Vec<&Right>, Vec<&Right>) = (Vec::new(), Vec::new());
        for right in actual.rights.difference(&desired.rights) {
            let without = Right { grantable: !right.grantable, ..right.clone() };
            if desired.rights.contains(&without) { options.push(right) } else { extra.push(right) }
        }
        steps.extend(statements("revoke", extra.into_iter(), Grantor::SetRole));
        for right in options.into_iter().filter(|right| right.grantable) {
            steps.push(format!(
                "set local role {}; revoke grant option for {} on {} {} from {} cascade; reset role;",
                identifier(&right.owner),
                right.privilege,
                right.kind,
                right.object,
                grantee(&right.grantee)
            ));
        }
    }
    steps
}

pub(crate) fn setting(key: &str, value: &str) -> String {
    if LISTS.contains(&key) { value.replace("\"\"", "''") } else { literal(value) }
}
