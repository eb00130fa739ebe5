//! The ways to a table's column: rights, memberships, views, copies, functions that run as their owner, parents and partitions.
//!
//! Whether a role has a right is asked of Postgres (`has_column_privilege`), once for each role; which columns a view or a function reads is what the
//! server itself noted to check rights.

use std::collections::{BTreeMap, BTreeSet};

use super::{Access, ReadableColumn};
use crate::coupling::tree;
use crate::drift::view_option;
use crate::error::{Doing, Result};
use crate::session::Session;

/// Number of a column within its relation.
type Place = (u32, i16);

/// What a stored body reads and calls.
#[derive(Default)]
struct Body {
    uses: Vec<Place>,
    /// Of each output column of a view; (0, 0): computed.
    origins: Vec<Place>,
    calls: Vec<u32>,
}

struct Relation {
    name: String,
    schema: String,
    kind: char,
    owner: String,
    /// Runs with its reader's rights.
    invoker: bool,
    /// Row level security: on, and for the owner, too.
    rows: (bool, bool),
    columns: BTreeMap<i16, String>,
    body: Body,
    parents: Vec<u32>,
}

impl Relation {
    fn is_view(&self) -> bool {
        matches!(self.kind, 'v' | 'm')
    }
}

struct Function {
    name: String,
    schema: String,
    owner: String,
    definer: bool,
    /// None: its text is opaque.
    body: Option<Body>,
}

struct Role {
    superuser: bool,
    create_role: bool,
    bypasses: bool,
}

/// What Postgres says that one role may.
#[derive(Default)]
struct May {
    columns: BTreeSet<Place>,
    schemas: BTreeSet<String>,
    functions: BTreeSet<u32>,
    /// Tables of which some policy shows it rows.
    policies: BTreeSet<u32>,
    /// Roles whose owner's privileges it has.
    is: BTreeSet<String>,
}

/// Everything that decides.
pub(super) struct Ways {
    before_16: bool,
    relations: BTreeMap<u32, Relation>,
    functions: BTreeMap<u32, Function>,
    roles: BTreeMap<String, Role>,
    /// By member: group, may it `set role`, may it make itself a member.
    groups: BTreeMap<String, Vec<(String, bool, bool)>>,
    may: BTreeMap<String, May>,
}

/// One way to one column.
struct Way {
    place: Place,
    access: Access,
    why: String,
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
where c.relkind in ('r', 'p', 'f', 'm', 'v') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'";

const FUNCTIONS: &str = "
select p.oid, format('%I.%I', n.nspname, p.proname), n.nspname::text, w.rolname::text, p.prosecdef, p.prosqlbody::text,
    array(select d.refobjid from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass)
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_roles w on w.oid = p.proowner
where n.nspname not in ('pg_catalog', 'information_schema') and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')";

const MEMBERS: &str = "
select m.rolname::text, g.rolname::text, coalesce((to_jsonb(a) ->> 'set_option')::bool, true), a.admin_option
from pg_auth_members a join pg_roles m on m.oid = a.member join pg_roles g on g.oid = a.roleid";

/// Of one role: columns, schemas, functions, tables with a policy, roles that it has the rights of.
const MAY: [&str; 5] = [
    "select c.oid, a.attnum from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p', 'f', 'm', 'v') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
         and has_column_privilege($1, c.oid, a.attnum, 'SELECT')",
    "select n.nspname::text from pg_namespace n where has_schema_privilege($1, n.oid, 'USAGE')",
    "select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname not in ('pg_catalog', 'information_schema') and has_function_privilege($1, p.oid, 'EXECUTE')",
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
    pub(super) fn read(session: &mut Session) -> Result<Self> {
        let before_16 = session.value::<i32>("select current_setting('server_version_num')::int")? < 160_000;
        let mut all = Self {
            before_16,
            relations: BTreeMap::new(),
            functions: BTreeMap::new(),
            roles: BTreeMap::new(),
            groups: BTreeMap::new(),
            may: BTreeMap::new(),
        };
        let mut query = |sql: &str, what: &str| session.client.query(sql, &[]).doing(format!("reading {what}"));
        let mut bodies = Vec::new();
        for row in query(&RELATIONS.replace("INVOKER", &view_option("security_invoker")), "tables and views")? {
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
        for row in query(FUNCTIONS, "functions")? {
            let text: Option<String> = row.get(5);
            let body = text.map(|text| body(&text, row.get(6), &|oid| all.numbers(oid)));
            let function =
                Function { name: row.get(1), schema: row.get(2), owner: row.get(3), definer: row.get(4), body };
            all.functions.insert(row.get(0), function);
        }
        for row in query("select rolname::text, rolsuper, rolcreaterole, rolbypassrls from pg_roles", "roles")? {
            let role = Role { superuser: row.get(1), create_role: row.get(2), bypasses: row.get(3) };
            all.roles.insert(row.get(0), role);
        }
        for row in query(MEMBERS, "memberships")? {
            all.groups.entry(row.get(0)).or_default().push((row.get(1), row.get(2), row.get(3)));
        }
        Ok(all)
    }

    fn numbers(&self, relation: u32) -> Vec<i16> {
        self.relations.get(&relation).map_or_else(Vec::new, |one| one.columns.keys().copied().collect())
    }

    /// Asks Postgres once for each role.
    fn ask(&mut self, session: &mut Session, role: &str) -> Result<()> {
        if self.may.contains_key(role) {
            return Ok(());
        }
        let mut rows = |sql: &str| session.client.query(sql, &[&role]).doing(format!("asking what {role} may"));
        let may = May {
            columns: rows(MAY[0])?.iter().map(|row| (row.get(0), row.get(1))).collect(),
            schemas: rows(MAY[1])?.iter().map(|row| row.get(0)).collect(),
            functions: rows(MAY[2])?.iter().map(|row| row.get(0)).collect(),
            policies: rows(MAY[3])?.iter().map(|row| row.get(0)).collect(),
            is: rows(MAY[4])?.iter().map(|row| row.get(0)).collect(),
        };
        self.may.insert(role.to_owned(), may);
        Ok(())
    }

    /// Every way of this role to a table's column. `reason` says which right gives it a relation or one of its columns.
    pub(super) fn of(
        &mut self,
        session: &mut Session,
        role: &str,
        reason: &dyn Fn(&str, &str) -> Vec<String>,
    ) -> Result<Vec<ReadableColumn>> {
        let identities = self.identities(role);
        let mut owners: BTreeSet<String> =
            self.relations.values().filter(|one| one.is_view()).map(|one| one.owner.clone()).collect();
        owners.extend(self.functions.values().filter(|one| one.definer).map(|one| one.owner.clone()));
        owners.extend(identities.iter().map(|(name, _)| name.clone()));
        for name in owners {
            self.ask(session, &name)?;
        }
        let mut found: Vec<Way> = Vec::new();
        for (name, label) in &identities {
            let sure: BTreeSet<Place> =
                found.iter().filter(|way| way.access == Access::Reads).map(|way| way.place).collect();
            let more = self.ways(name, if name == role { Some(reason) } else { None });
            // What the role reads as itself needs no other identity.
            found.extend(more.into_iter().filter(|way| !sure.contains(&way.place)).map(|way| Way {
                why: if label.is_empty() { way.why } else { format!("{label}: {}", way.why) },
                ..way
            }));
        }
        let named = |way: Way| {
            let relation = self.relations.get(&way.place.0)?;
            let column = format!("{}.{}", relation.name, relation.columns.get(&way.place.1)?);
            Some(ReadableColumn { role: role.to_owned(), column, access: way.access, why: way.why })
        };
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// The role itself, and those that it can become, each with how.
    fn identities(&self, role: &str) -> Vec<(String, String)> {
        let mut found = vec![(role.to_owned(), String::new())];
        let mut seen = BTreeSet::from([role.to_owned()]);
        let mut at = 0;
        while at < found.len() {
            let (name, way) = found[at].clone();
            at += 1;
            let so_far = |how: String| if way.is_empty() { how } else { format!("{way}, which {how}") };
            for (group, sets, admin) in self.groups.get(&name).into_iter().flatten() {
                if (*sets || *admin) && seen.insert(group.clone()) {
                    let superuser = if self.is_superuser(group) { ", a superuser" } else { "" };
                    let how = if *sets {
                        "may set role"
                    } else {
                        "has the admin option, so may make itself a full member of"
                    };
                    found.push((group.clone(), so_far(format!("{how} {group}{superuser}"))));
                }
            }
            if self.before_16 && self.roles.get(&name).is_some_and(|one| one.create_role) && !self.is_superuser(&name) {
                for other in self.roles.iter().filter(|(_, one)| !one.superuser).map(|(other, _)| other) {
                    if seen.insert(other.clone()) {
                        let how = format!("may make itself a member of {other} (CREATEROLE, before 16)");
                        found.push((other.clone(), so_far(how)));
                    }
                }
            }
        }
        found
    }

    fn is_superuser(&self, role: &str) -> bool {
        self.roles.get(role).is_some_and(|one| one.superuser)
    }

    fn may(&self, role: &str) -> &May {
        static NOTHING: May = May {
            columns: BTreeSet::new(),
            schemas: BTreeSet::new(),
            functions: BTreeSet::new(),
            policies: BTreeSet::new(),
            is: BTreeSet::new(),
        };
        self.may.get(role).unwrap_or(&NOTHING)
    }

    /// What row level security does to this reader of a table: none, some rows, no row.
    fn rows(&self, role: &str, relation: u32) -> (Access, &'static str) {
        let free = (Access::Reads, "");
        let Some(one) = self.relations.get(&relation) else {
            return free;
        };
        let exempt = self.roles.get(role).is_some_and(|one| one.superuser || one.bypasses);
        let owns = self.may(role).is.contains(&one.owner);
        match one.rows {
            (false, _) => free,
            _ if exempt => free,
            (true, false) if owns => free,
            _ if self.may(role).policies.contains(&relation) => (Access::Reads, ", the rows that its policies show"),
            // The owner may switch it off.
            _ if owns => (Access::Reads, ", whose row level security it may switch off"),
            _ => (Access::Not, ", but row level security lets it see no row"),
        }
    }

    fn ways(&self, role: &str, reason: Option<&dyn Fn(&str, &str) -> Vec<String>>) -> Vec<Way> {
        let mut found = Vec::new();
        let may = self.may(role);
        let mut granted: BTreeMap<u32, BTreeSet<i16>> = BTreeMap::new();
        for (relation, column) in &may.columns {
            granted.entry(*relation).or_default().insert(*column);
        }
        for (oid, columns) in &granted {
            let Some(relation) = self.relations.get(oid) else {
                continue;
            };
            let closed = !may.schemas.contains(&relation.schema);
            for column in columns.iter().filter(|_| relation.kind != 'v') {
                let name = &relation.columns[column];
                let mut reasons = reason.map(|reason| reason(&relation.name, name)).unwrap_or_default();
                if reasons.is_empty() {
                    reasons.push(self.beyond_rights(role));
                }
                for reason in reasons {
                    let (access, why) = if closed {
                        (
                            Access::Not,
                            format!("has SELECT ({reason}), but no USAGE on schema {}: can't", relation.schema),
                        )
                    } else {
                        let (access, rows) = self.rows(role, *oid);
                        let may = if access == Access::Reads { "may read" } else { "has SELECT on" };
                        (access, format!("{may} the table{rows}: {reason}"))
                    };
                    self.add(&mut found, (*oid, *column), access, why);
                }
            }
            if relation.is_view() && !closed {
                let some = (columns.len() < relation.columns.len()).then_some(columns);
                self.view(&mut found, role, *oid, some, &relation.name, &mut BTreeSet::new());
            }
        }
        for oid in &may.functions {
            if self.functions.get(oid).is_some_and(|one| may.schemas.contains(&one.schema)) {
                self.function(&mut found, *oid, "", &mut BTreeSet::new());
            }
        }
        found
    }

    /// Where no right says why.
    fn beyond_rights(&self, role: &str) -> String {
        let is = |group: &str| self.may(role).is.contains(group);
        if self.is_superuser(role) {
            format!("{role} is a superuser")
        } else if is("pg_read_all_data") {
            "belongs to pg_read_all_data".to_owned()
        } else {
            format!("a right of {role}")
        }
    }

    /// Adds a way, and those to the same column of children (a parent's reader needs no right on them) and of parents (whose rows are partly here).
    fn add(&self, found: &mut Vec<Way>, place: Place, access: Access, why: String) {
        let Some(name) = self.relations.get(&place.0).and_then(|one| one.columns.get(&place.1)) else {
            return;
        };
        if access == Access::Reads {
            let mut open = vec![place.0];
            let mut seen = BTreeSet::from([place.0]);
            while let Some(at) = open.pop() {
                for (child, one) in self.relations.iter().filter(|(_, one)| one.parents.contains(&at)) {
                    if seen.insert(*child) {
                        open.push(*child);
                        self.beside(
                            found,
                            (*child, one),
                            name,
                            format!("through its parent {}: {why}", self.relations[&place.0].name),
                        );
                    }
                }
            }
            let mut open = vec![place.0];
            while let Some(at) = open.pop() {
                for parent in self.relations.get(&at).into_iter().flat_map(|one| &one.parents) {
                    if let Some(one) = self.relations.get(parent).filter(|_| seen.insert(*parent)) {
                        open.push(*parent);
                        self.beside(
                            found,
                            (*parent, one),
                            name,
                            format!("a part of its rows, through {}: {why}", self.relations[&place.0].name),
                        );
                    }
                }
            }
        }
        found.push(Way { place, access, why });
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn beside(&self, found: &mut Vec<Way>, (oid, one): (u32, &Relation), column: &str, why: String) {
        if let Some(number) = one.columns.iter().find(|(_, name)| *name == column).map(|(number, _)| *number) {
            found.push(Way { place: (oid, number), access: Access::Reads, why });
        }
    }

    /// What a view or a materialized view shows to this reader, of all its columns or of some.
    fn view(
        &self,
        found: &mut Vec<Way>,
        role: &str,
        oid: u32,
        some: Option<&BTreeSet<i16>>,
        chain: &str,
        seen: &mut BTreeSet<u32>,
    ) {
        let Some(view) = self.relations.get(&oid).filter(|_| seen.insert(oid)) else {
            return;
        };
        let copy = view.kind == 'm';
        let reader = if view.invoker { role } else { view.owner.as_str() };
        // Of some columns: their origins; a computed one may be made of any.
        let shown = |place: &Place| match some {
            // One that only filters isn't shown; whoever sees the rows may infer it.
            None => Some(if view.body.origins.iter().any(|origin| origin == place || *origin == (0, 0)) {
                Access::Reads
            } else {
                Access::May
            }),
            Some(some) => {
                let origins: Vec<Place> = view
                    .columns
                    .keys()
                    .zip(&view.body.origins)
                    .filter(|(number, _)| some.contains(*number))
                    .map(|(_, origin)| *origin)
                    .collect();
                let exactly = origins.contains(place).then_some(Access::Reads);
                exactly.or_else(|| origins.contains(&(0, 0)).then_some(Access::May))
            }
        };
        let mut inner: BTreeMap<u32, BTreeSet<i16>> = BTreeMap::new();
        for place in &view.body.uses {
            let Some(access) = shown(place) else {
                continue;
            };
            if !copy && !self.may(reader).columns.contains(place) {
                continue;
            }
            let Some(base) = self.relations.get(&place.0) else {
                continue;
            };
            if base.kind == 'v' {
                inner.entry(place.0).or_default().insert(place.1);
                continue;
            }
            let (rows, what) = if copy { (Access::Reads, "") } else { self.rows(reader, place.0) };
            let access = if rows == Access::Not { Access::Not } else { access };
            let why = if some.is_none() && access == Access::May {
                format!("decides which rows {chain} shows, so it may be inferred")
            } else if copy {
                format!("(a copy of it) through the materialized view {chain}")
            } else {
                format!("through {chain}, which reads as {reader}{what}")
            };
            self.add(found, *place, access, why);
        }
        for (below, columns) in inner {
            let one = &self.relations[&below];
            let some = (columns.len() < one.columns.len()).then_some(&columns);
            self.view(found, reader, below, some, &format!("{chain} → {}", one.name), seen);
        }
        for function in view.body.calls.iter().filter(|oid| copy || self.may(role).functions.contains(*oid)) {
            self.function(found, *function, &format!("{chain} and "), &mut BTreeSet::new());
        }
        seen.remove(&oid);
    }

    /// What a function that runs as its owner may show.
    fn function(&self, found: &mut Vec<Way>, oid: u32, chain: &str, seen: &mut BTreeSet<u32>) {
        let Some(function) = self.functions.get(&oid).filter(|one| one.definer && seen.insert(oid)) else {
            return;
        };
        let owner = function.owner.as_str();
        let may = self.may(owner);
        let Some(body) = &function.body else {
            let why = format!("through {chain}{}, which runs as {owner} and whose body isn't known", function.name);
            let tables =
                may.columns.iter().filter(|place| self.relations.get(&place.0).is_some_and(|one| one.kind != 'v'));
            found.extend(tables.map(|place| Way { place: *place, access: Access::May, why: why.clone() }));
            return;
        };
        for place in body.uses.iter().filter(|place| may.columns.contains(place)) {
            let why = format!("through {chain}function {}, which runs as {owner}", function.name);
            match self.relations.get(&place.0) {
                Some(one) if one.is_view() => {
                    let some = BTreeSet::from([place.1]);
                    self.view(
                        found,
                        owner,
                        place.0,
                        Some(&some),
                        &format!("{chain}function {} → {}", function.name, one.name),
                        &mut BTreeSet::new(),
                    );
                    if one.kind == 'm' {
                        self.add(found, *place, Access::Reads, why);
                    }
                }
                _ => {
                    let (access, rows) = self.rows(owner, place.0);
                    self.add(found, *place, access, format!("{why}{rows}"));
                }
            }
        }
        for inner in body.calls.iter().filter(|oid| may.functions.contains(*oid)) {
            self.function(found, *inner, &format!("{chain}function {} and ", function.name), seen);
        }
    }
}
