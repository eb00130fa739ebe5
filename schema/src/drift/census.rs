//! Everything that `db-roles.sql` decides, read from the catalogue: the same type for the desired and for the actual state.
//!
//! Wider than [`State`](crate::state::State), which `dba apply` keeps: also the superuser's objects, parameters, languages, other databases, the
//! administrator itself, and settings of everybody. The list of privileges is the server's own (`aclexplode`), so a new one is seen, not overlooked.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Doing, Result};
use crate::session::Session;
use crate::state::{OBJECTS, Right};

/// What is compared.
#[derive(Debug, Clone, Default)]
pub struct Census {
    /// Rights, each once.
    pub rights: BTreeSet<Right>,
    /// `(role, attribute)` to its value.
    pub attributes: BTreeMap<(String, String), String>,
    /// `(role or "all", database or "", setting)` to its value.
    pub settings: BTreeMap<(String, String, String), String>,
    /// `(member, of)`, and how.
    pub members: BTreeMap<(String, String), Membership>,
    /// What tables are under: `(table, fact)`, see `FACTS`.
    pub facts: BTreeSet<(String, String)>,
    /// Owners of all objects; only read where the file says whose an object is.
    pub owners: Owners,
}

/// `(kind, name)` to the owner.
pub type Owners = BTreeMap<(String, String), String>;

/// Options of a membership.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// May add other members.
    pub admin: bool,
    /// Inherits the group's rights. Before 16 that is an attribute of the member: none.
    pub inherit: Option<bool>,
    /// May `set role`. Before 16 every member may: none.
    pub set: Option<bool>,
    /// Who granted the option to inherit: from 16 on each grantor's grant is separate.
    pub inherit_by: Vec<String>,
    /// Who granted the option to `set role`.
    pub set_by: Vec<String>,
}

const RIGHTS: &str = "
select o.kind, o.name, o.col::text, w.rolname::text, coalesce(g.rolname::text, case a.grantee when 0 then 'public' else 'role ' || a.grantee end),
    a.privilege_type, a.is_grantable
from object o
join pg_roles w on w.oid = o.owner
left join pg_namespace n on n.oid = o.place
left join pg_roles p on p.oid = n.nspowner
cross join lateral aclexplode(CHOSEN) a
left join pg_roles g on g.oid = a.grantee
where not (w.rolsuper and a.grantee = w.oid)
    and (w.rolname = any ($1) or w.rolsuper or w.rolname = 'pg_database_owner' or p.rolname = any ($1) or g.rolname = any ($1))
    and (not w.rolcanlogin or w.rolname = any ($1) or w.rolsuper or o.kind <> 'default')";

const ATTRIBUTES: &str = "
select r.rolname::text, v.name, v.value from pg_roles r
cross join lateral (values
    ('login', r.rolcanlogin::text), ('inherit', r.rolinherit::text), ('connection limit', r.rolconnlimit::text),
    ('valid until', coalesce(r.rolvaliduntil, 'infinity')::text), ('superuser', r.rolsuper::text), ('createdb', r.rolcreatedb::text),
    ('createrole', r.rolcreaterole::text), ('replication', r.rolreplication::text), ('bypassrls', r.rolbypassrls::text)) v (name, value)
where r.rolname = any ($1) or (v.name = 'superuser' and r.rolsuper and r.oid <> 10)";

const SETTINGS: &str = "
select coalesce(r.rolname::text, 'all'), coalesce(d.datname::text, ''), unnest(s.setconfig) from pg_db_role_setting s
left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
where (s.setrole = 0 or r.rolname = any ($1)) and (s.setdatabase = 0 or d.datname = current_database())";

/// From 16 on the creator of a role gets a membership in it from the bootstrap superuser, with ADMIN only. That membership gives no rights, and its ADMIN
/// belongs to CREATEROLE.
const MEMBERS: &str = "
with given as (
    select a.roleid, a.member, a.grantor, a.admin_option, (to_jsonb(a) ->> 'inherit_option')::bool as inherit, (to_jsonb(a) ->> 'set_option')::bool as set
    from pg_auth_members a
)
select m.rolname::text, g.rolname::text,
    bool_or(a.admin_option and not (a.set is not null and a.grantor = 10 and m.rolcreaterole)), bool_or(a.inherit), bool_or(a.set),
    coalesce(array_agg(w.rolname::text) filter (where a.inherit), '{}'), coalesce(array_agg(w.rolname::text) filter (where a.set), '{}')
from given a join pg_roles m on m.oid = a.member join pg_roles g on g.oid = a.roleid left join pg_roles w on w.oid = a.grantor
where (m.rolname = any ($1) or g.rolname = any ($1))
    and not (a.admin_option and a.grantor = 10 and m.rolcreaterole and coalesce(a.set, true) is false and coalesce(a.inherit, true) is false)
group by 1, 2";

/// Of tables of these roles: row security that is on or forced, triggers that don't fire. A foreign key is two system triggers: if a superuser disables them,
/// the key is not checked any more, without any warning.
const FACTS: &str = "
select format('%I.%I', n.nspname, c.relname), f.fact
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles w on w.oid = c.relowner
cross join lateral (
    select 'row level security' where c.relrowsecurity
    union all select 'force row level security' where c.relforcerowsecurity
    union all select distinct case when t.tgisinternal then 'disabled trigger all' else 'disabled trigger ' || quote_ident(t.tgname) end
    from pg_trigger t where t.tgrelid = c.oid and t.tgenabled in ('D', 'R')
) f (fact)
where w.rolname = any ($1) and c.relkind in ('r', 'p')";

impl Census {
    /// Reads it for these roles: their objects, rights and attributes.
    pub fn read(session: &mut Session, roles: &[String]) -> Result<Self> {
        let mut census = Self { rights: rights(session, roles, "o.acl")?, ..Self::default() };
        for row in session.client.query(ATTRIBUTES, &[&roles]).doing("reading attributes of roles")? {
            census.attributes.insert((row.get(0), row.get(1)), row.get(2));
        }
        for row in session.client.query(SETTINGS, &[&roles]).doing("reading settings of roles")? {
            let text: String = row.get(2);
            if let Some((name, value)) = text.split_once('=') {
                census.settings.insert((row.get(0), row.get(1), name.to_owned()), value.to_owned());
            }
        }
        for row in session.client.query(MEMBERS, &[&roles]).doing("reading memberships")? {
            let membership = Membership {
                admin: row.get(2),
                inherit: row.get(3),
                set: row.get(4),
                inherit_by: row.get(5),
                set_by: row.get(6),
            };
            census.members.insert((row.get(0), row.get(1)), membership);
        }
        for row in session.client.query(FACTS, &[&roles]).doing("reading row security and triggers")? {
            census.facts.insert((row.get(0), row.get(1)));
        }
        Ok(census)
    }
}

/// The initial rights, as `initdb` and extensions gave them.
pub fn initial(session: &mut Session, roles: &[String]) -> Result<BTreeSet<Right>> {
    rights(session, roles, "o.init")
}

fn rights(session: &mut Session, roles: &[String], chosen: &str) -> Result<BTreeSet<Right>> {
    let sql = format!("{OBJECTS}{}", RIGHTS.replace("CHOSEN", chosen));
    let rows = session.client.query(&sql, &[&roles]).doing("reading rights")?;
    Ok(rows.iter().map(Right::from).collect())
}
