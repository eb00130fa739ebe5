//! A hole for each attack: when it is planted, the attack must find it; otherwise the attack proves nothing.

/// Attack, and the statements that let it succeed for `{login}`; with a mark of tables or views, for each of them. Only what no role has in the normal
/// state, because each `grant … to` is undone as `revoke … from`.
pub const HOLES: &[(&str, &str)] = &[
    ("read a foreign table", "grant usage on schema {place} to {login}; grant select on {table} to {login}"),
    ("write a foreign table", "grant usage on schema {place} to {login}; grant insert on {table} to {login}"),
    ("change a foreign table", "grant usage on schema {place} to {login}; grant select, update on {table} to {login}"),
    ("delete from a foreign table", "grant usage on schema {place} to {login}; grant delete on {table} to {login}"),
    (
        "insert through a view",
        "grant insert on {view} to {login}; grant insert on all tables in schema {places} to {viewer}",
    ),
    (
        "update through a view",
        "grant update on {view} to {login}; grant update on all tables in schema {places} to {viewer}",
    ),
    (
        "delete through a view",
        "grant delete on {view} to {login}; grant delete on all tables in schema {places} to {viewer}",
    ),
    ("read a view not granted", "grant select on {hidden} to {login}"),
    (
        "lock a view and what is under it",
        "grant update on {view} to {login}; grant update on all tables in schema {places} to {viewer}",
    ),
    ("lock a foreign table", "grant usage on schema {place} to {login}; grant update on {table} to {login}"),
    ("trigger on a foreign table", "grant usage on schema {place} to {login}; grant trigger on {table} to {login}"),
    ("truncate a foreign table", "grant usage on schema {place} to {login}; grant truncate on {table} to {login}"),
    (
        "take numbers of a sequence",
        "grant usage on schema {place} to {login}; grant usage on sequence {sequence} to {login}",
    ),
    ("set a sequence", "grant usage on schema {place} to {login}; grant update on sequence {sequence} to {login}"),
    ("read a sequence", "grant usage on schema {place} to {login}; grant select on sequence {sequence} to {login}"),
    ("become another role", "grant {owner} to {login}"),
    ("be another user", "alter role {login} superuser"),
    ("join another role", "grant {owner} to {login} with admin option"),
    ("become a predefined role", "grant pg_read_all_data to {login}"),
    ("join a predefined role", "grant pg_write_all_data to {login} with admin option"),
    ("make a role", "alter role {login} superuser"),
    ("become a superuser", "alter role {login} superuser"),
    ("make databases", "alter role {login} superuser"),
    ("replicate", "alter role {login} replication"),
    ("publish", "grant create on database {database} to {login}"),
    ("change an own table", "alter role {login} superuser"),
    ("drop an own table", "alter role {login} superuser"),
    ("give an own table away", "alter role {login} superuser"),
    ("switch off an own table's triggers", "alter role {login} superuser"),
    ("truncate an own table", "grant truncate on {own} to {login}"),
    ("lock an own table out", "grant truncate on {own} to {login}"),
    ("run a program", "alter role {login} inherit; grant pg_execute_server_program to {login}"),
    ("write a file", "alter role {login} inherit; grant pg_write_server_files to {login}"),
    (
        "read a file",
        "grant execute on function pg_catalog.pg_read_file(text) to {login}; alter role {login} inherit; grant pg_read_server_files to {login}",
    ),
    ("import a file", "alter role {login} superuser"),
    ("switch off triggers", "grant set on parameter session_replication_role to {login}"),
    ("switch off the log", "grant set on parameter log_statement to {login}"),
    ("trigger on every DDL", "alter role {login} superuser"),
    ("install an extension", "alter role {login} superuser"),
    ("read password hashes", "grant select on pg_catalog.pg_authid to {login}"),
    ("read samples of foreign columns", "grant select on pg_catalog.pg_statistic to {login}"),
    ("settings of the database", "alter role {login} superuser"),
    (
        "read what others ran",
        "grant usage on schema {statistics} to {login}; grant select on {statistics}.pg_stat_statements to {login}; grant execute on function {statistics}.pg_stat_statements(boolean) to {login}",
    ),
    ("advisory lock", "grant execute on function pg_catalog.pg_advisory_lock(bigint) to {login}"),
    (
        "advisory lock, two numbers",
        "grant execute on function pg_catalog.pg_advisory_xact_lock_shared(integer, integer) to {login}",
    ),
    ("all advisory locks", "grant execute on function pg_catalog.pg_advisory_xact_lock(bigint) to {login}"),
    ("large object", "grant execute on function pg_catalog.lo_create(oid) to {login}"),
    ("large object from bytes", "grant execute on function pg_catalog.lo_from_bytea(oid, bytea) to {login}"),
    ("more connections", "alter role {login} superuser"),
    ("a longer life", "alter role {login} superuser"),
    ("more temporary files", "grant set on parameter temp_file_limit to {login}"),
    ("more temporary files for ever", "grant set on parameter temp_file_limit to {login}"),
    ("messages in another language", "grant set on parameter lc_messages to {login}"),
    ("temporary table", "grant temporary on database {database} to {login}"),
    ("temporary function", "grant temporary on database {database} to {login}"),
    ("anonymous code", "grant usage on language plpgsql to {login}"),
    ("end another's session", "alter role {login} inherit; grant pg_signal_backend to {login}"),
    ("table in any schema", "grant create on schema {place} to {login}"),
    ("view in any schema", "grant create on schema {place} to {login}"),
    ("function in any schema", "grant create on schema {place} to {login}"),
    ("table in public", "create schema public; grant create, usage on schema public to {login}"),
    ("a schema", "grant create on database {database} to {login}"),
];

/// Prevented by a setting of the server (`max_prepared_transactions = 0`), so a hole can't be planted without a restart.
pub const NO_HOLE: &[&str] = &["prepared transaction"];

/// The statements that close a hole again.
#[must_use]
pub fn close(hole: &str) -> String {
    let each = hole.split("; ").filter_map(|statement| {
        if let Some(rest) = statement.strip_prefix("grant ") {
            let (what, to) = rest.rsplit_once(" to ")?;
            let who = to.trim_end_matches(" with admin option");
            return Some(format!("revoke {what} from {who}"));
        }
        if let Some(schema) = statement.strip_prefix("create schema ") {
            return Some(format!("drop schema {schema} cascade"));
        }
        let (role, power) = statement.strip_prefix("alter role ")?.split_once(' ')?;
        Some(format!("alter role {role} no{power}"))
    });
    // Last opened, first closed.
    let mut each: Vec<_> = each.collect();
    each.reverse();
    each.join("; ")
}
