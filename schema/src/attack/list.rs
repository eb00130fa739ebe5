//! The attacks, as data. Numbers are those of the list in `docs/DBA.md`.

/// One attack. A mark stands for objects from the catalogue and the roles file, and the statement is tried for each of them:
/// `{table}` (with `{column}`) a table of another service, `{view}` a published view, `{hidden}` one not granted to this login, `{own}` a table it
/// works on, `{sequence}`, `{schema}`, `{role}` each other role. `{self}`, `{database}`, `{statistics}` (where pg_stat_statements is) and
/// `{target}` (another login's process) stand for one thing.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// In the list of attacks.
    pub number: &'static str,
    /// Unique.
    pub name: &'static str,
    /// What is run, in a transaction that is rolled back.
    pub sql: &'static str,
    /// SQLSTATEs, one of which is expected; empty: it succeeds, which is accepted. `?`: allowed to logins that may write the table.
    pub refused: &'static str,
}

const fn attack(number: &'static str, name: &'static str, sql: &'static str, refused: &'static str) -> Attack {
    Attack { number, name, sql, refused }
}

/// What a rollback doesn't undo where the attack of this name succeeds, and what does.
pub(super) fn undo(name: &str) -> Option<&'static str> {
    match name {
        "prepared transaction" => Some("rollback prepared 'dba_attack'"),
        "replicate" => Some("select pg_catalog.pg_drop_replication_slot('dba_attack')"),
        _ => None,
    }
}

/// All of them. Writing is only explained: Postgres asks for the same rights, and no row, lock of a row, sequence or trigger is touched where it succeeds.
pub const ATTACKS: &[Attack] = &[
    attack("1", "read a foreign table", "select * from {table} limit 1", "42501"),
    attack("1", "write a foreign table", "explain insert into {table} default values", "42501"),
    attack("1", "change a foreign table", "explain update {table} set {column} = {column}", "42501"),
    attack("1", "delete from a foreign table", "explain delete from {table}", "42501"),
    // A union or a join is never updatable: 55000.
    attack("2", "insert through a view", "explain insert into {view} default values", "42501 55000"),
    attack("2", "update through a view", "explain update {view} set {column} = {column}", "42501 55000"),
    attack("2", "delete through a view", "explain delete from {view}", "42501 55000"),
    attack("2", "read a view not granted", "select * from {hidden} limit 1", "42501"),
    attack("3 37", "lock a view and what is under it", "lock table {view} in access exclusive mode", "42501"),
    attack("3 37", "lock a foreign table", "lock table {table} in access exclusive mode", "42501"),
    attack(
        "16",
        "trigger on a foreign table",
        "create trigger t after insert on {table} execute function pg_catalog.suppress_redundant_updates_trigger()",
        "42501",
    ),
    attack("18", "truncate a foreign table", "truncate {table}", "42501"),
    attack("20", "take numbers of a sequence", "select pg_catalog.nextval('{sequence}')", "42501"),
    attack("20", "set a sequence", "select pg_catalog.setval('{sequence}', 1)", "42501"),
    attack("20", "read a sequence", "select last_value from {sequence}", "42501"),
    attack("21", "become another role", "set role {role}", "42501"),
    attack("21", "be another user", "set session authorization {role}", "42501"),
    attack("21", "join another role", "grant {role} to {self}", "42501"),
    attack("22", "become a predefined role", "set role pg_read_all_data", "42501"),
    attack("22", "join a predefined role", "grant pg_write_all_data to {self}", "42501"),
    attack("23", "make a role", "create role intruder", "42501"),
    attack("23", "become a superuser", "alter role {self} superuser", "42501"),
    attack("23", "make databases", "alter role {self} createdb", "42501"),
    attack(
        "24",
        "replicate",
        "select pg_catalog.pg_create_logical_replication_slot('dba_attack', 'pgoutput')",
        "42501",
    ),
    attack("24", "publish", "create publication p", "42501"),
    attack("25", "change an own table", "alter table {own} add column x int", "42501"),
    attack("25", "drop an own table", "drop table {own}", "42501"),
    attack("25", "give an own table away", "alter table {own} owner to {self}", "42501"),
    attack("25", "switch off an own table's triggers", "alter table {own} disable trigger all", "42501"),
    attack("18", "truncate an own table", "truncate {own}", "42501"),
    attack("37", "lock an own table out", "lock table {own} in access exclusive mode", "42501?"),
    attack("29", "run a program", "copy (select 1) to program 'true'", "42501"),
    attack("29", "write a file", "copy (select 1) to '/dev/null'", "42501"),
    attack("29", "read a file", "select pg_catalog.pg_read_file('/etc/passwd')", "42501"),
    attack("29", "import a file", "select pg_catalog.lo_import('/etc/passwd')", "42501"),
    attack("29", "switch off triggers", "set session_replication_role = replica", "42501"),
    attack("29", "switch off the log", "set log_statement = 'none'", "42501"),
    attack(
        "29",
        "trigger on every DDL",
        "create event trigger e on ddl_command_start execute function pg_catalog.suppress_redundant_updates_trigger()",
        "42501",
    ),
    attack("29", "install an extension", "create extension pg_trgm with schema {schema}", "42501 0A000 58P01"),
    attack("29", "read password hashes", "select rolpassword from pg_catalog.pg_authid", "42501"),
    attack("29", "read samples of foreign columns", "select * from pg_catalog.pg_statistic", "42501"),
    attack("29", "settings of the database", "alter database {database} set statement_timeout = 0", "42501"),
    attack("29", "read what others ran", "select * from {statistics}.pg_stat_statements", "42501"),
    attack("38", "advisory lock", "select pg_catalog.pg_advisory_lock(1)", "42501"),
    attack("38", "advisory lock, two numbers", "select pg_catalog.pg_advisory_xact_lock_shared(1, 2)", "42501"),
    attack(
        "38",
        "all advisory locks",
        "select count(pg_catalog.pg_advisory_xact_lock(n)) from pg_catalog.generate_series(1, 100) n",
        "42501",
    ),
    attack("leaks", "large object", "select pg_catalog.lo_create(0)", "42501"),
    attack("leaks", "large object from bytes", "select pg_catalog.lo_from_bytea(0, 'x')", "42501"),
    attack("41", "more connections", "alter role {self} connection limit -1", "42501"),
    attack("41", "a longer life", "alter role {self} valid until 'infinity'", "42501"),
    attack("41", "more temporary files", "set temp_file_limit = -1", "42501"),
    attack("41", "more temporary files for ever", "alter role {self} set temp_file_limit = -1", "42501"),
    attack("41", "messages in another language", "set lc_messages = 'de_DE.UTF-8'", "42501"),
    attack("43 15", "temporary table", "create temporary table t (id int)", "42501"),
    attack(
        "43 10",
        "temporary function",
        "create function pg_temp.f() returns int language sql as 'select 1'",
        "42501",
    ),
    attack("43", "anonymous code", "do $$ begin null; end $$", "42501"),
    attack("44", "end another's session", "select pg_catalog.pg_terminate_backend({target})", "42501"),
    attack("46", "prepared transaction", "select 1; prepare transaction 'dba_attack'", "55000"),
    attack("51 7", "table in any schema", "create table {schema}.t (id int)", "42501"),
    attack("51 7", "view in any schema", "create view {schema}.v as select 1 as one", "42501"),
    attack(
        "51 14",
        "function in any schema",
        "create function {schema}.f() returns int language sql as 'select 1'",
        "42501",
    ),
    attack("51", "table in public", "create table public.t (id int)", "3F000"),
    attack("51", "a schema", "create schema s", "42501"),
    // What can't be prevented.
    attack(
        "41",
        "accepted: no timeout",
        "set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0",
        "",
    ),
    attack("41", "accepted: no timeout, for ever", "alter role {self} set statement_timeout = 0", ""),
    attack("41", "accepted: another password", "alter role {self} password 'changed'", ""),
    attack("41", "accepted: more memory", "set work_mem = '2GB'", ""),
    attack("40", "accepted: serializable", "set transaction isolation level serializable; select 1", ""),
    attack("47 leaks", "accepted: listen and spoof", "listen changes; notify changes, 'not true'", ""),
    attack(
        "leaks",
        "accepted: names and sizes of everything",
        "select relname, reltuples from pg_catalog.pg_class; select definition from pg_catalog.pg_views",
        "",
    ),
];
