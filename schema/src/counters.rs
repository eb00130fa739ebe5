//! Statements that the server has counted: pg_stat_statements.

use postgres::Client;

use crate::error::{Doing, Error, Result};

/// The schema that the extension is in, quoted; no row where the database doesn't have it.
pub(crate) const SCHEMA: &str = "select format('%I', n.nspname) from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements'";

/// The counters of one statement of one role.
#[derive(Debug, Clone)]
pub(crate) struct Counter {
    pub(crate) role: String,
    pub(crate) sql: String,
    pub(crate) calls: i64,
    pub(crate) rows: i64,
    pub(crate) milliseconds: f64,
}

/// Reads the counters of this database, or of all; those of superusers are left out.
///
/// # Errors
/// [`Error::Unavailable`] where the statements of other roles are hidden from this one.
pub(crate) fn read(client: &mut Client, schema: &str, every_database: bool) -> Result<Vec<Counter>> {
    let sql = format!(
        "select r.rolname::text, s.query, sum(s.calls)::bigint, sum(s.rows)::bigint, sum(s.total_exec_time)::float8
         from {schema}.pg_stat_statements s join pg_catalog.pg_roles r on r.oid = s.userid
         where ($1 or s.dbid = (select oid from pg_catalog.pg_database where datname = current_database())) and not r.rolsuper and s.query is not null
         group by 1, 2 order by 1, 2"
    );
    let rows = client.query(&sql, &[&every_database]).doing("reading pg_stat_statements")?;
    let counters: Vec<_> = rows
        .iter()
        .map(|row| Counter {
            role: row.get(0),
            sql: row.get(1),
            calls: row.get(2),
            rows: row.get(3),
            milliseconds: row.get(4),
        })
        .collect();
    match counters.iter().find(|one| one.sql == "<insufficient privilege>") {
        None => Ok(counters),
        Some(hidden) => Err(Error::Unavailable(format!(
            "the statements of {} are hidden from this role: connect as a member of pg_read_all_stats, or as superuser",
            hidden.role
        ))),
    }
}
