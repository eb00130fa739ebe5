//! What is read from the catalogue: objects and their services, rights across services, keys, triggers, functions, views' definitions.

use std::collections::{BTreeMap, BTreeSet};

use postgres::{Client, Row};

use super::definitions::{self, Definition, TextBody};
use super::owners::Owners;
use super::relation::{Place, Relation};
use super::tree;
use crate::error::{Doing, Result};

/// A right of a service on another's object.
#[derive(Debug, Clone)]
pub(super) struct Right {
    pub(super) service: String,
    pub(super) relation: u32,
    /// `None`: every column.
    pub(super) columns: Option<BTreeSet<i16>>,
    /// It may insert, update, delete or truncate.
    pub(super) writes: bool,
}

/// A foreign key between services.
#[derive(Debug, Clone)]
pub(super) struct ForeignKey {
    pub(super) name: String,
    pub(super) child: u32,
    pub(super) parent: u32,
    pub(super) columns: Vec<i16>,
    pub(super) parent_columns: Vec<i16>,
    pub(super) on_delete: String,
    pub(super) on_update: String,
    pub(super) indexed: bool,
}

/// What a view's rule says.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    /// Of each output column, in order; `(0, 0)`: computed.
    pub(super) origins: Vec<Place>,
    /// Columns that it names anywhere.
    pub(super) uses: BTreeSet<Place>,
    /// Relations that it names, also where no column is read.
    pub(super) over: BTreeSet<u32>,
}

/// A dependency without a statement: trigger, default, function in a view.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// `trigger`, `call` or `sequence`.
    pub(super) kind: String,
    /// `schema.name` of the relation, and who owns it.
    pub(super) from: (String, String),
    /// `schema.name` of function or sequence, and who owns it.
    pub(super) to: (String, String),
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) relations: BTreeMap<u32, Relation>,
    pub(super) by_name: BTreeMap<String, u32>,
    /// Service of each role that is some service's.
    pub(super) roles: BTreeMap<String, String>,
    /// Names of the roles that don't administer, by OID.
    names: BTreeMap<u32, String>,
    pub(super) rights: Vec<Right>,
    pub(super) keys: Vec<ForeignKey>,
    pub(super) rules: BTreeMap<u32, Rule>,
    pub(super) links: Vec<Link>,
    /// What objects of one service are made with of another's.
    pub(super) definitions: Vec<Definition>,
    /// Bodies kept as text that may use another service.
    pub(super) bodies: Vec<TextBody>,
    /// Service of each function that isn't the system's: `schema.name`.
    pub(super) functions: BTreeMap<String, String>,
}

/// Superusers, roles with CREATEROLE, and the database's owner belong to no service.
const ROLES: &str = "
select r.oid, r.rolname::text, r.rolsuper or r.rolcreaterole or r.rolbypassrls or r.oid = d.datdba
from pg_catalog.pg_roles r, pg_catalog.pg_database d where d.datname = current_database() and r.rolname !~ '^pg_' order by 2";

const RELATIONS: &str = "
select c.oid, n.nspname::text, format('%I.%I', n.nspname, c.relname), c.relowner, c.relkind::text,
    array_agg(a.attnum order by a.attnum) filter (where a.attnum is not null), array_agg(format('%I', a.attname) order by a.attnum) filter (where a.attnum is not null)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind <> 'S'
where c.relkind in ('r', 'p', 'f', 'm', 'v', 'S') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)' and not c.relispartition
    and not exists (select from pg_catalog.pg_depend e where e.classid = 'pg_catalog.pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
group by c.oid, n.nspname";

const FUNCTIONS: &str = "
select n.nspname::text, format('%I.%I', n.nspname, p.proname), p.proowner
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname not in ('pg_catalog', 'information_schema')
    and not exists (select from pg_catalog.pg_depend e where e.classid = 'pg_catalog.pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')";

/// Effective rights of these roles on these relations: inherited and PUBLIC's included, and only where the schema is open to them. Relations of one owner
/// with equal rights are asked about once; those with rights on columns each.
const RIGHTS: &str = "
with part (columns, acl, owner, place, oids, one) as (
    select case when s.by_column then c.oid end, c.relacl::text, c.relowner, c.relnamespace, array_agg(c.oid), min(c.oid)
    from pg_catalog.pg_class c cross join lateral (select exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attacl is not null)) s (by_column)
    where c.oid = any($2) group by 1, 2, 3, 4
)
select r.name, o.oid, p.whole,
    case when not p.whole then (select array_agg(a.attnum) from pg_catalog.pg_attribute a
        where a.attrelid = o.oid and a.attacl is not null and has_column_privilege(r.name, o.oid, a.attnum, 'select')) end,
    p.writes
from unnest($1::text[]) r(name) join pg_catalog.pg_namespace n on has_schema_privilege(r.name, n.oid, 'usage') join part on part.place = n.oid
cross join lateral (select has_table_privilege(r.name, part.one, 'select'), has_any_column_privilege(r.name, part.one, 'select'),
    has_any_column_privilege(r.name, part.one, 'insert, update') or has_table_privilege(r.name, part.one, 'delete, truncate')) p (whole, reads, writes)
cross join lateral unnest(part.oids) o (oid) where p.reads or p.writes";

const KEYS: &str = "
select k.conname::text, k.conrelid, k.confrelid, k.conkey, k.confkey,
    case k.confdeltype when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade' when 'n' then 'set null' else 'set default' end,
    case k.confupdtype when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade' when 'n' then 'set null' else 'set default' end,
    exists (select from pg_catalog.pg_index i where i.indrelid = k.conrelid and i.indisvalid and i.indpred is null
        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
from pg_catalog.pg_constraint k where k.contype = 'f' and k.conparentid = 0";

const RULES: &str = "
select r.ev_class, r.ev_action::text, under.* from pg_catalog.pg_rewrite r join pg_catalog.pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm')
cross join lateral (select array_agg(d.refobjid), array_agg(d.refobjsubid) from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid <> v.oid
    having count(*) > 0) under
where r.ev_type = '1' and r.ev_class = any($1)";

/// Triggers' functions, sequences in defaults, functions in views, defaults and checks.
const LINKS: &str = "
select 'trigger', t.tgrelid, format('%I.%I', n.nspname, p.proname), null::oid from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
join pg_catalog.pg_namespace n on n.oid = p.pronamespace where not t.tgisinternal
union all
select 'sequence', b.adrelid, null, d.refobjid from pg_catalog.pg_attrdef b join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_attrdef'::regclass and d.objid = b.oid
and d.refclassid = 'pg_catalog.pg_class'::regclass join pg_catalog.pg_class s on s.oid = d.refobjid and s.relkind = 'S'
union all
select 'call', o.relation, format('%I.%I', n.nspname, p.proname), null from (
    select 'pg_catalog.pg_rewrite'::regclass, r.oid, r.ev_class from pg_catalog.pg_rewrite r
    union all select 'pg_catalog.pg_attrdef'::regclass, b.oid, b.adrelid from pg_catalog.pg_attrdef b
    union all select 'pg_catalog.pg_constraint'::regclass, k.oid, k.conrelid from pg_catalog.pg_constraint k where k.contype = 'c') o(class, oid, relation)
join pg_catalog.pg_depend d on d.classid = o.class and d.objid = o.oid and d.refclassid = 'pg_catalog.pg_proc'::regclass
join pg_catalog.pg_proc p on p.oid = d.refobjid join pg_catalog.pg_namespace n on n.oid = p.pronamespace";

impl Catalogue {
    /// Reads the services' roles; [`Self::read`] needs them.
    pub(super) fn of_roles(client: &mut Client, owners: &Owners) -> Result<Self> {
        let mut all = Self::default();
        for row in &query(client, ROLES, "roles")? {
            let (oid, name, administers): (u32, String, bool) = (row.get(0), row.get(1), row.get(2));
            if administers {
                continue;
            }
            if let Some(service) = owners.of_role(&name) {
                all.roles.insert(name.clone(), service);
            }
            all.names.insert(oid, name);
        }
        Ok(all)
    }

    /// Reads all else.
    pub(super) fn read(mut self, client: &mut Client, owners: &Owners) -> Result<Self> {
        let names = std::mem::take(&mut self.names);
        let all = &mut self;
        let relations = query(client, RELATIONS, "tables and views")?;
        // Where one role owns everything, its name doesn't tell the service.
        let of: BTreeSet<u32> = relations.iter().map(|row| row.get(3)).collect();
        let telling = of.iter().filter(|owner| names.contains_key(owner)).count() > 1;
        let owner = |oid: u32| names.get(&oid).filter(|_| telling).map(String::as_str);
        for row in &relations {
            all.add_relation(row, owners, &owner);
        }
        for row in query(client, FUNCTIONS, "functions")? {
            let (schema, name): (String, String) = (row.get(0), row.get(1));
            let service = owners.of_object(&name, &schema, owner(row.get(2)));
            all.functions.insert(name, service);
        }
        all.read_rights(client)?;
        all.read_keys(client)?;
        all.read_rules(client)?;
        all.read_links(client)?;
        (all.definitions, all.bodies) = definitions::read(client, &all.relations, owners, &owner)?;
        Ok(self)
    }

    fn add_relation<'a>(&mut self, row: &Row, owners: &Owners, owner: &dyn Fn(u32) -> Option<&'a str>) {
        let (oid, schema, name): (u32, String, String) = (row.get(0), row.get(1), row.get(2));
        let kind: String = row.get(4);
        let numbers: Option<Vec<i16>> = row.get(5);
        let columns: Option<Vec<String>> = row.get(6);
        let relation = Relation {
            service: owners.of_object(&name, &schema, owner(row.get(3))),
            name: name.clone(),
            kind: kind.chars().next().unwrap_or('r'),
            columns: numbers.unwrap_or_default().into_iter().zip(columns.unwrap_or_default()).collect(),
        };
        self.relations.insert(oid, relation);
        self.by_name.insert(name, oid);
    }

    fn read_rights(&mut self, client: &mut Client) -> Result<()> {
        let roles: Vec<&str> = self.roles.keys().map(String::as_str).collect();
        let relations: Vec<u32> =
            self.relations.iter().filter(|(_, one)| one.kind != 'S').map(|(oid, _)| *oid).collect();
        for row in client.query(RIGHTS, &[&roles, &relations]).doing("reading rights")? {
            let (role, relation, whole): (String, u32, bool) = (row.get(0), row.get(1), row.get(2));
            let service = self.roles[&role].clone();
            if self.relations[&relation].service != service {
                let columns: Option<Vec<i16>> = row.get(3);
                let columns = (!whole).then(|| columns.unwrap_or_default().into_iter().collect());
                self.rights.push(Right { service, relation, columns, writes: row.get(4) });
            }
        }
        Ok(())
    }

    fn read_keys(&mut self, client: &mut Client) -> Result<()> {
        for row in query(client, KEYS, "foreign keys")? {
            let key = ForeignKey {
                name: row.get(0),
                child: row.get(1),
                parent: row.get(2),
                columns: row.get(3),
                parent_columns: row.get(4),
                on_delete: row.get(5),
                on_update: row.get(6),
                indexed: row.get(7),
            };
            if let (Some(child), Some(parent)) = (self.relations.get(&key.child), self.relations.get(&key.parent))
                && child.service != parent.service
            {
                self.keys.push(key);
            }
        }
        self.keys
            .sort_by(|a, b| (&self.relations[&a.child].name, &a.name).cmp(&(&self.relations[&b.child].name, &b.name)));
        Ok(())
    }

    fn read_rules(&mut self, client: &mut Client) -> Result<()> {
        let views: Vec<u32> = self.relations.iter().filter(|(_, one)| one.is_view()).map(|(oid, _)| *oid).collect();
        for row in client.query(RULES, &[&views]).doing("reading views")? {
            let (view, action): (u32, String) = (row.get(0), row.get(1));
            let relations: Vec<u32> = row.get(2);
            let columns: Vec<i32> = row.get(3);
            let uses = relations.into_iter().zip(columns);
            let over = row.get::<_, Vec<u32>>(2).into_iter().collect();
            let uses = uses.filter_map(|(relation, column)| {
                Some((relation, i16::try_from(column).ok().filter(|column| *column > 0)?))
            });
            let mut uses: BTreeSet<Place> = uses.collect();
            // 0 is the whole row.
            for need in tree::needs(&action).into_iter().filter(|need| need.selected.contains(&0)) {
                let columns = self.relations.get(&need.relation).into_iter().flat_map(|one| one.columns.keys());
                uses.extend(columns.map(|column| (need.relation, *column)));
            }
            self.rules.insert(view, Rule { origins: tree::origins(&action), uses, over });
        }
        Ok(())
    }

    fn read_links(&mut self, client: &mut Client) -> Result<()> {
        for row in query(client, LINKS, "triggers and functions")? {
            let Some(from) = self.relations.get(&row.get::<_, u32>(1)) else {
                continue;
            };
            let function: Option<String> = row.get(2);
            let sequence: Option<u32> = row.get(3);
            let sequence =
                sequence.and_then(|oid| self.relations.get(&oid)).map(|one| (one.name.clone(), one.service.clone()));
            let function = function.and_then(|name| self.functions.get(&name).map(|service| (name, service.clone())));
            if let Some(to) = sequence.or(function).filter(|to| to.1 != from.service) {
                self.links.push(Link { kind: row.get(0), from: (from.name.clone(), from.service.clone()), to });
            }
        }
        Ok(())
    }
}

fn query(client: &mut Client, sql: &str, what: &str) -> Result<Vec<Row>> {
    client.query(sql, &[]).doing(format!("reading {what}"))
}
