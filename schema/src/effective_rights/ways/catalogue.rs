//! What decides about ways: tables and views with what they read, functions, roles, memberships, and what Postgres says that a role may.

use std::collections::{BTreeMap, BTreeSet};

use crate::coupling::tree;
use crate::drift::view_option;
use crate::error::{Doing, Result};
use crate::session::Session;

/// Number of a column within its relation.
pub(super) type Place = (u32, i16);

/// What a stored body reads and calls.
#[derive(Default)]
pub(super) struct Body {
    pub(super) uses: Vec<Place>,
    /// Of each output column of a view; (0, 0): computed.
    pub(super) origins: Vec<Place>,
    pub(super) calls: Vec<u32>,
}

pub(super) struct Relation {
    pub(super) name: String,
    pub(super) schema: String,
    pub(super) kind: char,
    pub(super) owner: String,
    /// Runs with its reader's rights.
    pub(super) invoker: bool,
    /// Row level security: on, and for the owner, too.
    pub(super) rows: (bool, bool),
    pub(super) columns: BTreeMap<i16, String>,
    pub(super) body: Body,
    pub(super) parents: Vec<u32>,
}

impl Relation {
    pub(super) fn is_view(&self) -> bool {
        matches!(self.kind, 'v' | 'm')
    }
}

pub(super) struct Function {
    pub(super) name: String,
    pub(super) schema: String,
    pub(super) owner: String,
    pub(super) definer: bool,
    /// None: its text is opaque.
    pub(super) body: Option<Body>,
}

pub(super) struct Role {
    pub(super) superuser: bool,
    pub(super) create_role: bool,
    pub(super) bypasses: bool,
}

/// What Postgres says that one role may.
#[derive(Default)]
pub(super) struct May {
    pub(super) columns: BTreeSet<Place>,
    pub(super) schemas: BTreeSet<String>,
    pub(super) functions: BTreeSet<u32>,
    /// Tables of which some policy shows it rows.
    pub(super) policies: BTreeSet<u32>,
    /// Roles whose owner's privileges it has.
    pub(super) is: BTreeSet<String>,
}

/// Everything that decides.
pub(in crate::effective_rights) struct Ways {
    /// The relations and functions that are read; none: all.
    scope: Option<[Vec<u32>; 2]>,
    pub(super) before_16: bool,
    pub(super) relations: BTreeMap<u32, Relation>,
    pub(super) functions: BTreeMap<u32, Function>,
    pub(super) roles: BTreeMap<String, Role>,
    /// By member: group, may it `set role`, may it make itself a member.
    pub(super) groups: BTreeMap<String, Vec<(String, bool, bool)>>,
    pub(super) may: BTreeMap<String, May>,
}

const RELATIONS: &str = "
select c.oid, format('%I.%I', n.nspname, c.relname), n.nspname::text, c.relkind::text, w.rolname::text, INVOKER, c.relrowsecurity, c.relforcerowsecurity,
    coalesce((select array_agg(a.attnum order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '{}'),
    coalesce((select array_agg(format('%I', a.attname) order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '{}'),
    (select r.ev_action::text from pg_rewrite r where r.ev_class = c.oid and r.rulename = '_RETURN'),
    array(select d.refobjid from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_proc'::regclass
        where r.ev_class = c.oid and r.rulename = '_RETURN'),
    array(select i.inhparent from pg_inherits i where i.inhrelid = c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles w on w.oid = c.relowner
where c.relkind in ('r', 'p', 'f', 'm', 'v') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)' and ($1::oid[] is null or c.oid = any ($1))";

/// What can lead to a relation: parents and children, views and functions that name one of these, and so on; and every function whose body isn't known.
const SCOPE: &str = "
with recursive scope (class, oid) as (
    select s.class, s.oid from (select 'pg_class'::regclass::oid, $1::oid union all select 'pg_proc'::regclass, p.oid from pg_proc p where p.oid >= 16384 and p.prosqlbody is null) s (class, oid)
    union
    select x.class, x.oid from scope s cross join lateral (
        select 'pg_class'::regclass::oid as class, i.inhparent as oid from pg_inherits i where s.class = 'pg_class'::regclass and i.inhrelid = s.oid
        union all select 'pg_class'::regclass, i.inhrelid from pg_inherits i where s.class = 'pg_class'::regclass and i.inhparent = s.oid
        union all select 'pg_class'::regclass, r.ev_class from pg_depend d join pg_rewrite r on r.oid = d.objid where d.classid = 'pg_rewrite'::regclass and d.refclassid = s.class and d.refobjid = s.oid
        union all select d.classid, d.objid from pg_depend d where d.classid = 'pg_proc'::regclass and d.refclassid = s.class and d.refobjid = s.oid
    ) x
)
select array(select oid from scope where class = 'pg_class'::regclass), array(select oid from scope where class = 'pg_proc'::regclass)";

const FUNCTIONS: &str = "
select p.oid, format('%I.%I', n.nspname, p.proname), n.nspname::text, w.rolname::text, p.prosecdef, p.prosqlbody::text,
    array(select d.refobjid from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass)
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_roles w on w.oid = p.proowner
where n.nspname not in ('pg_catalog', 'information_schema') and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e') and ($1::oid[] is null or p.oid = any ($1))";

const MEMBERS: &str = "
select m.rolname::text, g.rolname::text, coalesce((to_jsonb(a) ->> 'set_option')::bool, true), a.admin_option
from pg_auth_members a join pg_roles m on m.oid = a.member join pg_roles g on g.oid = a.roleid";

/// Of one role: columns, schemas, functions, tables with a policy, roles that it has the rights of.
const MAY: [&str; 5] = [
    "select c.oid, a.attnum from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p', 'f', 'm', 'v') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
         and ($2::oid[] is null or c.oid = any ($2)) and has_column_privilege($1, c.oid, a.attnum, 'SELECT')",
    "select n.nspname::text from pg_namespace n where has_schema_privilege($1, n.oid, 'USAGE')",
    "select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname not in ('pg_catalog', 'information_schema') and ($2::oid[] is null or p.oid = any ($2)) and has_function_privilege($1, p.oid, 'EXECUTE')",
    "select p.polrelid from pg_policy p where p.polpermissive and p.polcmd in ('r', '*')
         and exists (select from unnest(p.polroles) r(oid) where r.oid = 0 or pg_has_role($1, r.oid, 'USAGE'))",
    "select r.rolname::text from pg_roles r where pg_has_role($1, r.oid, 'USAGE')",
];

fn body(tree: &str, calls: Vec<u32>, relations: &dyn Fn(u32) -> Vec<i16>) -> Body {
    let mut uses = Vec::new();
    for need in tree::needs(tree) {
        for column in need.selected {
            // 0 is the whole row.
            let all = if column == 0 { relations(need.relation) } else { vec![column] };
            uses.extend(all.into_iter().map(|column| (need.relation, column)));
        }
    }
    uses.sort_unstable();
    uses.dedup();
    Body { uses, origins: tree::origins(tree), calls }
}

impl Ways {
    /// All, or what can lead to one relation.
    pub(in crate::effective_rights) fn read(session: &mut Session, relation: Option<u32>) -> Result<Self> {
        let scope = match relation {
            None => None,
            Some(relation) => {
                let row = session.client.query_one(SCOPE, &[&relation]).doing("reading what leads to a table")?;
                Some([row.get(0), row.get(1)])
            }
        };
        let of: Option<&[Vec<u32>; 2]> = scope.as_ref();
        let (relations, functions) = (of.map(|[one, _]| one.clone()), of.map(|[_, one]| one.clone()));
        let before_16 = session.value::<i32>("select current_setting('server_version_num')::int")? < 160_000;
        let mut all = Self {
            scope,
            before_16,
            relations: BTreeMap::new(),
            functions: BTreeMap::new(),
            roles: BTreeMap::new(),
            groups: BTreeMap::new(),
            may: BTreeMap::new(),
        };
        let client = &mut session.client;
        let mut bodies = Vec::new();
        let sql = RELATIONS.replace("INVOKER", &view_option("security_invoker"));
        for row in client.query(&sql, &[&relations]).doing("reading tables and views")? {
            let (numbers, names): (Vec<i16>, Vec<String>) = (row.get(8), row.get(9));
            let kind: String = row.get(3);
            let relation = Relation {
                name: row.get(1),
                schema: row.get(2),
                kind: kind.chars().next().unwrap_or('r'),
                owner: row.get(4),
                invoker: row.get(5),
                rows: (row.get(6), row.get(7)),
                columns: numbers.into_iter().zip(names).collect(),
                body: Body::default(),
                parents: row.get(12),
            };
            if let Some(text) = row.get::<_, Option<String>>(10) {
                bodies.push((row.get::<_, u32>(0), text, row.get::<_, Vec<u32>>(11)));
            }
            all.relations.insert(row.get(0), relation);
        }
        for (oid, text, calls) in bodies {
            let body = body(&text, calls, &|oid| all.numbers(oid));
            if let Some(relation) = all.relations.get_mut(&oid) {
                relation.body = body;
            }
        }
        for row in client.query(FUNCTIONS, &[&functions]).doing("reading functions")? {
            let text: Option<String> = row.get(5);
            let body = text.map(|text| body(&text, row.get(6), &|oid| all.numbers(oid)));
            let function =
                Function { name: row.get(1), schema: row.get(2), owner: row.get(3), definer: row.get(4), body };
            all.functions.insert(row.get(0), function);
        }
        let roles = "select rolname::text, rolsuper, rolcreaterole, rolbypassrls from pg_roles";
        for row in client.query(roles, &[]).doing("reading roles")? {
            let role = Role { superuser: row.get(1), create_role: row.get(2), bypasses: row.get(3) };
            all.roles.insert(row.get(0), role);
        }
        for row in client.query(MEMBERS, &[]).doing("reading memberships")? {
            all.groups.entry(row.get(0)).or_default().push((row.get(1), row.get(2), row.get(3)));
        }
        Ok(all)
    }

    /// Names of the relations that are read.
    pub(in crate::effective_rights) fn names(&self) -> impl Iterator<Item = &str> {
        self.relations.values().map(|one| one.name.as_str())
    }

    fn numbers(&self, relation: u32) -> Vec<i16> {
        self.relations.get(&relation).map_or_else(Vec::new, |one| one.columns.keys().copied().collect())
    }

    /// Asks Postgres once for each role.
    pub(super) fn ask(&mut self, session: &mut Session, role: &str) -> Result<()> {
        if self.may.contains_key(role) {
            return Ok(());
        }
        let of = self.scope.as_ref();
        let (relations, functions) = (of.map(|[one, _]| one), of.map(|[_, one]| one));
        let doing = || format!("asking what {role} may");
        let columns = session.client.query(MAY[0], &[&role, &relations]).doing(doing())?;
        let called = session.client.query(MAY[2], &[&role, &functions]).doing(doing())?;
        let mut rows = |sql: &str| session.client.query(sql, &[&role]).doing(doing());
        let may = May {
            columns: columns.iter().map(|row| (row.get(0), row.get(1))).collect(),
            schemas: rows(MAY[1])?.iter().map(|row| row.get(0)).collect(),
            functions: called.iter().map(|row| row.get(0)).collect(),
            policies: rows(MAY[3])?.iter().map(|row| row.get(0)).collect(),
            is: rows(MAY[4])?.iter().map(|row| row.get(0)).collect(),
        };
        self.may.insert(role.to_owned(), may);
        Ok(())
    }
}
