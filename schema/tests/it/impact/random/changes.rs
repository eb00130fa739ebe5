//! Random changes of what a database holds, kind by kind.

// Long: one kind of change after the other, to be read side by side with what each may harm.

use std::collections::BTreeMap;

use postgres::Client;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

/// Things by what they are: the first column is what `{1}` stands for, and so on.
const THINGS: &[(&str, &str)] = &[
    (
        "table",
        "select c.oid::regclass::text, relname::text, nspname::text from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in ('r', 'p') and not relispartition and nspname in ('north', 'south', 'base') order by 1",
    ),
    (
        "column",
        "select a.attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod), nspname::text from pg_attribute a join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace where relkind in ('r', 'p') and not relispartition and nspname in ('north', 'south', 'base') and attnum > 0 and not attisdropped order by 1, 2",
    ),
    (
        "view",
        "select c.oid::regclass::text, relname::text, rtrim(pg_get_viewdef(c.oid), ';') from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'v' and nspname in ('north', 'south') order by 1",
    ),
    (
        "underview",
        "select distinct v.oid::regclass::text, v.relname::text, rtrim(pg_get_viewdef(v.oid), ';') from pg_class v join pg_depend d on d.refobjid = v.oid and d.classid = 'pg_rewrite'::regclass join pg_rewrite r on r.oid = d.objid and r.ev_class <> v.oid where v.relkind = 'v' and v.oid >= 16384 order by 1",
    ),
    (
        "numberfunction",
        "select p.oid::regprocedure::text, p.oid::regproc::text from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname in ('north', 'south') and prorettype = 'bigint'::regtype order by 1",
    ),
    (
        "textfunction",
        "select p.oid::regprocedure::text, p.oid::regproc::text from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname in ('north', 'south') and prorettype = 'text'::regtype order by 1",
    ),
    (
        "viewcolumn",
        "select attrelid::regclass::text, attname::text from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace where relkind = 'v' and nspname in ('north', 'south') order by 1, 2",
    ),
    (
        "constraint",
        "select conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(k.oid) from pg_constraint k join pg_class c on c.oid = conrelid where conrelid >= 16384 and contype in ('c', 'f', 'u', 'p') and not relispartition order by 1, 2",
    ),
    (
        "index",
        "select indexrelid::regclass::text, indrelid::regclass::text from pg_index join pg_class c on c.oid = indrelid where indrelid >= 16384 and relkind in ('r', 'p') order by 1",
    ),
    (
        "trigger",
        "select tgrelid::regclass::text, quote_ident(tgname), tgfoid::regproc::text from pg_trigger t where not tgisinternal and tgparentid = 0 order by 1, 2",
    ),
    ("policy", "select polrelid::regclass::text, polname::text from pg_policy order by 1, 2"),
    (
        "function",
        "select p.oid::regprocedure::text, proname::text, pg_get_functiondef(p.oid), n.nspname::text from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname in ('north', 'south', 'base') and prokind = 'f' order by 1",
    ),
    (
        "partition",
        "select i.inhparent::regclass::text, i.inhrelid::regclass::text from pg_inherits i join pg_class c on c.oid = inhrelid where relkind = 'r' order by 1, 2",
    ),
    (
        "rule",
        "select ev_class::regclass::text, rulename::text from pg_rewrite r join pg_class c on c.oid = ev_class where rulename <> '_RETURN' and c.oid >= 16384 order by 1, 2",
    ),
    ("sequence", "select c.oid::regclass::text from pg_class c where relkind = 'S' and c.oid >= 16384 order by 1"),
    (
        "grant",
        "select c.oid::regclass::text, a.grantee::regrole::text, a.privilege_type from pg_class c join pg_namespace n on n.oid = relnamespace cross join aclexplode(relacl) a where c.oid >= 16384 and a.grantee <> relowner and nspname in ('north', 'south', 'base') order by 1, 2, 3",
    ),
    ("label", "select enumlabel::text from pg_enum order by 1"),
    ("role", "select unnest(array['app_one', 'app_two'])"),
    ("schema", "select unnest(array['north', 'south', 'base'])"),
];

/// Kind, what it is about, SQL.
const CHANGES: &[(&str, &[(&str, &str)])] = &[
    (
        "column dropped",
        &[("column", "alter table {1} drop column {2} cascade"), ("column", "alter table {1} drop column {2}")],
    ),
    (
        "column renamed",
        &[
            ("column", "alter table {1} rename column {2} to {2}x"),
            (
                "column",
                "alter table {1} add column twin {3}; alter table {1} rename column {2} to old_one; alter table {1} rename column twin to {2}",
            ),
        ],
    ),
    (
        "type changed",
        &[
            ("column", "alter table {1} alter column {2} type text using {2}::text"),
            ("column", "alter table {1} alter column {2} type bigint"),
            ("column", "alter table {1} alter column {2} type varchar(2) using {2}::text"),
            ("column", "alter table {1} alter column {2} type smallint"),
        ],
    ),
    (
        "not null",
        &[
            ("column", "alter table {1} alter column {2} set not null"),
            ("column", "alter table {1} alter column {2} drop not null"),
        ],
    ),
    (
        "default",
        &[
            ("column", "alter table {1} alter column {2} drop default"),
            ("column", "alter table {1} alter column {2} set default null"),
            ("column", "alter table {1} alter column {2} drop identity if exists"),
        ],
    ),
    (
        "check added",
        &[
            ("column", "alter table {1} add constraint more check ({2} is not null)"),
            ("column", "alter table {1} add constraint more check ({2}::text < 'c') not valid"),
            ("table", "alter table {1} add constraint more check (id < 102) not valid"),
            ("table", "alter table {1} add constraint more check (id > -1000)"),
        ],
    ),
    (
        "key added",
        &[
            ("column", "alter table {1} add constraint more unique ({2})"),
            ("column", "create unique index more on {1} ({2}, id)"),
            (
                "table",
                "create table base.ids (id int primary key); insert into base.ids select generate_series(-5, 101); alter table {1} add constraint more foreign key (id) references base.ids",
            ),
            ("column", "alter table {1} add constraint more unique (id, {2})"),
        ],
    ),
    (
        "constraint dropped",
        &[
            ("constraint", "alter table {1} drop constraint {2} cascade"),
            ("constraint", "alter table {1} drop constraint {2} cascade, add constraint {2} {3}"),
        ],
    ),
    (
        "constraint deferred",
        &[(
            "constraint",
            "alter table {1} drop constraint {2} cascade, add constraint {2} {3} deferrable initially deferred",
        )],
    ),
    (
        "column added",
        &[
            ("table", "alter table {1} add column more int not null default 7"),
            (
                "table",
                "alter table {1} add column more int not null default 7; alter table {1} alter column more drop default",
            ),
            ("table", "alter table {1} add column more int generated always as (100 / (id - 57)) stored"),
            ("column", "alter table {1} add column more text generated always as (lower({2}::text)) stored"),
            ("table", "alter table {1} add column c9 text"),
        ],
    ),
    (
        "row security",
        &[
            ("table", "alter table {1} enable row level security"),
            ("table", "alter table {1} disable row level security"),
            ("table", "alter table {1} enable row level security; alter table {1} force row level security"),
            ("table", "alter table {1} force row level security"),
        ],
    ),
    (
        "policy",
        &[
            ("policy", "drop policy {2} on {1}"),
            ("policy", "alter policy {2} on {1} using (id > 2)"),
            ("policy", "alter policy {2} on {1} to app_two"),
            (
                "table",
                "alter table {1} enable row level security; create policy more on {1} using (true) with check (id <> 102)",
            ),
            ("policy", "create policy more on {1} as restrictive using (id <> 5)"),
            ("table", "alter table {1} enable row level security; create policy more on {1} for select using (true)"),
        ],
    ),
    (
        "trigger",
        &[
            ("trigger", "drop trigger {2} on {1}"),
            ("trigger", "alter table {1} disable trigger {2}"),
            ("trigger", "alter trigger {2} on {1} rename to zz"),
            ("trigger", "alter table {1} enable always trigger {2}"),
        ],
    ),
    (
        "trigger added",
        &[
            (
                "column",
                "create function base.more() returns trigger language plpgsql as 'begin new.{2} := null; return new; end'; create trigger more before insert on {1} for each row execute function base.more()",
            ),
            (
                "table",
                "create function base.more() returns trigger language plpgsql as 'begin if new.id > 101 then return null; end if; return new; end'; create trigger more before insert or update on {1} for each row execute function base.more()",
            ),
            (
                "table",
                "create function base.more() returns trigger language plpgsql as 'begin return old; end'; create trigger more before delete on {1} for each row execute function base.more()",
            ),
            (
                "table",
                "create function base.more() returns trigger language plpgsql as 'begin insert into base.log values (''m'', 1); return null; end'; create trigger more after insert on {1} for each statement execute function base.more()",
            ),
        ],
    ),
    ("function dropped", &[("function", "drop function {1} cascade"), ("function", "drop function {1}")]),
    (
        "function altered",
        &[
            ("function", "alter function {1} security definer"),
            ("function", "alter function {1} security invoker"),
            ("function", "alter function {1} set search_path = pg_catalog"),
            ("function", "alter function {1} owner to app_two"),
            ("function", "alter function {1} strict"),
            ("function", "alter function {1} rename to other_name"),
        ],
    ),
    (
        "function's right",
        &[
            ("function", "revoke execute on function {1} from public"),
            ("function", "revoke execute on function {1} from public; grant execute on function {1} to app_one"),
            ("schema", "revoke execute on all functions in schema {1} from public"),
        ],
    ),
    (
        "body replaced",
        &[
            (
                "function",
                "create or replace function base.level(int) returns int language sql immutable as 'select $1 * 3'",
            ),
            (
                "function",
                "create or replace function base.level(int) returns int language plpgsql immutable as 'begin if $1 > 3 then raise exception ''no''; end if; return $1 * 2; end'",
            ),
            (
                "function",
                "create or replace function base.tidy(text) returns text language sql immutable as 'select lower($1)'",
            ),
        ],
    ),
    (
        "other body",
        &[
            (
                "numberfunction",
                "create or replace function {2}(int) returns bigint language sql begin atomic select $1::bigint * 2; end",
            ),
            (
                "numberfunction",
                "create or replace function {2}(int) returns bigint language plpgsql as 'begin if $1 > 4 then raise exception ''no''; end if; return 0; end'",
            ),
            (
                "textfunction",
                "create or replace function {2}(int) returns text language sql begin atomic select max(what) from base.log; end",
            ),
            (
                "textfunction",
                "create or replace function {2}(int) returns text language plpgsql as 'begin if $1 = 5 then return null; end if; return ''none''; end'",
            ),
        ],
    ),
    (
        "overload",
        &[
            ("function", "create function {4}.{2}(bigint) returns bigint language sql as 'select -1::bigint'"),
            ("function", "create function {4}.{2}(text) returns text language sql as 'select ''other'''"),
            (
                "function",
                "create function {4}.{2}(int, int default 1) returns bigint language sql as 'select -1::bigint'",
            ),
            ("function", "create function {4}.{2}(numeric) returns bigint language sql as 'select -1::bigint'"),
        ],
    ),
    (
        "view dropped",
        &[
            ("view", "drop view {1} cascade"),
            ("view", "alter view {1} rename to {2}_old"),
            ("view", "drop view {1} cascade; create view {1} as {3}"),
        ],
    ),
    (
        "view replaced",
        &[
            ("view", "create or replace view {1} as select v.* from ({3}) v where v.id <> 5"),
            ("view", "create or replace view {1} as select v.*, 1 as more from ({3}) v"),
            ("view", "create or replace view {1} as select distinct v.* from ({3}) v"),
            ("view", "create or replace view {1} as {3}"),
        ],
    ),
    (
        "view under a view",
        &[
            ("underview", "create or replace view {1} as select v.* from ({3}) v where v.id > 4"),
            ("underview", "create or replace view {1} as select v.* from ({3}) v limit 3"),
            ("underview", "alter view {1} owner to app_two"),
            ("underview", "alter view {1} set (security_invoker = true)"),
            ("underview", "revoke all on {1} from own"),
        ],
    ),
    (
        "view's option",
        &[
            ("view", "alter view {1} set (security_invoker = true)"),
            ("view", "alter view {1} set (security_invoker = false)"),
            ("view", "alter view {1} set (security_barrier = true)"),
            ("view", "alter view {1} set (check_option = cascaded)"),
            ("view", "alter view {1} owner to app_two"),
            ("viewcolumn", "alter view {1} rename column {2} to {2}x"),
            ("viewcolumn", "alter view {1} alter column {2} set default null"),
        ],
    ),
    (
        "right revoked",
        &[
            ("grant", "revoke {3} on {1} from {2}"),
            ("grant", "revoke all on {1} from {2}"),
            ("grant", "revoke {3} on {1} from {2}; grant {3} (id) on {1} to {2}"),
            ("grant", "revoke {3} on {1} from {2}; grant {3} on {1} to {2}"),
            ("schema", "revoke usage on schema {1} from app_two"),
            ("sequence", "revoke all on {1} from app_one"),
            ("table", "revoke all on {1} from own"),
        ],
    ),
    (
        "role",
        &[
            ("role", "alter role {1} nologin"),
            ("role", "alter role {1} set default_transaction_read_only = on"),
            ("role", "alter role {1} set search_path = base"),
            ("role", "alter role {1} set statement_timeout = '5s'"),
            ("role", "alter role {1} connection limit 0"),
            ("role", "alter role {1} set row_security = off"),
            ("role", "alter role {1} set check_function_bodies = off"),
        ],
    ),
    (
        "partition",
        &[
            ("partition", "alter table {1} detach partition {2}"),
            ("partition", "drop table {2}"),
            ("table", "create table {1}_more partition of {1} for values from (100) to (102)"),
            ("partition", "alter table {2} add constraint more check (id <> 102) not valid"),
            ("partition", "alter table {2} disable trigger all"),
            ("partition", "truncate {2}"),
        ],
    ),
    (
        "domain",
        &[
            ("schema", "alter domain base.code add constraint more check (value <> 'bb') not valid"),
            ("schema", "alter domain base.code set not null"),
            ("schema", "alter domain base.code set default 'x'"),
            ("schema", "alter domain base.code drop constraint code_check"),
            ("schema", "alter domain base.code rename to codes"),
            ("schema", "alter domain base.code add constraint more check (length(value) < 9)"),
            ("schema", "alter domain base.code add constraint more check (length(value) < 2) not valid"),
            ("schema", "alter domain base.code add constraint more check (base.tidy(value) <> 'bb') not valid"),
        ],
    ),
    (
        "enum",
        &[
            ("label", "alter type base.mood rename value '{1}' to '{1}der'"),
            ("label", "alter type base.mood rename to feeling"),
            ("label", "alter type base.mood add value 'meh' before '{1}'"),
            ("label", "alter type base.mood set schema north"),
        ],
    ),
    (
        "rule",
        &[
            ("rule", "drop rule {2} on {1}"),
            ("rule", "alter table {1} disable rule {2}"),
            ("table", "create rule more as on insert to {1} do also insert into base.log values ('m', 1)"),
            ("table", "create rule more as on delete to {1} do instead nothing"),
            ("table", "create rule more as on update to {1} where old.id = 5 do instead nothing"),
        ],
    ),
    (
        "sequence",
        &[
            ("sequence", "alter sequence {1} restart with 1"),
            ("sequence", "alter sequence {1} maxvalue 210"),
            ("sequence", "alter sequence {1} maxvalue 199 restart with 199"),
            ("sequence", "alter sequence {1} increment by 5"),
            ("sequence", "drop sequence {1} cascade"),
        ],
    ),
    (
        "table moved",
        &[
            ("table", "alter table {1} rename to {2}_old"),
            (
                "table",
                "alter table {1} rename to {2}_old; create view {1} as select * from {1}_old; grant all on {1} to app_one",
            ),
            ("table", "alter table {1} set schema base"),
            ("table", "drop table {1} cascade"),
            (
                "table",
                "alter table {1} rename to {2}_old; create table {1} (like {1}_old including all); grant all on {1} to app_one",
            ),
            ("schema", "alter schema {1} rename to {1}2"),
            ("table", "alter table {1} owner to app_one"),
        ],
    ),
    (
        "rows written",
        &[
            ("column", "update {1} set {2} = {2}"),
            ("table", "delete from {1} where id = 6"),
            ("table", "truncate {1} cascade"),
            ("table", "insert into base.log select 'm', 3"),
        ],
    ),
    (
        "harmless",
        &[
            ("column", "comment on column {1}.{2} is 'more'"),
            ("column", "create index more on {1} ({2})"),
            ("index", "drop index {1}"),
            ("index", "reindex index {1}"),
            ("column", "alter table {1} alter column {2} set statistics 10"),
            ("table", "alter table {1} set (fillfactor = 70)"),
            ("table", "create table base.more (like {1}); create view base.shown as table {1}"),
            ("table", "create table south.log (id int); create table north.log (what text)"),
            ("column", "create statistics more on id, {2} from {1}"),
            ("table", "analyze {1}"),
        ],
    ),
];

pub struct Things(BTreeMap<&'static str, Vec<Vec<String>>>);

impl Things {
    pub fn of(client: &mut Client) -> Self {
        let read = |client: &mut Client, sql: &str| -> Vec<Vec<String>> {
            client.query(sql, &[]).unwrap().iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect()
        };
        Self(THINGS.iter().map(|(kind, sql)| (*kind, read(client, sql))).collect())
    }

    /// Of the kind whose turn it is, of those with `only` in their names. `None`: there is nothing to be changed so.
    pub fn change(&self, rng: &mut StdRng, turn: usize, only: &str) -> Option<(&'static str, String)> {
        let kinds: Vec<_> = CHANGES.iter().filter(|(kind, _)| kind.contains(only)).collect();
        let (kind, ways) = kinds.get(turn % kinds.len().max(1)).unwrap_or_else(|| panic!("no kind is named {only}"));
        let (thing, sql) = ways.choose(rng).unwrap();
        let mut sql = (*sql).to_owned();
        for (at, name) in self.0[thing].choose(rng)?.iter().enumerate() {
            sql = sql.replace(&format!("{{{}}}", at + 1), name);
        }
        Some((kind, sql))
    }
}
