//! What accepts or shows rows by their values, and what puts values into rows: before the change and after it.

use std::collections::{BTreeMap, BTreeSet};

use postgres::{Client, Row};

use super::input::On;
use super::probe::Probe;
use super::unknown::words;
use crate::error::{Doing, Result};

/// What accepts or shows rows by their values, by table (or function) and name.
pub(super) struct Guards {
    all: BTreeMap<(u32, String), Guard>,
    /// Functions: name, name with types, and the words of the body. Postgres puts some into the plans of others, so that nobody sees that they are called.
    functions: BTreeMap<u32, (String, String, BTreeSet<String>)>,
}

struct Guard {
    /// The table that is written to: of a partition the one that it is a part of.
    table: u32,
    definition: String,
    /// Readers meet it, too.
    reads: bool,
}

/// By numbers, not by names, so that a new name is no change. Existing columns' types, NOT NULL and domains' constraints are in it, too, each by itself: a value may no longer fit, and what is dropped stops none.
/// Functions are in it by themselves, and by each relation whose view, policy, constraint, stored column, index or `when` of a trigger calls them.
const GUARDS: &str = "
select k.relation, k.what || conname, concat_ws('|', contype, conrelid, conkey, confrelid, confkey, confmatchtype, condeferrable, condeferred, conexclop, md5(conbin::text), case when 'c' in (confdeltype, confupdtype) or 'n' in (confdeltype, confupdtype) or 'd' in (confdeltype, confupdtype) then concat('acts ', confdeltype, confupdtype) end), false
from pg_constraint cross join lateral (values (conrelid, 'constraint '), (case when contype = 'f' and conparentid = 0 then confrelid end, 'key ')) k(relation, what)
where contype in ('c', 'u', 'x', 'f', 'p') and conrelid >= 16384 and k.relation is not null
union all select indrelid, 'unique index ' || indexrelid::regclass, concat_ws('|', indkey, indclass, indcollation, indnullsnotdistinct, md5(indexprs::text), md5(indpred::text)), false from pg_index
where indisunique and indrelid >= 16384 and not exists (select from pg_constraint where conindid = indexrelid and contype in ('u', 'p', 'x'))
union all select adrelid, 'generated column ' || adnum, md5(adbin::text), false from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum where attgenerated <> ''
union all select tgrelid, concat('trigger ', tgname, ' on ', concat_ws(' or ', case when tgtype & 4 <> 0 then 'insert' end, case when tgtype & 16 <> 0 then 'update' end, case when tgtype & 8 <> 0 then 'delete' end)),
    concat_ws('|', tgfoid, tgtype, tgenabled, tgqual, tgattr, tgargs), false from pg_trigger where not tgisinternal
union all select ev_class, 'rule number ' || oid, concat_ws('|', ev_type, ev_enabled, is_instead, md5(concat(ev_qual, ev_action))), false from pg_rewrite where rulename <> '_RETURN' and ev_class >= 16384
union all select polrelid, 'policy ' || polname, concat_ws('|', relrowsecurity, relforcerowsecurity, relowner, polcmd, polpermissive, polroles::text, polqual::text, polwithcheck::text), true from pg_policy join pg_class c on c.oid = polrelid
union all select v.oid, 'view ' || relname, concat_ws('|', relowner, reloptions::text), true from pg_class v where relkind = 'v' and v.oid >= 16384 and exists (select from pg_policy) and exists (
    with recursive under(oid) as (select v.oid union select d.refobjid from under join pg_rewrite r on r.ev_class = under.oid
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass)
    select from under join pg_class t on t.oid = under.oid where t.relrowsecurity)
union all select oid, 'function ' || proname, md5(concat_ws('|', prosrc, prosqlbody::text, prosecdef, proconfig::text, proowner, proisstrict)), false from pg_proc where oid >= 16384
union all select u.relation, 'function ' || p.oid::regprocedure, md5(concat_ws('|', prosrc, prosqlbody::text, prosecdef, proconfig::text, proowner, proisstrict)), u.reads from (
    select 'pg_rewrite'::regclass, oid, ev_class, true from pg_rewrite union all select 'pg_policy'::regclass, oid, polrelid, true from pg_policy
    union all select 'pg_constraint'::regclass, oid, conrelid, false from pg_constraint where conrelid <> 0 union all select 'pg_attrdef'::regclass, b.oid, adrelid, false from pg_attrdef b join pg_attribute on attrelid = adrelid and attnum = adnum and attgenerated <> ''
    union all select 'pg_trigger'::regclass, oid, tgrelid, false from pg_trigger where not tgisinternal union all select 'pg_class'::regclass, indexrelid, indrelid, false from pg_index
    union all select 'pg_class'::regclass, partrelid, partrelid, false from pg_partitioned_table
    union all select 'pg_constraint'::regclass, k.oid, a.attrelid, false from pg_constraint k join pg_type t on k.contypid in (t.oid, t.typelem, t.typbasetype) join pg_attribute a on a.atttypid = t.oid
    where k.contypid <> 0) u(class, oid, relation, reads)
join pg_depend d on d.classid = u.class and d.objid = u.oid and d.refclassid = 'pg_proc'::regclass join pg_proc p on p.oid = d.refobjid where p.oid >= 16384 and p.prorettype <> 'trigger'::regtype
union all select pg_partition_root(oid)::oid, 'partition ' || relname, pg_get_expr(relpartbound, oid), true from pg_class where relispartition and relkind in ('r', 'f')
union all select c.attrelid, concat_ws(' ', 'column', c.attnum, k.what), coalesce(k.definition, concat_ws(' ', c.atttypid, c.atttypmod)), false
from (select a.* from pg_attribute a join pg_class t on t.oid = a.attrelid where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped and t.relkind in ('r', 'p')) c
join pg_type t on t.oid = c.atttypid cross join lateral (
    select null as what, null as definition
    union all select 'not null', '' where c.attnotnull
    union all select 'domain not null', '' where t.typtype = 'd' and t.typnotnull
    union all select 'constraint ' || conname, pg_get_constraintdef(oid) from pg_constraint where t.oid >= 16384 and contypid <> 0 and contypid in (t.oid, t.typelem, t.typbasetype)) k";

const FUNCTIONS: &str = "
select p.oid, proname::text, p.oid::regprocedure::text, lower(coalesce(pg_get_function_sqlbody(p.oid), prosrc)) from pg_proc p join pg_language l on l.oid = p.prolang
where p.oid >= 16384 and l.lanname not in ('c', 'internal')";

impl Guards {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        // Of two with one name, the one that readers meet counts.
        let sql = format!(
            "select g.*, coalesce(pg_partition_root(g.relation), g.relation)::oid from ({GUARDS}) g(relation, name, definition, reads) order by reads"
        );
        let rows = client.query(&sql, &[]).doing("reading constraints and policies")?;
        let guard = |row: &Row| Guard { table: row.get(4), definition: row.get(2), reads: row.get(3) };
        let all = rows.iter().map(|row| ((row.get(0), row.get(1)), guard(row))).collect();
        let rows = client.query(FUNCTIONS, &[]).doing("reading functions")?;
        let function = |row: &Row| (row.get(1), row.get(2), words(row.get(3)));
        Ok(Self { all, functions: rows.iter().map(|row| (row.get(0), function(row))).collect() })
    }

    /// Those that are new or other afterwards: table, name, whether readers meet it. A new column has none, for nobody writes it yet, and nobody has called
    /// a new function.
    pub(super) fn changed(&self, after: &Self) -> Vec<(u32, String, bool)> {
        let unused = |(table, name): &(u32, String)| {
            let number = name.strip_prefix("column ").and_then(|rest| rest.split(' ').next());
            number.is_some_and(|number| !self.all.contains_key(&(*table, format!("column {number}"))))
                || name.starts_with("function ") && !name.ends_with(')')
        };
        let others = self.callers(after);
        let other = |(key, is): &(&(u32, String), &Guard)| match self.all.get(*key) {
            Some(was) => {
                let function = key.1.strip_prefix("function ").unwrap_or_default();
                was.definition != is.definition
                    || others.contains(&(key.0, function))
                    || others.contains(&(0, function))
            }
            None => !unused(key),
        };
        // What only refuses rows stops none when it is gone.
        let acts = |name: &str, was: &Guard| {
            let follows = was.definition.contains("acts ");
            was.reads
                || ["trigger ", "rule "].iter().any(|kind| name.starts_with(kind))
                || name.starts_with("key ") && follows
        };
        let gone = self.all.iter().filter(|(key, was)| acts(&key.1, was) && !after.all.contains_key(*key));
        after
            .all
            .iter()
            .filter(other)
            .chain(gone)
            .map(|((_, name), guard)| (guard.table, name.clone(), guard.reads))
            .collect()
    }

    /// Functions that are other afterwards, and those whose bodies name one of them, and so on: by OID and name; with 0, by name and types.
    fn callers(&self, after: &Self) -> BTreeSet<(u32, &str)> {
        let other = |oid: u32, name: &str| {
            let key = (oid, format!("function {name}"));
            self.all.get(&key).is_some_and(|was| after.all.get(&key).is_none_or(|is| is.definition != was.definition))
        };
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut found = BTreeSet::new();
        loop {
            let had = found.len();
            for (oid, (name, signature, body)) in &self.functions {
                if other(*oid, name) || !names.is_disjoint(body) {
                    names.insert(name.to_lowercase());
                    found.extend([(*oid, name.as_str()), (0, signature.as_str())]);
                }
            }
            if found.len() == had {
                return found;
            }
        }
    }
}

/// What puts values into rows that a statement doesn't name, or shows them: triggers of each event, rules (views, too) and defaults, by relation and kind.
pub(super) struct Makers(BTreeMap<(u32, String), String>);

const MAKERS: &str = "
select coalesce(pg_partition_root(m.relation), m.relation)::oid, m.kind, string_agg(m.definition, '|' order by m.name, m.definition) from (
    select tgrelid, e.kind, tgname::text, concat_ws(' ', tgtype, tgenabled, tgqual, tgattr, tgargs, md5(prosrc), proconfig) from pg_trigger join pg_proc p on p.oid = tgfoid
    join (values (4, 'trigger insert'), (16, 'trigger update'), (8, 'trigger delete')) e(bit, kind) on tgtype & e.bit <> 0 where not tgisinternal
    union all select ev_class, 'rule', rulename::text, concat_ws(' ', ev_enabled, md5(concat(ev_qual, ev_action))) from pg_rewrite where ev_class >= 16384
    union all select adrelid, 'default ' || adnum, '', concat(pg_get_expr(adbin, adrelid), (select string_agg(md5(concat(prosrc, prosqlbody)), '') from pg_depend d join pg_proc p on p.oid = d.refobjid
        where d.classid = 'pg_attrdef'::regclass and d.objid = b.oid and d.refclassid = 'pg_proc'::regclass)) from pg_attrdef b
    union all select attrelid, 'default ' || attnum, '', typdefault from pg_attribute join pg_type t on t.oid = atttypid where typtype = 'd' and typdefault is not null and attrelid >= 16384
) m(relation, kind, name, definition) group by 1, 2";

impl Makers {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let rows = client.query(MAKERS, &[]).doing("reading triggers, rules and defaults")?;
        Ok(Self(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()))
    }

    /// Relations and kinds of those that are new, other or gone afterwards.
    pub(super) fn changed(&self, after: &Self) -> BTreeSet<(u32, String)> {
        let keys = self.0.keys().chain(after.0.keys());
        keys.filter(|key| self.0.get(*key) != after.0.get(*key)).cloned().collect()
    }
}

/// Views: name, columns (quoted where they must be) and query.
pub(super) struct Views(BTreeMap<u32, (String, String, String)>);

const VIEWS: &str = "
select c.oid, format('%I.%I', nspname, relname), (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped),
    rtrim(pg_get_viewdef(c.oid), ';') from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'v' and c.oid >= 16384 and relnatts > 0";

impl Views {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let rows = client.query(VIEWS, &[]).doing("reading views")?;
        Ok(Self(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect()))
    }

    /// Those of which the change has altered the query so that they don't show the same rows as before, or that take too long to tell: as [`Guards::changed`]
    /// has them. `makers`: what it has altered. On a live database none is read.
    pub(super) fn changed(
        &self,
        makers: &BTreeSet<(u32, String)>,
        probe: &mut Probe,
        on: On,
    ) -> Result<Vec<(u32, String, bool)>> {
        let mut found = Vec::new();
        for (view, _) in makers.iter().filter(|(_, kind)| on == On::Clone && kind == "rule") {
            let Some((name, columns, query)) = self.0.get(view) else { continue };
            let shown = |from: &str| {
                format!(
                    "(select row(pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(dba_shown::pg_catalog.text, 0)::pg_catalog.numeric))::pg_catalog.text from (select {columns} from {from}) dba_shown)"
                )
            };
            // Read as it was written, over our own path; run over the usual one, for functions that it calls may need that.
            let was = format!("create temporary view dba_was as {query}; set local search_path to default");
            let sql = format!("select {}, {}", shown("pg_temp.dba_was"), shown(name));
            probe.run("savepoint shown; set local statement_timeout = '10s'")?;
            let both = probe.client.batch_execute(&was).and_then(|()| probe.client.query_one(&sql, &[]));
            let same = both.is_ok_and(|row| row.get::<_, String>(0) == row.get::<_, String>(1));
            probe.run("rollback to savepoint shown; release savepoint shown")?;
            if !same {
                found.push((*view, format!("view {name}"), true));
            }
        }
        Ok(found)
    }
}
