//! Effective rights: who can do what, and why: through which grant, membership, ownership or chain of views.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::error::{Doing, Result};
use crate::session::{Session, literals};
use crate::state::OBJECTS;

mod names;
mod ways;

pub use names::{check_object, check_role};
use ways::Ways;

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

/// Does a way lead to the column?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// It does.
    Reads,
    /// It may: what lies between can't be judged, such as the body of a function.
    May,
    /// It looks so, but something is in the way.
    Not,
}

/// A column of a table, and a way of a role to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ReadableColumn {
    /// The role.
    pub role: String,
    /// `sales.orders.price`.
    pub column: String,
    /// Does it?
    pub access: Access,
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

/// What of the catalogue decides about access.
#[derive(Default)]
struct Catalogue {
    /// By grantee.
    given: BTreeMap<String, Vec<Privilege>>,
    /// By member: group, does it inherit, may it `set role`.
    groups: BTreeMap<String, Vec<(String, bool, bool)>>,
}

/// Reads them. Any login may: everybody can read the catalogue.
pub fn read(session: &mut Session) -> Result<EffectiveRights> {
    let roles =
        session.texts("select rolname::text from pg_roles where rolname !~ '^pg_' and not rolsuper order by 1")?;
    of(session, &roles)
}

/// Those of these roles, and of PUBLIC.
pub fn of(session: &mut Session, roles: &[String]) -> Result<EffectiveRights> {
    of_these(session, roles, None)
}

/// Those of one role on one object: of a table, a view or a column only what can lead to it is read.
pub fn of_object(session: &mut Session, role: &str, object: &str) -> Result<EffectiveRights> {
    let roles = [role.to_owned()];
    let Some(relation) = names::relation(session, object)? else {
        return of(session, &roles);
    };
    of_these(session, &roles, Some(relation))
}

fn of_these(session: &mut Session, roles: &[String], relation: Option<u32>) -> Result<EffectiveRights> {
    let mut ways = Ways::read(session, relation)?;
    let which = relation.map(|_| {
        let names: Vec<_> = ways.names().collect();
        format!(
            " and o.kind in ('database', 'schema', 'table') and (o.kind <> 'table' or o.name in ({}))",
            literals(&names)
        )
    });
    let catalogue = Catalogue::read(session, &which.unwrap_or_default())?;
    let mut found = EffectiveRights::default();
    for role in roles {
        let rights = catalogue.rights(role);
        let mut selects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for right in rights.iter().filter(|right| right.privilege == "SELECT") {
            selects.entry(right.object.as_str()).or_default().push(&right.why);
        }
        let reason = |table: &str, column: &str| -> Vec<String> {
            let objects = [format!("table {table}"), format!("table {table}.{column}")];
            objects
                .iter()
                .flat_map(|object| selects.get(object.as_str()).into_iter().flatten())
                .map(|why| (*why).to_owned())
                .collect()
        };
        found.columns.extend(ways.of(session, role, &reason)?);
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
    /// `which`: SQL that goes on from `where`.
    fn read(session: &mut Session, which: &str) -> Result<Self> {
        let mut all = Self::default();
        let mut query = |sql: &str, what: &str| session.client.query(sql, &[]).doing(format!("reading {what}"));
        for row in query(&format!("{OBJECTS}{GRANTS}{which}"), "rights")? {
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

/// What the question comes to, in one sentence: can this role read that table or column, or what else can it do with that object?
///
/// # Errors
/// Where Postgres can't be asked.
pub fn answer(
    session: &mut Session,
    role: &str,
    object: &str,
    rights: &[&Privilege],
    columns: &[&ReadableColumn],
) -> Result<String> {
    let bare = object.strip_prefix("table ").unwrap_or(object);
    let all = names::columns_of(session, bare)?;
    let reached = |access: Access| -> BTreeSet<&str> {
        columns.iter().filter(|one| one.access == access).map(|one| one.column.as_str()).collect()
    };
    let (mut reads, may) = (reached(Access::Reads), reached(Access::May));
    // Of a view's own columns no way is listed: a right on it is the way.
    let open = names::readable_view_columns(session, role, bare)?;
    let given = |column: &&String| {
        let select = |right: &&Privilege| right.privilege == "SELECT";
        let on = |right: &&&Privilege| {
            right.object.strip_prefix("table ").is_some_and(|name| {
                name == column.as_str() || column.rsplit_once('.').is_some_and(|(table, _)| table == name)
            })
        };
        open.view
            && (open.columns.contains(*column) || rights.iter().filter(|right| select(right)).any(|right| on(&right)))
    };
    reads.extend(all.iter().filter(given).map(String::as_str));
    let whys: BTreeSet<&str> =
        columns.iter().filter(|one| one.access == Access::May).map(|one| one.why.as_str()).collect();
    if all.is_empty() {
        let own: BTreeSet<&str> = rights.iter().map(|right| right.privilege.as_str()).collect();
        let own: Vec<_> = own.into_iter().collect();
        return Ok(match (own.as_slice(), reads.len()) {
            ([], 0) if may.is_empty() => format!("{role} has no access to {object}"),
            ([], 0) => format!("{object} may be reachable: {}", whys.into_iter().collect::<Vec<_>>().join("; ")),
            (own, count) => {
                format!("{role} has access to {object}: {}; reads {count} columns of tables in it", own.join(", "))
            }
        });
    }
    Ok(match (reads.len(), may.len()) {
        (0, 0) => format!("{role} can't read {object}"),
        (0, _) => format!("{object} may be reachable: {}", whys.into_iter().collect::<Vec<_>>().join("; ")),
        (count, _) if count >= all.len() => format!("{role} can read {object}"),
        (count, _) => format!("{role} can read {count} of {} columns of {object}", all.len()),
    })
}
