//! What objects of one service are made with of another's: types, domains, functions in indexes, policies, rules, parents, partitions, bodies. All of it is
//! in `pg_depend`, except bodies that Postgres keeps as text.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;

use super::owners::Owners;
use super::relation::{Place, Relation};
use crate::error::{Doing, Result};

/// One object made with another.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    /// In words: `table b.orders`, and whose it is.
    pub(super) from: (String, String),
    /// The same.
    pub(super) to: (String, String),
    /// The columns that it reads; all of a table that it names as a whole: a parent, a row type, `exists`.
    pub(super) reads: Vec<Place>,
}

/// A body that Postgres keeps as text, and that may use objects of another service.
#[derive(Debug, Clone)]
pub(super) struct TextBody {
    pub(super) name: String,
    pub(super) service: String,
    pub(super) language: String,
    /// Columns of other services that its text names.
    pub(super) names: BTreeSet<Place>,
}

/// Views over tables, triggers' functions, and functions and sequences in defaults and checks are looked at elsewhere.
const DEFINITIONS: &str = "
with part (class, oid, relation, view) as (
    select 'pg_catalog.pg_class'::regclass, c.oid, coalesce(i.indrelid, c.oid), false from pg_catalog.pg_class c left join pg_catalog.pg_index i on i.indexrelid = c.oid
    union all select 'pg_catalog.pg_attrdef'::regclass, oid, adrelid, false from pg_catalog.pg_attrdef
    union all select 'pg_catalog.pg_constraint'::regclass, oid, conrelid, false from pg_catalog.pg_constraint where contype <> 'f' and conrelid <> 0
    union all select 'pg_catalog.pg_policy'::regclass, oid, polrelid, false from pg_catalog.pg_policy
    union all select 'pg_catalog.pg_trigger'::regclass, oid, tgrelid, false from pg_catalog.pg_trigger where not tgisinternal
    union all select 'pg_catalog.pg_rewrite'::regclass, oid, ev_class, rulename = '_RETURN' from pg_catalog.pg_rewrite
),
thing (class, oid, schema, name, words, owner) as (
    select 'pg_catalog.pg_class'::regclass, c.oid, n.nspname::text, format('%I.%I', n.nspname, c.relname),
        case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' when 'c' then 'type' else 'table' end, c.relowner
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'f', 'm', 'v', 'S', 'c')
    union all
    select 'pg_catalog.pg_proc'::regclass, p.oid, n.nspname::text, format('%I.%I', n.nspname, p.proname), 'function', p.proowner
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    union all
    select 'pg_catalog.pg_type'::regclass, t.oid, n.nspname::text, format('%I.%I', n.nspname, t.typname), case t.typtype when 'd' then 'domain' else 'type' end, t.typowner
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace where t.typrelid = 0 and t.typelem = 0
),
link (fclass, foid, tclass, toid, sub) as (
    select case when p.oid is null then d.classid else 'pg_catalog.pg_class'::regclass end, coalesce(p.relation, d.objid),
        case when coalesce(e.typrelid, y.typrelid, 0) <> 0 then 'pg_catalog.pg_class'::regclass else d.refclassid end,
        coalesce(nullif(coalesce(e.typrelid, y.typrelid), 0), e.oid, d.refobjid), d.refobjsubid
    from pg_catalog.pg_depend d left join part p on p.class = d.classid and p.oid = d.objid
    left join pg_catalog.pg_type y on d.refclassid = 'pg_catalog.pg_type'::regclass and y.oid = d.refobjid
    left join pg_catalog.pg_type e on e.oid = y.typelem and y.typelem <> 0
    where not (d.classid = 'pg_catalog.pg_rewrite'::regclass and p.view and d.refclassid in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass))
        and not (d.classid in ('pg_catalog.pg_trigger'::regclass, 'pg_catalog.pg_attrdef'::regclass, 'pg_catalog.pg_constraint'::regclass) and d.refclassid = 'pg_catalog.pg_proc'::regclass)
        and not (d.classid = 'pg_catalog.pg_attrdef'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass)
    union all
    select 'pg_catalog.pg_class'::regclass, i.inhrelid, 'pg_catalog.pg_class'::regclass, i.inhparent, 0 from pg_catalog.pg_inherits i
)
select distinct f.schema, f.name, f.words, f.owner, t.schema, t.name, t.words, t.owner, t.class = 'pg_catalog.pg_class'::regclass, t.oid, l.sub
from link l join thing f on f.class = l.fclass and f.oid = l.foid join thing t on t.class = l.tclass and t.oid = l.toid
where (f.class, f.oid) <> (t.class, t.oid) and f.schema not in ('pg_catalog', 'information_schema', 'pg_toast') and t.schema not in ('pg_catalog', 'information_schema', 'pg_toast')
    and not exists (select from pg_catalog.pg_depend e where e.classid = t.class and e.objid = t.oid and e.deptype = 'e')
order by 2, 6, 11";

const TEXTS: &str = "
select n.nspname::text, format('%I.%I', n.nspname, p.proname), p.proowner, l.lanname::text, p.prosrc
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace join pg_catalog.pg_language l on l.oid = p.prolang
where p.prosqlbody is null and l.lanname not in ('c', 'internal') and n.nspname not in ('pg_catalog', 'information_schema')
    and not exists (select from pg_catalog.pg_depend e where e.classid = 'pg_catalog.pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e') order by 2";

/// Reads both.
pub(super) fn read<'a>(
    client: &mut Client,
    relations: &BTreeMap<u32, Relation>,
    owners: &Owners,
    owner: &dyn Fn(u32) -> Option<&'a str>,
) -> Result<(Vec<Definition>, Vec<TextBody>)> {
    let mut definitions = Vec::new();
    for row in client.query(DEFINITIONS, &[]).doing("reading what objects are made with")? {
        let side = |at: usize| -> (String, String) {
            let (schema, name, words): (String, String, String) = (row.get(at), row.get(at + 1), row.get(at + 2));
            let service = owners.of_object(&name, &schema, owner(row.get(at + 3)));
            (format!("{words} {name}"), service)
        };
        let (from, to) = (side(0), side(4));
        if from.1 != to.1 {
            let column: i32 = row.get(10);
            let oid: u32 = row.get(9);
            let every = || {
                relations
                    .get(&oid)
                    .map_or_else(Vec::new, |one| one.columns.keys().map(|column| (oid, *column)).collect())
            };
            let reads = match (row.get::<_, bool>(8), i16::try_from(column).unwrap_or_default()) {
                (false, _) => Vec::new(),
                (true, 0) => every(),
                (true, column) => vec![(oid, column)],
            };
            definitions.push(Definition { from, to, reads });
        }
    }
    let mut bodies = Vec::new();
    for row in client.query(TEXTS, &[]).doing("reading functions whose body is text")? {
        let (schema, name, text): (String, String, String) = (row.get(0), row.get(1), row.get(4));
        let service = owners.of_object(&name, &schema, owner(row.get(2)));
        let all = words(&text);
        let others: BTreeMap<_, _> = relations.iter().filter(|(_, one)| one.service != service).collect();
        let named = others.into_iter().filter(|(_, one)| {
            one.name.rsplit('.').next().is_some_and(|bare| all.contains(&bare.trim_matches('"').to_lowercase()))
        });
        let named: Vec<_> = named.collect();
        // Dynamic SQL names its tables elsewhere.
        if named.is_empty() && !all.contains("execute") {
            continue;
        }
        let columns = named.into_iter().flat_map(|(oid, one)| {
            let every = text.contains('*');
            let columns = one.columns.iter();
            columns
                .filter(|(_, name)| every || all.contains(&name.trim_matches('"').to_lowercase()))
                .map(|(number, _)| (*oid, *number))
                .collect::<Vec<_>>()
        });
        bodies.push(TextBody { names: columns.collect(), name, service, language: row.get(3) });
    }
    Ok((definitions, bodies))
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).map(str::to_lowercase).collect()
}
