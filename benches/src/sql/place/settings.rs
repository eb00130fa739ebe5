//! Settings that a copy doesn't have by itself: of the database, of roles in it, and of the server.

use schema::session::{Session, address};

use super::surroundings::buffers_max;
use crate::Failure;
use crate::data::failed;

/// What changes how fast something is, or what waits for what.
const OF_SERVER: [&str; 16] = [
    "max_connections",
    "work_mem",
    "maintenance_work_mem",
    "effective_cache_size",
    "random_page_cost",
    "seq_page_cost",
    "default_statistics_target",
    "jit",
    "max_wal_size",
    "checkpoint_timeout",
    "synchronous_commit",
    "deadlock_timeout",
    "default_transaction_isolation",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "shared_buffers",
];

/// Statements that give a database the settings of another one. Lists of names are written as they are, all else as text.
const OF_DATABASE: &str = "
select format('alter %s set %I to %s',
    case when d.setrole = 0 then format('database %I', $1::text) else format('role %I in database %I', r.rolname, $1::text) end,
    split_part(s, '=', 1),
    case when split_part(s, '=', 1) in ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
        then coalesce(nullif(substr(s, position('=' in s) + 1), ''), '''''') else quote_literal(substr(s, position('=' in s) + 1)) end)
from pg_catalog.pg_db_role_setting d cross join unnest(d.setconfig) s left join pg_catalog.pg_roles r on r.oid = d.setrole
where d.setdatabase = (select oid from pg_catalog.pg_database where datname = current_database())";

/// Gives the copy the settings of its original: a database's own ones, and those of roles in it; and the counters of statements, where the
/// server can count: before a remedy is tried, for it changes what is defined.
pub fn copy(from: &str, to: &str) -> Result<(), Failure> {
    let name = address(to)?.database().to_owned();
    let mut source = Session::connect_uncounted(from)?;
    let rows = source.client.query(OF_DATABASE, &[&name]).map_err(|error| failed("reading settings", &error))?;
    let mut there = Session::connect_uncounted(to)?;
    for row in rows {
        let sql: String = row.get(0);
        there.run(&sql, "settings of the copy")?;
    }
    let _ = there.client.batch_execute("create extension if not exists pg_stat_statements with schema public");
    Ok(())
}

/// Lines of `postgresql.conf` for a server that shall be like this one.
pub fn of_server(url: &str) -> Result<Vec<String>, Failure> {
    let mut session = Session::connect_uncounted(url)?;
    let sql = "select name::text, current_setting(name), case when name = 'shared_buffers' then setting::bigint * 8192 else 0 end
        from pg_catalog.pg_settings where name = any ($1) and source <> 'default'";
    let rows =
        session.client.query(sql, &[&OF_SERVER.as_slice()]).map_err(|error| failed("reading settings", &error))?;
    let fits = rows.iter().filter(|row| u64::try_from(row.get::<_, i64>(2)).unwrap_or(0) <= buffers_max());
    Ok(fits.map(|row| format!("{} = '{}'", row.get::<_, String>(0), row.get::<_, String>(1))).collect())
}
