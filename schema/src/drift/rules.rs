//! Rules that hold without being written in the roles file: owners of objects, no unknown objects, options of views and functions.

use super::census::Owners;
use super::finding::{By, Finding};
use crate::error::{Doing, Result};
use crate::roles::RolesFile;
use crate::session::{Session, identifier, literal, literals};

/// Objects in schemas of ours that extensions didn't bring, with their schema's owner.
const OURS: &str = "
with place as (select n.oid, n.nspname, n.nspowner from pg_namespace n where PLACES),
object as (
    select 'pg_class'::regclass as class, c.oid, c.relnamespace as place, c.relowner as owner,
        case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table' else 'table' end as kind,
        format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join place n on n.oid = c.relnamespace where c.relkind in ('r', 'v', 'm', 'f', 'p', 'S')
    union all
    select 'pg_proc'::regclass, p.oid, p.pronamespace, p.proowner, 'routine', p.oid::regprocedure::text from pg_proc p join place n on n.oid = p.pronamespace
    union all
    select 'pg_type'::regclass, t.oid, t.typnamespace, t.typowner, 'type', format('%I.%I', n.nspname, t.typname) from pg_type t join place n on n.oid = t.typnamespace
    where t.typelem = 0 and (t.typtype in ('d', 'e') or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
)
";

/// Schemas, relations, routines and types that neither the system nor an extension brought, and that follow no other object's owner.
const EVERY: &str = "
select o.kind, o.name, w.rolname::text from (
    select 'pg_namespace'::regclass as class, n.oid, 'schema' as kind, quote_ident(n.nspname) as name, n.nspowner as owner from pg_namespace n where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all select 'pg_database'::regclass, d.oid, 'database', quote_ident(d.datname), d.datdba from pg_database d where d.datname = current_database()
    union all select class, oid, kind, name, owner from object
) o join pg_roles w on w.oid = o.owner
where not exists (select from pg_depend d where d.classid = o.class and d.objid = o.oid and d.deptype in ('e', 'i', 'a')) order by o.kind = 'database' desc, o.kind, o.name";

/// Who owns what.
pub fn every_owner(session: &mut Session) -> Result<Owners> {
    let rows = session.client.query(&format!("{}{EVERY}", anywhere()), &[]).doing("reading owners")?;
    Ok(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect())
}

/// Where the file says whose objects are: what it says, and the findings on objects of which it says nothing.
pub fn said_owners(found: Vec<Finding>, wanted: &Owners, is: &Owners) -> Vec<Finding> {
    let key = |finding: &Finding, (kind, name): &(String, String)| finding.key == format!("owner {kind} {name}");
    let mut all: Vec<Finding> =
        found.into_iter().filter(|finding| !wanted.keys().any(|one| key(finding, one))).collect();
    let differ = wanted.iter().filter_map(|(object, owner)| Some((object, owner, is.get(object)?)));
    all.extend(
        differ.filter(|(_, wanted, is)| wanted != is).map(|((kind, name), wanted, is)| owner(kind, name, is, wanted)),
    );
    all
}

/// The schemas that the file makes for an owner: schema and owner.
fn schemas(file: &RolesFile, database: &str) -> Vec<(String, String)> {
    let all = file.section("roles", database);
    all.iter()
        .filter_map(|statement| statement.creates_schema().and_then(|(schema, owner)| Some((schema, owner?))))
        .collect()
}

/// Objects with a wrong owner. Fixed before anything else is checked, because rights are read by owner.
pub fn owners(session: &mut Session, file: &RolesFile, administrator: &str, roles: &[String]) -> Result<Vec<Finding>> {
    let database: String = session.value("select current_database()::text")?;
    let mut wanted: Vec<(String, String, String, String)> = Vec::new();
    for (schema, owner) in schemas(file, &database) {
        let is = session.texts(&format!(
            "select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = {}",
            literal(&schema)
        ))?;
        wanted.push(("schema".into(), identifier(&schema), owner, is.first().cloned().unwrap_or_default()));
    }
    let is: String =
        session.value("select pg_get_userbyid(datdba)::text from pg_database where datname = current_database()")?;
    if !administrator.is_empty() {
        wanted.push(("database".into(), identifier(&database), administrator.to_owned(), is));
    }
    let mut found: Vec<Finding> = wanted
        .into_iter()
        .filter(|(_, _, wanted, is)| wanted != is)
        .map(|(kind, name, wanted, is)| owner(&kind, &name, &is, &wanted))
        .collect();
    // In a service's schema everything belongs to the schema's owner; elsewhere to a role that may create there and can't log in.
    let rows = session.client.query(
        &format!(
            "{}select o.kind, o.name, w.rolname::text, n.rolname::text
             from object o join place p on p.oid = o.place join pg_roles w on w.oid = o.owner join pg_roles n on n.oid = p.nspowner
             where w.oid <> n.oid and (w.rolcanlogin or w.rolname <> all ($1) or (not n.rolcanlogin and n.rolname = any ($1)))
                 and not exists (select from pg_depend d where d.classid = o.class and d.objid = o.oid and d.objsubid = 0 and d.deptype in ('e', 'i', 'a'))
             order by 2",
            ours(roles)
        ),
        &[&roles],
    );
    for row in rows.doing("reading owners")? {
        let (kind, name, is, place): (String, String, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        let wanted = if kind.ends_with("view") && place == administrator {
            publisher(session, &name, roles)?.unwrap_or(place)
        } else {
            place
        };
        found.push(owner(&kind, &name, &is, &wanted));
    }
    Ok(found)
}

/// The right owner of a view: the role that owns views only, and may read the tables of this view.
fn publisher(session: &mut Session, view: &str, roles: &[String]) -> Result<Option<String>> {
    let found = session.texts(&format!(
        "select r.rolname::text from pg_roles r where r.rolname in ({}) and not r.rolcanlogin
             and not exists (select from pg_namespace n where n.nspowner = r.oid)
         order by (select count(*) from pg_rewrite w join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
             and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
             join pg_class c on c.oid = d.refobjid join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
             where w.ev_class = {}::regclass and c.oid <> w.ev_class and has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')) desc limit 1",
        literals(roles),
        literal(view)
    ))?;
    Ok(found.into_iter().next())
}

fn ours(roles: &[String]) -> String {
    let places = format!("n.nspowner = any (array(select oid from pg_roles where rolname in ({})))", literals(roles));
    OURS.replace("PLACES", &places)
}

/// The same, in schemas of anybody but the system.
fn anywhere() -> String {
    OURS.replace("PLACES", "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'")
}

fn owner(kind: &str, name: &str, is: &str, wanted: &str) -> Finding {
    Finding {
        key: format!("owner {kind} {name}"),
        what: format!("belongs to {is}, not to {wanted}"),
        fix: Some(format!("alter {kind} {name} owner to {};", identifier(wanted))),
        by: By::Superuser,
        rank: 0,
    }
}

/// Objects on which the file gives nobody a right, options of views, options of functions. The `where` of a union is not taken for a filter.
pub fn objects(session: &mut Session, roles: &[String], known: &[String]) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let rows = session.client.query(
        &format!(
            "{}select o.kind, o.name from object o where o.kind <> 'sequence' and o.kind <> 'type' and o.name <> all ($1)
                 and not exists (select from pg_depend d where d.classid = o.class and d.objid = o.oid and d.objsubid = 0 and d.deptype in ('e', 'i'))
                 and o.name not like '%.\\_\\_diesel\\_schema\\_migrations' order by 2",
            ours(roles)
        ),
        &[&known],
    );
    for row in rows.doing("looking for unknown objects")? {
        let (kind, name): (String, String) = (row.get(0), row.get(1));
        found.push(Finding {
            key: format!("extra {kind} {name}"),
            what: "is in a schema of the roles file, which gives nobody a right on it".into(),
            fix: None,
            by: By::Person,
            rank: 9,
        });
    }
    let views = session.client.query(
        &format!(
            "{}select o.name, w.rolname::text, INVOKER, BARRIER,
                 pg_get_viewdef(c.oid) ~* '\\mwhere\\M' and pg_get_viewdef(c.oid) !~* '\\munion\\M'
             from object o join pg_class c on c.oid = o.oid and o.class = 'pg_class'::regclass join pg_roles w on w.oid = c.relowner join place p on p.oid = o.place join pg_roles n on n.oid = p.nspowner
             where o.kind = 'view' and (n.rolname = any ($1) or w.rolname = any ($1)) order by 1",
            anywhere()
        )
        .replace("INVOKER", &view_option("security_invoker"))
        .replace("BARRIER", &view_option("security_barrier")),
        &[&roles],
    );
    for row in views.doing("reading options of views")? {
        let (name, owner): (String, String) = (row.get(0), row.get(1));
        let (invoker, barrier) = (row.get::<_, bool>(2), row.get::<_, bool>(3));
        let owner = identifier(&owner);
        let mut add = |option: &str, what: &str, change: &str| {
            found.push(Finding {
                key: format!("view option {name} {option}"),
                what: what.into(),
                fix: Some(format!("set local role {owner}; alter view {name} {change}; reset role;")),
                by: By::Apply,
                rank: 3,
            });
        };
        if invoker {
            add(
                "security_invoker",
                "runs with the rights of its reader, who then needs rights on the tables",
                "reset (security_invoker)",
            );
        }
        if row.get::<_, bool>(4) && !barrier {
            add(
                "security_barrier",
                "filters without a barrier: a cheap function of its reader sees the hidden rows",
                "set (security_barrier = true)",
            );
        }
    }
    found.extend(functions(session, roles)?);
    found.extend(policies(session, roles)?);
    Ok(found)
}

/// SQL that says whether the view `c` has this option. Postgres keeps the spelling: `true`, `on`, `yes`, `1`, `T`.
pub(crate) fn view_option(option: &str) -> String {
    format!(
        "exists (select from pg_catalog.pg_options_to_table(c.reloptions) o (name, value) where o.name = '{option}' and pg_catalog.lower(o.value) in ('true', 'tru', 'tr', 't', 'on', 'yes', 'ye', 'y', '1'))"
    )
}

/// Policies that let everybody see or write every row, on tables of these roles. A table with row security is meant to hide rows.
fn policies(session: &mut Session, roles: &[String]) -> Result<Vec<Finding>> {
    let rows = session.client.query(
        "select quote_ident(p.polname), format('%I.%I', n.nspname, c.relname), coalesce(pg_get_expr(p.polqual, p.polrelid), '') = 'true',
             coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') = 'true'
         from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace join pg_roles w on w.oid = c.relowner
         where w.rolname = any ($1) and p.polpermissive order by 2, 1",
        &[&roles],
    );
    let mut found = Vec::new();
    for row in rows.doing("reading policies")? {
        let (name, table): (String, String) = (row.get(0), row.get(1));
        let what = match (row.get(2), row.get(3)) {
            (true, _) => "its condition is `true`: it hides no row",
            (_, true) => "its check is `true`: any row may be written",
            _ => continue,
        };
        found.push(Finding {
            key: format!("open policy {name} of {table}"),
            what: what.into(),
            fix: None,
            by: By::Person,
            rank: 9,
        });
    }
    Ok(found)
}

fn functions(session: &mut Session, roles: &[String]) -> Result<Vec<Finding>> {
    let names = session.texts(&format!(
        "select p.oid::regprocedure::text from pg_proc p join pg_roles w on w.oid = p.proowner
         where w.rolname in ({}) and p.prosecdef and not coalesce(array_to_string(p.proconfig, ' ') ~ 'search_path=[^=]*pg_temp\"?$', false)
             and p.prosqlbody is null and p.pronamespace <> 'pg_catalog'::regnamespace order by 1",
        literals(roles)
    ))?;
    let mut found: Vec<Finding> = names.into_iter().map(|name| Finding {
        key: format!("function option {name} search_path"),
        what: "runs as its owner (security definer) without `set search_path = …, pg_temp`: a login that can create a temporary table can run code as the owner".into(),
        fix: None,
        by: By::Person,
        rank: 9,
    }).collect();
    // Of roles beyond the file: a superuser's function reads everything.
    let rows = session.client.query(
        "select p.oid::regprocedure::text, w.rolname::text, w.rolsuper,
             exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0 and a.privilege_type = 'EXECUTE')
         from pg_proc p join pg_roles w on w.oid = p.proowner join pg_namespace n on n.oid = p.pronamespace
         where p.prosecdef and w.rolname <> all ($1) and n.nspname not in ('pg_catalog', 'information_schema') and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
             and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.privilege_type = 'EXECUTE' and a.grantee <> p.proowner)
             and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e') order by 1",
        &[&roles],
    );
    for row in rows.doing("reading functions that run as their owner")? {
        let (name, owner): (String, String) = (row.get(0), row.get(1));
        let kind = if row.get(2) { ", a superuser" } else { ", a role that the file doesn't make" };
        let who = if row.get(3) { "everybody (PUBLIC)" } else { "others" };
        found.push(Finding {
            key: format!("definer function {name}"),
            what: format!(
                "runs as {owner}{kind}, and may be called by {who}: what it shows is beyond the rights of this file"
            ),
            fix: None,
            by: By::Person,
            rank: 9,
        });
    }
    Ok(found)
}
