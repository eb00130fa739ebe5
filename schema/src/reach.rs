//! Who can do what, and why: through which grant, membership, ownership or chain of views.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::drift::census::OBJECTS;
use crate::error::{Doing, Result};
use crate::session::Session;

mod names;

pub use names::{check_object, check_role};

/// One privilege of one role, and one reason for it. Several reasons: several of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Can {
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
pub struct Column {
    /// The role.
    pub role: String,
    /// `sales.orders.price`.
    pub column: String,
    /// In words: a right on the table, or the views between.
    pub why: String,
}

/// Everything.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reach {
    /// Role by object by privilege.
    pub rights: Vec<Can>,
    /// Role by column.
    pub columns: Vec<Column>,
}

/// Privileges on what isn't the system's own, and on the system's own where somebody was given them by name.
const GRANTS: &str = "
select o.kind || ' ' || o.name || case when o.col = '' then '' else '.' || quote_ident(o.col) end, w.rolname::text,
    coalesce(g.rolname::text, 'public'), a.privilege_type, a.is_grantable
from object o join pg_roles w on w.oid = o.owner left join pg_namespace n on n.oid = o.place
cross join lateral aclexplode(o.acl) a left join pg_roles g on g.oid = a.grantee
where o.kind <> 'default' and (coalesce(n.nspname, '') not in ('pg_catalog', 'information_schema') and (o.owner >= 16384 or n.oid >= 16384 or o.kind in ('database', 'language')) or a.grantee >= 16384)";

const MEMBERS: &str = "
select m.rolname::text, g.rolname::text, coalesce((to_jsonb(a) ->> 'inherit_option')::bool, m.rolinherit), coalesce((to_jsonb(a) ->> 'set_option')::bool, true)
from pg_auth_members a join pg_roles m on m.oid = a.member join pg_roles g on g.oid = a.roleid";

/// What a view's rule names: view, its owner, is it run with its reader's rights, relation, is that a view, column.
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

/// Reads it. Any login may: the catalogue is everybody's.
pub fn read(session: &mut Session) -> Result<Reach> {
    let query =
        |session: &mut Session, sql: &str, what: &str| session.client.query(sql, &[]).doing(format!("reading {what}"));
    session.run("set search_path = ''", "preparing")?;
    let grants = query(session, &format!("{OBJECTS}{GRANTS}"), "rights")?;
    let mut given: BTreeMap<String, Vec<Can>> = BTreeMap::new();
    for row in &grants {
        let (object, owner, role, privilege): (String, String, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let option = if row.get::<_, bool>(4) && role != owner { ", may pass it on" } else { "" };
        let why = match (role == owner, role.as_str()) {
            (true, _) => "owner".to_owned(),
            (_, "public") => "given to PUBLIC, which is everybody".to_owned(),
            _ => format!("given by {owner}{option}"),
        };
        given.entry(role.clone()).or_default().push(Can { role, object, privilege, why });
    }
    let mut groups: BTreeMap<String, Vec<(String, bool, bool)>> = BTreeMap::new();
    for row in query(session, MEMBERS, "memberships")? {
        groups.entry(row.get(0)).or_default().push((row.get(1), row.get(2), row.get(3)));
    }
    let mut views: BTreeMap<String, View> = BTreeMap::new();
    for row in query(session, VIEWS, "views")? {
        let view = views.entry(row.get(0)).or_insert_with(|| View {
            owner: row.get(1),
            invoker: row.get(2),
            uses: Vec::new(),
        });
        view.uses.push((row.get(3), row.get(4), row.get(5)));
    }
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in query(session, COLUMNS, "columns")? {
        columns.entry(row.get(0)).or_default().push(row.get(1));
    }
    let roles =
        session.texts("select rolname::text from pg_roles where rolname !~ '^pg_' and not rolsuper order by 1")?;
    let mut reach = Reach::default();
    for role in &roles {
        let can = rights(role, &given, &groups);
        reach.columns.extend(reachable(role, &can, &given, &groups, &views, &columns));
        // What everybody may stands once.
        reach.rights.extend(can.into_iter().filter(|can| !can.why.starts_with("given to PUBLIC")));
    }
    reach.rights.extend(given.get("public").cloned().unwrap_or_default());
    reach.rights.sort();
    reach.columns.sort();
    reach.columns.dedup();
    Ok(reach)
}

/// What a role may: itself, by PUBLIC, and through the roles that it belongs to, however far.
fn rights(
    role: &str,
    given: &BTreeMap<String, Vec<Can>>,
    groups: &BTreeMap<String, Vec<(String, bool, bool)>>,
) -> Vec<Can> {
    let mut all = Vec::new();
    let mut take = |of: &str, way: &str| {
        for can in given.get(of).into_iter().flatten() {
            let why = if way.is_empty() { can.why.clone() } else { format!("{way}: {}", can.why) };
            all.push(Can { role: role.to_owned(), why, ..can.clone() });
        }
    };
    take(role, "");
    take("public", "");
    let mut open = vec![(role.to_owned(), String::new())];
    let mut seen = BTreeSet::from([role.to_owned()]);
    while let Some((at, way)) = open.pop() {
        for (group, inherits, may_set) in groups.get(&at).into_iter().flatten() {
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

/// Columns of tables: by a right on them, or by a view whose owner may read them.
fn reachable(
    role: &str,
    can: &[Can],
    given: &BTreeMap<String, Vec<Can>>,
    groups: &BTreeMap<String, Vec<(String, bool, bool)>>,
    views: &BTreeMap<String, View>,
    columns: &BTreeMap<String, Vec<String>>,
) -> Vec<Column> {
    let mut found = Vec::new();
    let mut add = |column: String, why: String| found.push(Column { role: role.to_owned(), column, why });
    for one in can.iter().filter(|one| one.privilege == "SELECT") {
        let Some(object) = one.object.strip_prefix("table ") else {
            continue;
        };
        if let Some(all) = columns.get(object) {
            all.iter().for_each(|column| add(format!("{object}.{column}"), format!("may read the table: {}", one.why)));
        } else if object.matches('.').count() > 1 {
            add(object.to_owned(), format!("may read the column: {}", one.why));
        }
        // Down the views: each is run with its owner's rights, and reads what that one may.
        let mut open = vec![(object.to_owned(), object.to_owned())];
        let mut seen = BTreeSet::new();
        while let Some((name, chain)) = open.pop() {
            let Some(view) = views.get(&name).filter(|_| seen.insert(name.clone())) else {
                continue;
            };
            let reader = if view.invoker { role } else { view.owner.as_str() };
            let may = rights(reader, given, groups);
            for (relation, is_view, column) in &view.uses {
                let whole = format!("table {relation}");
                let part = format!("{whole}.{column}");
                if !may.iter().any(|can| can.privilege == "SELECT" && (can.object == whole || can.object == part)) {
                    continue;
                }
                if *is_view {
                    open.push((relation.clone(), format!("{chain} → {relation}")));
                } else {
                    add(
                        format!("{relation}.{column}"),
                        format!("through {chain}, which reads as {reader} ({})", one.why),
                    );
                }
            }
        }
    }
    found
}

/// The part that speaks of this role, everybody's included, and of an object: a table, one of its columns, or the table of a column.
#[must_use]
pub fn explain<'a>(reach: &'a Reach, role: &str, object: &str) -> (Vec<&'a Can>, Vec<&'a Column>) {
    let name = |text: &'a str| text.split_once(' ').map_or(text, |(_, name)| name);
    let about = |text: &'a str| {
        let bare = name(text);
        text == object
            || bare == object
            || bare.starts_with(&format!("{object}."))
            || (object.matches('.').count() > 1 && object.starts_with(&format!("{bare}.")))
    };
    let rights = reach.rights.iter().filter(|can| (can.role == role || can.role == "public") && about(&can.object));
    let columns = reach.columns.iter().filter(|column| {
        column.role == role && (column.column == object || column.column.starts_with(&format!("{object}.")))
    });
    (rights.collect(), columns.collect())
}
