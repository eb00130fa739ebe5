//! Who may do what, read from the catalogue: the same type for the desired and for the actual state.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Row;

use crate::error::{Doing, Result};
use crate::grantor::Grantor;
use crate::session::{Session, identifier};

/// One right, as `aclexplode` returns them. No ACL is compared as text, so a null ACL and its written default are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// As `grant … on` has it: `table`, `schema`, `database`, `sequence`, `routine`, `type`; or `default` for default privileges.
    pub kind: String,
    /// Quoted and qualified; for `default`, what they are for (`routines`, …).
    pub object: String,
    /// Empty: the whole object.
    pub column: String,
    /// Who grants: the owner.
    pub owner: String,
    /// A role, or `public`.
    pub grantee: String,
    /// As Postgres calls it: `SELECT`.
    pub privilege: String,
    /// With grant option? No right of ours is.
    pub grantable: bool,
}

/// From the columns of the queries here and in the census.
impl From<&Row> for Right {
    fn from(row: &Row) -> Self {
        Self {
            kind: row.get(0),
            object: row.get(1),
            column: row.get(2),
            owner: row.get(3),
            grantee: row.get(4),
            privilege: row.get(5),
            grantable: row.get(6),
        }
    }
}

/// A role without its rights on objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Role {
    /// As `alter role` has them, in one line.
    pub attributes: String,
    /// Setting by name, for all databases.
    pub settings: BTreeMap<String, String>,
    /// Setting by name, for this database alone.
    pub settings_here: BTreeMap<String, String>,
    /// Roles that it is a member of.
    pub member_of: BTreeSet<String>,
}

/// Everything that `dba apply` keeps equal to `db-roles.sql`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The database read.
    pub database: String,
    /// All rights on objects of managed owners, owners' own included.
    pub rights: BTreeSet<Right>,
    /// Managed roles by name.
    pub roles: BTreeMap<String, Role>,
}

/// Every object that has an ACL: `acl` as it is, `init` as initdb or the extension made it.
pub(crate) const OBJECTS: &str = r#"
with object (kind, name, col, owner, acl, init, place) as (
    select 'database', format('%I', d.datname), '', d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)), acldefault('d', d.datdba), null::oid
    from pg_database d left join pg_roles w on w.oid = d.datdba
    where d.datname = current_database() or (d.datallowconn and w.rolsuper)
    union all
    select 'schema', format('%I', n.nspname), '', n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)),
        coalesce(i.initprivs, acldefault('n', n.nspowner)), n.oid
    from pg_namespace n left join pg_init_privs i on i.classoid = 'pg_namespace'::regclass and i.objoid = n.oid
    where n.nspname !~ '^pg_(toast|temp)'
    union all
    select case c.relkind when 'S' then 'sequence' else 'table' end, format('%I.%I', n.nspname, c.relname), '', c.relowner,
        coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)),
        coalesce(i.initprivs, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)), n.oid
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_init_privs i on i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = 0
    where c.relkind in ('r', 'v', 'm', 'f', 'p', 'S') and c.relpersistence <> 't'
    union all
    select 'table', format('%I.%I', n.nspname, c.relname), a.attname, c.relowner, a.attacl, i.initprivs, n.oid
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_init_privs i on i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = a.attnum
    where a.attacl is not null and not a.attisdropped
    union all
    select 'routine', p.oid::regprocedure::text, '', p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)),
        coalesce(i.initprivs, acldefault('f', p.proowner)), p.pronamespace
    from pg_proc p left join pg_init_privs i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid
    union all
    select 'type', format('%I.%I', n.nspname, t.typname), '', t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)),
        coalesce(i.initprivs, acldefault('T', t.typowner)), n.oid
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    left join pg_init_privs i on i.classoid = 'pg_type'::regclass and i.objoid = t.oid
    where t.typelem = 0 and (t.typtype in ('d', 'e', 'r', 'b') or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
    union all
    select 'language', format('%I', l.lanname), '', l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner)),
        coalesce(i.initprivs, acldefault('l', l.lanowner)), null
    from pg_language l left join pg_init_privs i on i.classoid = 'pg_language'::regclass and i.objoid = l.oid
    where l.lanpltrusted
    union all
    select 'parameter', p.parname, '', 10, p.paracl, null, null from pg_parameter_acl p
    union all
    select 'tablespace', format('%I', s.spcname), '', s.spcowner, coalesce(s.spcacl, acldefault('t', s.spcowner)), acldefault('t', s.spcowner), null
    from pg_tablespace s
    union all
    select 'foreign data wrapper', format('%I', f.fdwname), '', f.fdwowner, coalesce(f.fdwacl, acldefault('F', f.fdwowner)), acldefault('F', f.fdwowner), null
    from pg_foreign_data_wrapper f
    union all
    select 'foreign server', format('%I', s.srvname), '', s.srvowner, coalesce(s.srvacl, acldefault('S', s.srvowner)), acldefault('S', s.srvowner), null
    from pg_foreign_server s
    union all
    select 'large object', l.oid::text, '', l.lomowner, coalesce(l.lomacl, acldefault('L', l.lomowner)), acldefault('L', l.lomowner), null
    from pg_largeobject_metadata l
    union all
    select 'default', k.name, coalesce(n.nspname, ''), r.oid,
        case when s.nsp = 0 then coalesce(d.defaclacl, acldefault(k.kind, r.oid)) else d.defaclacl end, case when r.rolsuper and s.nsp = 0 then acldefault(k.kind, r.oid) end, null
    from pg_roles r
    cross join (values ('r', 'r'::"char", 'tables'), ('S', 's', 'sequences'), ('f', 'f', 'routines'), ('T', 'T', 'types'), ('n', 'n', 'schemas')) k (objtype, kind, name)
    cross join lateral (
        select 0::oid union all select e.defaclnamespace from pg_default_acl e
        where e.defaclrole = r.oid and e.defaclobjtype::text = k.objtype and e.defaclnamespace <> 0
    ) s (nsp)
    left join pg_default_acl d on d.defaclrole = r.oid and d.defaclobjtype::text = k.objtype and d.defaclnamespace = s.nsp
    left join pg_namespace n on n.oid = s.nsp
    where r.rolname !~ '^pg_'
)
"#;

/// Every right on objects whose owner is one of `$1`.
const RIGHTS: &str = "
select o.kind, o.name, o.col::text, w.rolname::text, coalesce(g.rolname::text, 'public'), a.privilege_type, a.is_grantable
from object o
join pg_roles w on w.oid = o.owner
cross join lateral aclexplode(o.acl) a
left join pg_roles g on g.oid = a.grantee
where w.rolname = any ($1) and o.kind in ('database', 'schema', 'table', 'sequence', 'routine', 'type', 'default')
    and (o.kind <> 'default' or not w.rolcanlogin or w.rolname = current_user)";

const ROLES: &str = "
select r.rolname::text,
    concat_ws(' ',
        case when r.rolcanlogin then 'login' else 'nologin' end,
        case when r.rolinherit then 'inherit' else 'noinherit' end,
        'connection limit ' || r.rolconnlimit,
        'valid until ' || quote_literal(coalesce(r.rolvaliduntil, 'infinity')::text)),
    concat_ws(', ', case when r.rolsuper then 'superuser' end, case when r.rolcreatedb then 'createdb' end, case when r.rolcreaterole then 'createrole' end, case when r.rolreplication then 'replication' end,
        case when r.rolbypassrls then 'bypassrls' end),
    coalesce((select s.setconfig from pg_db_role_setting s where s.setrole = r.oid and s.setdatabase = 0), '{}'),
    coalesce((select s.setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
        where s.setrole = r.oid and d.datname = current_database()), '{}'),
    array(select b.rolname::text from pg_auth_members m join pg_roles b on b.oid = m.roleid where m.member = r.oid)
from pg_roles r where r.rolname = any ($1)";

impl State {
    /// Reads it. `managed` are the roles; their owners' objects and those of `administrator` are looked at.
    pub fn read(session: &mut Session, managed: &[String], administrator: &str) -> Result<Self> {
        let mut owners = managed.to_vec();
        owners.push(administrator.to_owned());
        let database = session.value("select current_database()::text")?;
        let mut state = Self { database, ..Self::default() };
        for row in session.client.query(&format!("{OBJECTS}{RIGHTS}"), &[&owners]).doing("reading rights")? {
            state.rights.insert(Right::from(&row));
        }
        for row in session.client.query(ROLES, &[&managed]).doing("reading roles")? {
            let name: String = row.get(0);
            let beyond: String = row.get(2);
            let mut attributes: String = row.get(1);
            if !beyond.is_empty() {
                // The administrator can neither grant nor revoke these: they only show as a difference.
                attributes = format!("{attributes} [{beyond}]");
            }
            let member_of: Vec<String> = row.get(5);
            let role = Role {
                attributes,
                settings: settings(row.get(3)),
                settings_here: settings(row.get(4)),
                member_of: member_of.into_iter().collect(),
            };
            state.roles.insert(name, role);
        }
        Ok(state)
    }

    /// Rights on objects of another owner: the coupling map.
    pub fn given(&self) -> impl Iterator<Item = &Right> {
        self.rights.iter().filter(|right| right.owner != right.grantee)
    }
}

fn settings(list: Vec<String>) -> BTreeMap<String, String> {
    list.iter().filter_map(|item| item.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// `"public"` is a keyword, not a role.
pub(crate) fn grantee(name: &str) -> String {
    if name == "public" { name.to_owned() } else { identifier(name) }
}

/// Rights on one object that one grant or revoke can name together.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    whole: BTreeSet<String>,
    columns: BTreeMap<String, BTreeSet<String>>,
}

impl Bundle {
    /// `SELECT, UPDATE (name, title)`.
    pub(crate) fn list(&self) -> String {
        let mut parts: Vec<String> = self.whole.iter().cloned().collect();
        for (privilege, columns) in &self.columns {
            let columns: Vec<_> = columns.iter().map(|column| identifier(column)).collect();
            parts.push(format!("{privilege} ({})", columns.join(", ")));
        }
        parts.join(", ")
    }

    fn add(&mut self, right: &Right) {
        if right.column.is_empty() || right.kind == "default" {
            self.whole.insert(right.privilege.clone());
        } else {
            self.columns.entry(right.privilege.clone()).or_default().insert(right.column.clone());
        }
    }
}

/// Objects are in schemas, schemas in the database.
pub(crate) fn rank(kind: &str) -> i32 {
    match kind {
        "database" => 0,
        "schema" => 1,
        _ => 2,
    }
}

/// Statements that grant or revoke (`verb`) these rights.
pub(crate) fn statements<'a>(verb: &str, rights: impl Iterator<Item = &'a Right>, by: Grantor) -> Vec<String> {
    let mut bundles: BTreeMap<(String, String, String, String, String, bool), Bundle> = BTreeMap::new();
    for right in rights {
        let schema = if right.kind == "default" { right.column.clone() } else { String::new() };
        let key = (
            right.owner.clone(),
            right.kind.clone(),
            right.object.clone(),
            schema,
            right.grantee.clone(),
            right.grantable,
        );
        bundles.entry(key).or_default().add(right);
    }
    // To name a table a role needs usage on its schema: rights on schemas are granted first and revoked last.
    let mut bundles: Vec<_> = bundles.into_iter().collect();
    bundles.sort_by_key(|((_, kind, ..), _)| rank(kind) * if verb == "grant" { 1 } else { -1 });
    let written = bundles.iter().map(|((owner, kind, object, schema, who, grantable), bundle)| {
        let (list, who) = (bundle.list(), grantee(who));
        let (to, option, cascade) = match (verb, grantable) {
            ("grant", true) => ("to", " with grant option", ""),
            ("grant", false) => ("to", "", ""),
            _ => ("from", "", " cascade"),
        };
        let statement = if kind == "default" {
            let within = if schema.is_empty() { String::new() } else { format!(" in schema {}", identifier(schema)) };
            format!(
                "alter default privileges{}{within} {verb} {list} on {object} {to} {who}{option}",
                by.defaults(owner)
            )
        } else {
            format!("{verb} {list} on {kind} {object} {to} {who}{option}{cascade}")
        };
        by.run(owner, &statement)
    });
    written.collect()
}
