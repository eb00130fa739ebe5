//! Effective rights: who can do what, and why: through which grant, membership, ownership or chain of views.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::error::{Doing, Result};
use crate::session::Session;
use crate::state::OBJECTS;

mod names;

pub use names::{check_object, check_role};

/// One privilege of one role, and one reason for it. Several reasons: several of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Privilege {
    /// The role.
    pub role: String,
    /// `table sales.orders`, `table sales.orders.price` for a column alone.
    pub object: String,
    /// As Postgres calls it.
    pub privilege: String,
    /// In words.
    pub why: String,
}

/// A column of a table that a role can read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReadableColumn {
    /// The role.
    pub role: String,
    /// `sales.orders.price`.
    pub column: String,
    /// In words: a right on the table, or the views between.
    pub why: String,
}

/// Everything.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EffectiveRights {
    /// Role by object by privilege.
    pub rights: Vec<Privilege>,
    /// Role by column.
    pub columns: Vec<ReadableColumn>,
}

/// Privileges on objects that are not the system's, and on system objects where they were granted to a role of ours.
const GRANTS: &str = "
select o.kind || ' ' || o.name || case when o.col = '' then '' else '.' || quote_ident(o.col) end, w.rolname::text,
    coalesce(g.rolname::text, 'public'), a.privilege_type, a.is_grantable
from object o join pg_roles w on w.oid = o.owner left join pg_namespace n on n.oid = o.place
cross join lateral aclexplode(o.acl) a left join pg_roles g on g.oid = a.grantee
where o.kind <> 'default' and (coalesce(n.nspname, '') not in ('pg_catalog', 'information_schema') and (o.owner >= 16384 or n.oid >= 16384 or o.kind in ('database', 'language')) or a.grantee >= 16384)";

const MEMBERS: &str = "
select m.rolname::text, g.rolname::text, coalesce((to_jsonb(a) ->> 'inherit_option')::bool, m.rolinherit), coalesce((to_jsonb(a) ->> 'set_option')::bool, true)
from pg_auth_members a join pg_roles m on m.oid = a.member join pg_roles g on g.oid = a.roleid";

/// What views read: view, its owner, does it run with its reader's rights, relation, is that a view, column.
const VIEWS: &str = "
select format('%I.%I', vn.nspname, v.relname), w.rolname::text, coalesce(array_to_string(v.reloptions, ',') like '%security_invoker=true%', false),
    format('%I.%I', bn.nspname, b.relname), b.relkind = 'v', format('%I', a.attname)
from pg_class v join pg_namespace vn on vn.oid = v.relnamespace join pg_roles w on w.oid = v.relowner join pg_rewrite r on r.ev_class = v.oid
join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> v.oid and d.refobjsubid > 0
join pg_class b on b.oid = d.refobjid join pg_namespace bn on bn.oid = b.relnamespace
join pg_attribute a on a.attrelid = b.oid and a.attnum = d.refobjsubid
where v.relkind = 'v' and vn.nspname not in ('pg_catalog', 'information_schema') and bn.nspname not in ('pg_catalog', 'information_schema')";

const COLUMNS: &str = "
select format('%I.%I', n.nspname, c.relname), format('%I', a.attname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'f', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'";

struct View {
    owner: String,
    invoker: bool,
    /// Relation, is a view, column.
    uses: Vec<(String, bool, String)>,
}

/// What of the catalogue decides about access.
#[derive(Default)]
struct Catalogue {
    /// By grantee.
    given: BTreeMap<String, Vec<Privilege>>,
    /// By member: group, does it inherit, may it `set role`.
    groups: BTreeMap<String, Vec<(String, bool, bool)>>,
    views: BTreeMap<String, View>,
    /// Columns by table.
    columns: BTreeMap<String, Vec<String>>,
}

/// Reads them. Any login may: everybody can read the catalogue.
pub fn read(session: &mut Session) -> Result<EffectiveRights> {
    let catalogue = Catalogue::read(session)?;
    let roles =
        session.texts("select rolname::text from pg_roles where rolname !~ '^pg_' and not rolsuper order by 1")?;
    let mut found = EffectiveRights::default();
    for role in &roles {
        let rights = catalogue.rights(role);
        found.columns.extend(catalogue.readable(role, &rights));
        // A right of PUBLIC is listed once.
        found.rights.extend(rights.into_iter().filter(|right| !right.why.starts_with(OF_PUBLIC)));
    }
    found.rights.extend(catalogue.given.get("public").cloned().unwrap_or_default());
    found.rights.sort();
    found.columns.sort();
    found.columns.dedup();
    Ok(found)
}

const OF_PUBLIC: &str = "given to PUBLIC";

impl Catalogue {
    fn read(session: &mut Session) -> Result<Self> {
        session.run("set search_path = ''", "preparing")?;
        let mut all = Self::default();
        let mut query = |sql: &str, what: &str| session.client.query(sql, &[]).doing(format!("reading {what}"));
        for row in query(&format!("{OBJECTS}{GRANTS}"), "rights")? {
            let (object, owner, role, privilege): (String, String, String, String) =
                (row.get(0), row.get(1), row.get(2), row.get(3));
            let option = if row.get::<_, bool>(4) && role != owner { ", with grant option" } else { "" };
            let why = match (role == owner, role.as_str()) {
                (true, _) => "owner".to_owned(),
                (_, "public") => format!("{OF_PUBLIC}, which is everybody"),
                _ => format!("given by {owner}{option}"),
            };
            all.given.entry(role.clone()).or_default().push(Privilege { role, object, privilege, why });
        }
        for row in query(MEMBERS, "memberships")? {
            all.groups.entry(row.get(0)).or_default().push((row.get(1), row.get(2), row.get(3)));
        }
        for row in query(VIEWS, "views")? {
            let view = || View { owner: row.get(1), invoker: row.get(2), uses: Vec::new() };
            let view = all.views.entry(row.get(0)).or_insert_with(view);
            view.uses.push((row.get(3), row.get(4), row.get(5)));
        }
        for row in query(COLUMNS, "columns")? {
            all.columns.entry(row.get(0)).or_default().push(row.get(1));
        }
        Ok(all)
    }

    /// Rights of a role: its own, those of PUBLIC, and those of the roles that it is a member of, directly or through others.
    fn rights(&self, role: &str) -> Vec<Privilege> {
        let mut all = Vec::new();
        let mut take = |of: &str, way: &str| {
            for right in self.given.get(of).into_iter().flatten() {
                let why = if way.is_empty() { right.why.clone() } else { format!("{way}: {}", right.why) };
                all.push(Privilege { role: role.to_owned(), why, ..right.clone() });
            }
        };
        take(role, "");
        take("public", "");
        let mut open = vec![(role.to_owned(), String::new())];
        let mut seen = BTreeSet::from([role.to_owned()]);
        while let Some((at, way)) = open.pop() {
            for (group, inherits, may_set) in self.groups.get(&at).into_iter().flatten() {
                if !(*inherits || *may_set) || !seen.insert(group.clone()) {
                    continue;
                }
                let how = if *inherits { "inherits from" } else { "may `set role`" };
                let way = if way.is_empty() { format!("{how} {group}") } else { format!("{way}, which {how} {group}") };
                take(group, &way);
                open.push((group.clone(), way));
            }
        }
        all
    }

    /// Columns of tables that a role with these rights can read: by a right on them, or through a view whose owner may read them.
    fn readable(&self, role: &str, rights: &[Privilege]) -> Vec<ReadableColumn> {
        let mut found = Vec::new();
        let mut add = |column: String, why: String| found.push(ReadableColumn { role: role.to_owned(), column, why });
        for one in rights.iter().filter(|one| one.privilege == "SELECT") {
            let Some(object) = one.object.strip_prefix("table ") else {
                continue;
            };
            if let Some(all) = self.columns.get(object) {
                for column in all {
                    add(format!("{object}.{column}"), format!("may read the table: {}", one.why));
                }
            } else if object.matches('.').count() > 1 {
                add(object.to_owned(), format!("may read the column: {}", one.why));
            }
            // Each view runs with its owner's rights (`security_invoker`: with its reader's), and reads what that role may.
            let mut open = vec![(object.to_owned(), object.to_owned())];
            let mut seen = BTreeSet::new();
            while let Some((name, chain)) = open.pop() {
                let Some(view) = self.views.get(&name).filter(|_| seen.insert(name.clone())) else {
                    continue;
                };
                let reader = if view.invoker { role } else { view.owner.as_str() };
                let may = self.rights(reader);
                for (relation, is_view, column) in &view.uses {
                    let whole = format!("table {relation}");
                    let part = format!("{whole}.{column}");
                    let selects = |right: &Privilege| {
                        right.privilege == "SELECT" && (right.object == whole || right.object == part)
                    };
                    if !may.iter().any(selects) {
                        continue;
                    }
                    if *is_view {
                        open.push((relation.clone(), format!("{chain} → {relation}")));
                    } else {
                        let why = format!("through {chain}, which reads as {reader} ({})", one.why);
                        add(format!("{relation}.{column}"), why);
                    }
                }
            }
        }
        found
    }
}

/// The part about this role (PUBLIC included) and an object: a table, one of its columns, or the table of a column.
#[must_use]
pub fn explain<'a>(
    found: &'a EffectiveRights,
    role: &str,
    object: &str,
) -> (Vec<&'a Privilege>, Vec<&'a ReadableColumn>) {
    let name = |text: &'a str| text.split_once(' ').map_or(text, |(_, name)| name);
    let about = |text: &'a str| {
        let bare = name(text);
        text == object
            || bare == object
            || bare.starts_with(&format!("{object}."))
            || (object.matches('.').count() > 1 && object.starts_with(&format!("{bare}.")))
    };
    let rights = found.rights.iter().filter(|can| (can.role == role || can.role == "public") && about(&can.object));
    let columns = found.columns.iter().filter(|column| {
        column.role == role && (column.column == object || column.column.starts_with(&format!("{object}.")))
    });
    (rights.collect(), columns.collect())
}
