//! How using one relation leads to another, and which relations run bodies of functions.

use std::collections::BTreeSet;

use postgres::Client;

use crate::error::{Doing, Result};

/// Functions whose bodies are text or SQL of somebody's own, aggregates of such included.
const BODIES: &str = "
select p.oid, p.proname from pg_proc p join pg_language l on l.oid = p.prolang
where p.oid >= 16384 and (l.lanname not in ('c', 'internal') or p.prokind in ('a', 'w'))
    and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')";

/// How using one relation leads to another: kind, from, to.
/// `along`: whatever is done with it. `key`: a foreign key's parent and child, when either is written. `cascade`: writing the parent writes the child. What
/// planning a statement locks (views' tables, policies' ones, partitions that are read) needs no way.
const WAYS: &str = "
select 'along', r.ev_class, d.refobjid from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
where r.oid >= 16384 and d.refobjid <> r.ev_class
union select 'along', a.adrelid, d.refobjid from pg_attrdef a join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = a.oid and d.refclassid = 'pg_class'::regclass
union select 'along', d.refobjid, d.objid from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
union select 'along', a.attrelid, held.typrelid from pg_attribute a join held on held.oid = a.atttypid where a.attrelid >= 16384 and a.atttypid >= 16384
union select 'along', inhparent, inhrelid from pg_inherits
union select 'key', confrelid, conrelid from pg_constraint where contype = 'f'
union select 'cascade', confrelid, conrelid from pg_constraint where contype = 'f' and (confdeltype in ('c', 'n', 'd') or confupdtype in ('c', 'n', 'd'))";

/// Relations that run such bodies: `read`, whatever is done with them; `write`, when they are written to.
const RUNNING: &str = "
select 'read', r.ev_class from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_proc'::regclass join body on body.oid = d.refobjid
union select 'read', p.polrelid from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_proc'::regclass join body on body.oid = d.refobjid
union select 'write', tgrelid from pg_trigger where not tgisinternal
union select 'write', a.adrelid from pg_attrdef a join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = a.oid and d.refclassid = 'pg_proc'::regclass join body on body.oid = d.refobjid
union select 'write', k.conrelid from pg_constraint k join pg_depend d on d.classid = 'pg_constraint'::regclass and d.objid = k.oid and d.refclassid = 'pg_proc'::regclass
    join body on body.oid = d.refobjid where k.conrelid <> 0
union select 'write', coalesce(i.indrelid, c.oid) from pg_class c left join pg_index i on i.indexrelid = c.oid
    join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_proc'::regclass join body on body.oid = d.refobjid
union select 'write', a.attrelid from pg_attribute a join strict on strict.oid = a.atttypid where a.attrelid >= 16384 and a.atttypid >= 16384";

/// Types that are made with others that Postgres didn't bring: arrays, domains, composites, ranges.
const MADE_WITH: &str = "
select oid, typelem from pg_type where typelem >= 16384 union all select oid, typbasetype from pg_type where typbasetype >= 16384
union all select t.oid, a.atttypid from pg_attribute a join pg_type t on t.typrelid = a.attrelid where a.attrelid >= 16384 and a.atttypid >= 16384 and a.attnum > 0 and not a.attisdropped
union all select rngtypid, rngsubtype from pg_range where rngsubtype >= 16384";

/// Types that hold rows of relations: themselves, and all that are made with them.
const HELD: &str = "select oid, typrelid from pg_type where typrelid >= 16384 union select m.oid, held.typrelid from held join made_with m on m.of = held.oid";

/// Domains whose checks or defaults run such bodies, and all types that are made with them.
const STRICT: &str = "
select t.oid, t.typname from pg_type t where t.oid in (
    select k.contypid from pg_constraint k join pg_depend d on d.classid = 'pg_constraint'::regclass and d.objid = k.oid and d.refclassid = 'pg_proc'::regclass join body on body.oid = d.refobjid
    union select d.objid from pg_depend d join body on body.oid = d.refobjid where d.classid = 'pg_type'::regclass and d.refclassid = 'pg_proc'::regclass)
union select t.oid, t.typname from strict join made_with m on m.of = strict.oid join pg_type t on t.oid = m.oid";

/// Operators, their classes and casts call functions that no statement names.
const UNNAMED: &str = "
select exists (select from pg_operator o join body on body.oid = o.oprcode) or exists (select from pg_cast c join body on body.oid = c.castfunc)
    or exists (select from pg_amproc a join body on body.oid = a.amproc)";

/// How relations lead to one another.
pub(super) struct Ways {
    pub(super) all: Vec<(String, u32, u32)>,
    pub(super) running: Vec<(String, u32)>,
    /// Of functions, and of domains that call some.
    pub(super) names: Vec<String>,
    /// Operators or the like call some, so what a statement calls isn't known from its text.
    pub(super) unnamed: bool,
}

impl Ways {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let doing = "reading what leads to what";
        let made = format!("with recursive made_with (oid, of) as materialized ({MADE_WITH})");
        let with = format!("{made}, body as materialized ({BODIES}), strict as ({STRICT})");
        let all = client.query(&format!("{made}, held as ({HELD}) {WAYS}"), &[]).doing(doing)?;
        let running = client.query(&format!("{with} {RUNNING}"), &[]).doing(doing)?;
        let names = format!(
            "{with} select replace(lower(proname), '\"', '\"\"') from body union select replace(lower(typname), '\"', '\"\"') from strict"
        );
        let names = client.query(&names, &[]).doing(doing)?;
        Ok(Self {
            all: all.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
            running: running.iter().map(|row| (row.get(0), row.get(1))).collect(),
            names: names.iter().map(|row| row.get(0)).collect(),
            unnamed: client.query_one(&format!("{with} {UNNAMED}"), &[]).doing(doing)?.get(0),
        })
    }

    /// Adds what leads to one of these by ways of such kinds.
    pub(super) fn follow(&self, found: &mut BTreeSet<u32>, kinds: &[&str]) {
        let ways: Vec<_> = self.all.iter().filter(|(kind, ..)| kinds.contains(&kind.as_str())).collect();
        loop {
            let had = found.len();
            for (_, from, to) in &ways {
                if found.contains(to) {
                    found.insert(*from);
                }
            }
            if found.len() == had {
                return;
            }
        }
    }
}
