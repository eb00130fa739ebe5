//! Queries of the catalogue.

/// Superusers, roles with CREATEROLE, and the database's owner belong to no service.
pub(super) const ROLES: &str = "
select r.oid, r.rolname::text, r.rolsuper or r.rolcreaterole or r.rolbypassrls or r.oid = d.datdba
from pg_catalog.pg_roles r, pg_catalog.pg_database d where d.datname = current_database() and r.rolname !~ '^pg_' order by 2";

pub(super) const RELATIONS: &str = "
select c.oid, n.nspname::text, format('%I.%I', n.nspname, c.relname), c.relowner, c.relkind::text,
    array_agg(a.attnum order by a.attnum) filter (where a.attnum is not null), array_agg(format('%I', a.attname) order by a.attnum) filter (where a.attnum is not null)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind <> 'S'
where c.relkind in ('r', 'p', 'f', 'm', 'v', 'S') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)' and not c.relispartition
    and not exists (select from pg_catalog.pg_depend e where e.classid = 'pg_catalog.pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
group by c.oid, n.nspname";

pub(super) const FUNCTIONS: &str = "
select n.nspname::text, format('%I.%I', n.nspname, p.proname), p.proowner
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname not in ('pg_catalog', 'information_schema')
    and not exists (select from pg_catalog.pg_depend e where e.classid = 'pg_catalog.pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')";

/// Effective rights of these roles on these relations: inherited and PUBLIC's included, and only where the schema is open to them.
pub(super) const RIGHTS: &str = "
select r.name, c.oid, has_table_privilege(r.name, c.oid, 'select') as whole,
    case when not has_table_privilege(r.name, c.oid, 'select') then (select array_agg(a.attnum) from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attacl is not null and has_column_privilege(r.name, c.oid, a.attnum, 'select')) end,
    has_any_column_privilege(r.name, c.oid, 'insert, update') or has_table_privilege(r.name, c.oid, 'delete, truncate')
from unnest($1::text[]) r(name) join pg_catalog.pg_namespace n on has_schema_privilege(r.name, n.oid, 'usage')
join pg_catalog.pg_class c on c.relnamespace = n.oid
where c.oid = any($2) and (has_any_column_privilege(r.name, c.oid, 'select, insert, update') or has_table_privilege(r.name, c.oid, 'delete, truncate'))";

pub(super) const KEYS: &str = "
select k.conname::text, k.conrelid, k.confrelid, k.conkey, k.confkey,
    case k.confdeltype when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade' when 'n' then 'set null' else 'set default' end,
    case k.confupdtype when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade' when 'n' then 'set null' else 'set default' end,
    exists (select from pg_catalog.pg_index i where i.indrelid = k.conrelid and i.indisvalid and i.indpred is null
        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
from pg_catalog.pg_constraint k where k.contype = 'f' and k.conparentid = 0";

pub(super) const RULES: &str = "
select r.ev_class, r.ev_action::text, array_agg(d.refobjid), array_agg(d.refobjsubid)
from pg_catalog.pg_rewrite r join pg_catalog.pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm')
join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
    and d.refobjid <> v.oid and d.refobjsubid > 0
where r.ev_type = '1' and r.ev_class = any($1) group by r.oid, r.ev_class, r.ev_action::text";

/// Triggers' functions, sequences in defaults, functions in views, defaults and checks.
pub(super) const LINKS: &str = "
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
