//! `dba roles init`: the roles file of a database as it is.
//!
//! Roles, memberships, settings and owners are written as the catalogue has them. Rights are found as `check` finds them: Postgres runs what is written so
//! far, and what the database gives beyond it, or doesn't give, becomes the next lines. So the file is in sync by construction.

use std::fmt::Write as _;

use super::census::{Census, Membership};
use super::desired;
use super::look::{Look, Options};
use super::{TRIES, look, open, rules};
use crate::error::{Doing, Error, Result};
use crate::grantor::Grantor;
use crate::reconcile::setting;
use crate::roles::{ACCEPTED, RolesFile};
use crate::session::{Session, identifier};
use crate::state::{Right, statements};

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The file's text.
    pub text: String,
    /// Findings that SQL of a roles file can't state; the file accepts each by its key.
    pub accepted: usize,
}

/// Roles that have anything to do with this database: they own something in it, have a right, a setting or (with CONNECT) a session, are superusers, or are
/// members or groups of those. Neither Postgres's own nor the one that `initdb` made.
const ROLES: &str = "
with recursive here (oid) as (
    select d.refobjid from pg_shdepend d, pg_database b where b.datname = current_database() and d.refclassid = 'pg_authid'::regclass
        and (d.dbid = b.oid or d.dbid = 0 and (d.classid = 'pg_database'::regclass and d.objid = b.oid or d.classid in ('pg_tablespace'::regclass, 'pg_parameter_acl'::regclass)))
    union select s.setrole from pg_db_role_setting s join pg_database b on b.oid = s.setdatabase where b.datname = current_database()
    union select r.oid from pg_roles r where r.rolsuper or r.rolcanlogin and has_database_privilege(r.oid, current_database(), 'connect')
    union select p.oid from here h join pg_auth_members a on h.oid in (a.member, a.roleid) cross join lateral (values (a.member), (a.roleid)) p (oid) where h.oid >= 16384
)
select r.rolname::text from pg_roles r join here h using (oid) where r.oid >= 16384 order by r.rolcanlogin, 1";

const ATTRIBUTES: &str = "
select concat_ws(' ', case when rolcanlogin then 'login' else 'nologin' end, case when not rolinherit then 'noinherit' end, case when rolsuper then 'superuser' end,
    case when rolcreatedb then 'createdb' end, case when rolcreaterole then 'createrole' end, case when rolreplication then 'replication' end,
    case when rolbypassrls then 'bypassrls' end, case when rolconnlimit <> -1 then 'connection limit ' || rolconnlimit end,
    case when rolvaliduntil < 'infinity' then 'valid until ' || quote_literal(rolvaliduntil::text) end)
from pg_roles where rolname = $1";

/// Writes the roles file of the database at `url`, which a superuser must open. Changes nothing.
///
/// # Errors
/// [`Error::Usage`] for another role than a superuser, who doesn't see everything.
pub fn init(url: &str) -> Result<Written> {
    let mut session = open(url)?;
    if !session.is_superuser()? {
        return Err(Error::Usage("init needs a superuser's URL: others don't see every right".into()));
    }
    session.patiently(TRIES, |session| {
        session.run("begin", "begin")?;
        let written = write(session);
        session.roll_back();
        written
    })
}

fn write(session: &mut Session) -> Result<Written> {
    let database: String = session.value("select current_database()::text")?;
    let roles = session.texts(ROLES)?;
    let is = Census::read(session, &roles)?;
    let mut text = format!(
        "-- Who may do what in the database {database}, as it was when `dba roles init` wrote this. From now on it is the wanted state:\n-- `dba roles check --roles FILE` finds what differs. Passwords are not in it.\n\n"
    );
    write_roles(session, &roles, &is, &mut text)?;
    write_memberships(&is, &mut text);
    write_settings(&is, &mut text);
    write_owners(session, &mut text)?;
    let rows = is.facts.iter().filter(|(_, fact)| fact.ends_with("row level security"));
    let rows = rows.map(|(table, fact)| {
        let change = if fact.starts_with("force") { fact.clone() } else { format!("enable {fact}") };
        format!("alter table {table} {change};")
    });
    paragraph(&mut text, "Row level security.", rows);
    // A revoke on a table revokes the columns' rights, too: so a second round may have something left.
    for _ in 0..3 {
        let lines = missing_lines(session, &text)?;
        if lines.is_empty() {
            break;
        }
        paragraph(&mut text, "Rights.", lines.into_iter());
    }
    let left = look(session, &options(&text))?.findings;
    let lines = left.iter().map(|finding| format!("{}{} -- {}", ACCEPTED, finding.key, finding.what));
    let title = "Found, and accepted as it is: delete a line to have it reported.";
    paragraph(&mut text, title, lines);
    Ok(Written { text, accepted: left.len() })
}

fn options(text: &str) -> Options {
    Options { file: RolesFile::new(format!("-- == roles ==\n{text}")), ..Options::default() }
}

fn paragraph(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        let _ = write!(text, "-- {title}\n{}\n\n", lines.join("\n"));
    }
}

fn write_roles(session: &mut Session, roles: &[String], is: &Census, text: &mut String) -> Result<()> {
    let mut lines = Vec::new();
    for role in roles {
        let row = session.client.query_one(ATTRIBUTES, &[role]).doing("reading attributes of roles")?;
        lines.push(format!("create role {} {};", identifier(role), row.get::<_, String>(0)));
        let of = is.settings.iter().filter(|((name, ..), _)| name == role);
        lines.extend(of.map(|((_, database, name), value)| {
            let here =
                if database.is_empty() { String::new() } else { format!(" in database {}", identifier(database)) };
            format!("alter role {}{here} set {} = {};", identifier(role), identifier(name), setting(name, value))
        }));
    }
    paragraph(text, "Roles, and what their sessions start with.", lines.into_iter());
    Ok(())
}

fn write_memberships(is: &Census, text: &mut String) {
    let lines = is.members.iter().map(|((member, group), how)| {
        let options = membership_options(how);
        format!("grant {} to {}{options};", identifier(group), identifier(member))
    });
    paragraph(text, "Memberships.", lines);
}

fn membership_options(how: &Membership) -> String {
    match (how.inherit, how.set) {
        (Some(inherit), Some(set)) => format!(" with admin {}, inherit {inherit}, set {set}", how.admin),
        _ if how.admin => " with admin option".to_owned(),
        _ => String::new(),
    }
}

fn write_settings(is: &Census, text: &mut String) {
    let of = is.settings.iter().filter(|((role, ..), _)| role == "all");
    let lines = of.map(|((_, database, name), value)| {
        let place =
            if database.is_empty() { "role all".to_owned() } else { format!("database {}", identifier(database)) };
        format!("alter {place} set {} = {};", identifier(name), setting(name, value))
    });
    paragraph(text, "Settings of everybody.", lines);
}

fn write_owners(session: &mut Session, text: &mut String) -> Result<()> {
    let owners = rules::every_owner(session)?;
    let (schemas, others): (Vec<_>, Vec<_>) =
        owners.into_iter().partition(|((kind, name), _)| kind == "schema" && name != "public");
    let schemas = schemas
        .into_iter()
        .map(|((_, name), owner)| format!("create schema if not exists {name} authorization {};", identifier(&owner)));
    paragraph(text, "Schemas.", schemas);
    let others =
        others.into_iter().map(|((kind, name), owner)| format!("alter {kind} {name} owner to {};", identifier(&owner)));
    paragraph(text, "Owners.", others);
    Ok(())
}

/// Grants and revokes between what this text gives and what the database gives: revokes first, for those on a table take the columns' along.
fn missing_lines(session: &mut Session, text: &str) -> Result<Vec<String>> {
    let options = options(text);
    let look = Look::new(session, &options)?;
    let (given, _) = desired::desired(session, &look, &[])?;
    let is = Census::read(session, &look.roles)?;
    let opposite = |right: &Right| Right { grantable: !right.grantable, ..right.clone() };
    let extra = given.rights.difference(&is.rights).filter(|right| !is.rights.contains(&opposite(right)));
    let mut lines = statements("revoke", extra, Grantor::Superuser);
    lines.extend(statements("grant", is.rights.difference(&given.rights), Grantor::Superuser));
    Ok(lines)
}
