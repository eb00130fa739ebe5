//! Attributes and memberships that no role here has, and that only a superuser can revoke.

use crate::error::{Doing, Result};
use crate::roles::RolesFile;
use crate::session::{Session, identifier};

/// The statements that revoke those granted by hand. `dba bootstrap` runs them, `dba apply` reports them.
pub fn unwanted(session: &mut Session, file: &RolesFile) -> Result<Vec<String>> {
    let managed = file.managed();
    let given: Vec<String> = file
        .section("superuser", crate::embedded::DATABASE)
        .into_iter()
        .chain(file.section("roles", crate::embedded::DATABASE))
        .map(|statement| statement.sql)
        .collect();
    let mut found = Vec::new();
    let powerful = session.client.query(
        "select rolname::text from pg_roles
         where rolname = any ($1) and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls) order by 1",
        &[&managed],
    );
    for row in powerful.doing("reading roles")? {
        let role = identifier(row.get(0));
        found.push(format!("alter role {role} nosuperuser nocreatedb nocreaterole noreplication nobypassrls"));
    }
    let members = session.client.query(
        "select b.rolname::text, r.rolname::text from pg_auth_members m
         join pg_roles b on b.oid = m.roleid join pg_roles r on r.oid = m.member
         where r.rolname = any ($1) order by 1, 2",
        &[&managed],
    );
    for row in members.doing("reading memberships")? {
        let (of, who) = (identifier(row.get(0)), identifier(row.get(1)));
        if !given.contains(&format!("grant {of} to {who}")) {
            found.push(format!("revoke {of} from {who}"));
        }
    }
    Ok(found)
}
