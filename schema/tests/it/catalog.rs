//! What must hold for every object in the catalogue, also for those that nobody has thought of yet.

use schema::roles::RolesFile;
use schema::testing::TestDb;

use crate::support::{connect, texts};

/// Nothing may be found.
fn none(what: &str, sql: &str) {
    let db = TestDb::new();
    let found = texts(&mut connect(&db.url("superuser")), sql);
    assert!(found.is_empty(), "{what}: {found:#?}");
}

const OURS: &str = "n.nspname in ('account', 'profile', 'registry', 'billing', 'notification', 'published', 'dba')
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')";

#[test]
fn published_holds_views_and_the_other_schemas_tables() {
    none(
        "wrong kind of relation",
        &format!(
            "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where {OURS} and c.relkind not in ('i', 'S') and (c.relkind = 'v') <> (n.nspname = 'published')"
        ),
    );
}

#[test]
fn every_schema_is_known() {
    none(
        "schema that nobody named",
        "select nspname::text from pg_namespace where nspname !~ '^pg_' and nspname not in
         ('account', 'profile', 'registry', 'billing', 'notification', 'published', 'dba', 'information_schema')",
    );
}

#[test]
fn everything_belongs_to_its_service() {
    none(
        "wrong owner",
        &format!(
            "select format('%s belongs to %s', c.oid::regclass, pg_get_userbyid(c.relowner))
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where {OURS} and c.relkind <> 'i' and pg_get_userbyid(c.relowner) <> case n.nspname
                 when 'dba' then 'govrnanza_admin'
                 when 'published' then (select split_part(t.relnamespace::regnamespace::text, '.', 1) || '_publisher'
                     from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                     join pg_class t on t.oid = d.refobjid and t.oid <> c.oid where r.ev_class = c.oid and d.refclassid = 'pg_class'::regclass limit 1)
                 else n.nspname || '_owner' end"
        ),
    );
}

#[test]
fn no_view_reads_a_view_or_calls_a_function_of_ours() {
    none(
        "view on a view",
        "select format('%s reads %s', v.oid::regclass, t.oid::regclass) from pg_class v
         join pg_rewrite r on r.ev_class = v.oid
         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
         join pg_class t on t.oid = d.refobjid
         where v.relnamespace = 'published'::regnamespace and t.oid <> v.oid and t.relkind <> 'r'",
    );
    none(
        "function in a view",
        "select v.oid::regclass::text from pg_class v join pg_rewrite r on r.ev_class = v.oid
         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_proc'::regclass
         where v.relnamespace = 'published'::regnamespace and d.refobjid >= 16384",
    );
}

#[test]
fn views_have_owner_rights_and_a_barrier_where_they_filter() {
    none(
        "wrong option",
        "select c.oid::regclass::text from pg_class c where c.relnamespace = 'published'::regnamespace
         and (coalesce(array_to_string(c.reloptions, ','), '') ~ 'security_invoker'
             -- A union of not-null columns hides nobody: its branches are different facts about the same rows.
             or (pg_get_viewdef(c.oid) ~* '\\mwhere\\M' and pg_get_viewdef(c.oid) !~* '\\munion\\M')
                 <> (coalesce(array_to_string(c.reloptions, ','), '') ~ 'security_barrier'))",
    );
}

#[test]
fn a_publisher_may_read_exactly_what_its_views_use() {
    none(
        "column more or less",
        "with used as (
             select distinct v.relowner, d.refobjid as relation, d.refobjsubid as number from pg_class v
             join pg_rewrite r on r.ev_class = v.oid
             join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
             where v.relnamespace = 'published'::regnamespace and d.refobjid <> v.oid and d.refobjsubid > 0
         ), held as (
             select x.grantee, a.attrelid, a.attnum from pg_attribute a cross join aclexplode(a.attacl) x
             where pg_get_userbyid(x.grantee) like '%\\_publisher'
             union all
             select x.grantee, c.oid, null from pg_class c cross join aclexplode(c.relacl) x
             where pg_get_userbyid(x.grantee) like '%\\_publisher' and x.grantee <> c.relowner
         )
         (select 'not needed: ' || attrelid::regclass || ' ' || coalesce(attnum::text, 'whole') from held h
          where not exists (select from used u where (u.relowner, u.relation, u.number) = (h.grantee, h.attrelid, h.attnum)))
         union all
         (select 'missing: ' || relation::regclass || ' ' || number from used u
          where not exists (select from held h where (u.relowner, u.relation, u.number) = (h.grantee, h.attrelid, h.attnum)))",
    );
}

#[test]
fn every_foreign_key_is_indexed() {
    none(
        "foreign key without an index",
        "select k.conname::text from pg_constraint k where k.contype = 'f' and not exists (
             select from pg_index i where i.indrelid = k.conrelid and i.indpred is null
             and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] <@ k.conkey)",
    );
}

#[test]
fn keys_across_services_never_write() {
    none(
        "key that writes in another service",
        "select k.conname::text from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class f on f.oid = k.confrelid
         where k.contype = 'f' and c.relnamespace <> f.relnamespace and (k.confdeltype <> 'a' or k.confupdtype <> 'a' or not k.convalidated)",
    );
}

#[test]
fn everything_is_commented() {
    none(
        "no comment",
        &format!(
            "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where {OURS} and n.nspname <> 'dba' and c.relkind in ('r', 'v') and obj_description(c.oid, 'pg_class') is null"
        ),
    );
    // Obvious: what the name says is all there is to say. A new column stands here, or is commented.
    none(
        "column that is neither obvious nor commented",
        "select format('%s.%s', a.attrelid::regclass, a.attname) from pg_attribute a join pg_class c on c.oid = a.attrelid
         join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('account', 'profile', 'registry', 'billing', 'notification') and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
         and col_description(c.oid, a.attnum) is null
         and a.attname !~ '(^|_)(id|at|from|cents|name|code|kind|number)$'
         and a.attname <> all (array['title', 'description', 'email', 'job_title', 'scope', 'kind', 'status', 'currency', 'key', 'body', 'location',
             'etag', 'failures', 'users', 'apis', 'domains', 'sub_domains', 'major', 'minor', 'tag', 'mode', 'standing', 'token', 'brand', 'last_four',
             'expiry_month', 'expiry_year', 'period', 'quantity', 'item', 'position', 'outcome', 'attempts', 'subject', 'days', 'feed', 'version'])",
    );
}

#[test]
fn names_follow_the_convention() {
    none(
        "constraint",
        &format!(
            "select format('%s on %s', k.conname, c.oid::regclass) from pg_constraint k join pg_class c on c.oid = k.conrelid
             join pg_namespace n on n.oid = c.relnamespace
             where {OURS} and n.nspname <> 'dba' and k.conname !~ ('^' || c.relname || '_' || case k.contype
                 when 'p' then 'pkey$' when 'u' then '.+_key$' when 'f' then '.+_fkey$' when 'c' then '.+_check$' end)"
        ),
    );
    none(
        "index",
        &format!(
            "select format('%s on %s', x.relname, c.oid::regclass) from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
             join pg_namespace n on n.oid = c.relnamespace
             where {OURS} and n.nspname <> 'dba' and x.relname !~ ('^' || c.relname || case
                 when i.indisprimary then '_pkey$' when i.indisunique then '_.+_key$' else '_.+_idx$' end)"
        ),
    );
    none(
        "varchar, serial or time without zone",
        "select format('%s.%s', a.attrelid::regclass, a.attname) from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('account', 'profile', 'registry', 'billing', 'notification') and c.relkind = 'r' and a.attnum > 0
         and (a.atttypid in ('varchar'::regtype, 'timestamp'::regtype, 'json'::regtype, 'money'::regtype))",
    );
}

#[test]
fn nothing_is_left_to_public_or_may_be_passed_on() {
    none(
        "right of PUBLIC, or with grant option",
        &format!(
            "select format('%s %s', o, a.privilege_type) from (
                 select 'database' as o, coalesce(d.datacl, acldefault('d', d.datdba)) as acl, d.datdba as owner from pg_database d where d.datname = current_database()
                 union all select n.nspname, n.nspacl, n.nspowner from pg_namespace n where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                 union all select c.oid::regclass::text, c.relacl, c.relowner from pg_class c join pg_namespace n on n.oid = c.relnamespace where {OURS}
                 union all select c.oid::regclass || '.' || t.attname, t.attacl, c.relowner
                     from pg_attribute t join pg_class c on c.oid = t.attrelid join pg_namespace n on n.oid = c.relnamespace where {OURS}
             ) x cross join aclexplode(x.acl) a where a.grantee = 0 or (a.is_grantable and a.grantee <> x.owner)"
        ),
    );
    none(
        "function or language that everybody may use",
        "select p.oid::regprocedure::text from pg_proc p cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
         where a.grantee = 0 and p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^pg_(try_)?advisory_|^lo_|^loread$|^lowrite$'
         union all
         select l.lanname::text from pg_language l cross join aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) a where l.lanname = 'plpgsql' and a.grantee = 0",
    );
}

#[test]
fn roles_have_no_powers() {
    none(
        "power",
        "select rolname::text from pg_roles where rolname !~ '^pg_' and rolname <> 'postgres'
         and (rolsuper or rolcreatedb or rolreplication or rolbypassrls or rolcreaterole <> (rolname = 'govrnanza_admin')
             or rolinherit <> (rolname = 'lab_monitor') or rolcanlogin = (rolname ~ '_(owner|publisher)$'))",
    );
    none(
        "membership",
        "select format('%s in %s', m.member::regrole, m.roleid::regrole) from pg_auth_members m
         where m.member::regrole::text not in ('govrnanza_admin') and m.member >= 16384 and (m.member::regrole::text, m.roleid::regrole::text) <> ('lab_monitor', 'pg_monitor')",
    );
}

#[test]
fn every_grant_on_a_view_names_its_reason() {
    let file = RolesFile::default();
    let grants: Vec<_> = file
        .section("services", "govrnanza")
        .into_iter()
        .filter(|statement| statement.sql.starts_with("grant select on published."))
        .collect();
    assert!(grants.len() > 20, "found {}", grants.len());
    for grant in grants {
        assert!(
            grant.reason.as_ref().is_some_and(|reason| reason.len() > 10),
            "line {} has no reason: {}",
            grant.line,
            grant.sql
        );
        assert_eq!(grant.sql.matches("published.").count(), 1, "line {}: one view for each line", grant.line);
    }
}
