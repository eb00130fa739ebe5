//! `pg_stat_statements` by role, before and after a cell.

use std::collections::BTreeMap;

use postgres::Client;

use super::Watch;
use super::states::Names;
use crate::Failure;
use crate::data::{connect_to_ask, failed};
use crate::result::RoleCost;

const BY_ROLE: &str = "
    select r.rolname::text as role, sum(s.calls)::bigint as calls, sum(s.total_exec_time)::float8 as exec_ms,
        sum(s.shared_blks_hit)::bigint as hit, sum(s.shared_blks_read)::bigint as read, sum(s.shared_blks_dirtied)::bigint as dirtied, sum(s.wal_bytes)::float8 as wal
    from $schema.pg_stat_statements(false) s
    join pg_catalog.pg_roles r on r.oid = s.userid
    group by r.rolname";

/// Counters at a cell's start.
pub struct Statements {
    client: Client,
    before: BTreeMap<String, RoleCost>,
    names: Names,
}

impl Statements {
    /// Reads the counters now. Where the extension isn't loaded there are none, and the costs stay empty.
    pub fn start(database_url: &str, watch: &Watch) -> Result<Self, Failure> {
        let mut client = connect_to_ask(database_url)?;
        if watch.makes_extension {
            // It fails where the library isn't loaded.
            let _ = client.batch_execute("create extension if not exists pg_stat_statements with schema public");
        }
        let before = read(&mut client, &watch.names)?;
        Ok(Self { client, before, names: watch.names.clone() })
    }

    /// What was added since.
    pub fn finish(mut self) -> Result<BTreeMap<String, RoleCost>, Failure> {
        let mut after = read(&mut self.client, &self.names)?;
        for (role, cost) in &mut after {
            if let Some(before) = self.before.get(role) {
                cost.calls -= before.calls;
                cost.exec_ms -= before.exec_ms;
                cost.blocks_hit -= before.blocks_hit;
                cost.blocks_read -= before.blocks_read;
                cost.blocks_dirtied -= before.blocks_dirtied;
                cost.wal_bytes -= before.wal_bytes;
            }
        }
        after.retain(|_, cost| cost.calls != 0);
        Ok(after)
    }
}

/// Counters by service; none where the extension isn't loaded.
pub(super) fn read(client: &mut Client, names: &Names) -> Result<BTreeMap<String, RoleCost>, Failure> {
    let failed = |error| failed("reading pg_stat_statements", &error);
    let Some(schema) = statements_schema(client)? else {
        return Ok(BTreeMap::new());
    };
    let by_role = BY_ROLE.replace("$schema", &schema);
    let mut costs: BTreeMap<String, RoleCost> = BTreeMap::new();
    for row in client.query(&by_role, &[]).map_err(failed)? {
        let role: String = row.get("role");
        let cost = costs.entry(names.of(&role)).or_default();
        cost.calls += row.get::<_, i64>("calls");
        cost.exec_ms += row.get::<_, f64>("exec_ms");
        cost.blocks_hit += row.get::<_, i64>("hit");
        cost.blocks_read += row.get::<_, i64>("read");
        cost.blocks_dirtied += row.get::<_, i64>("dirtied");
        cost.wal_bytes += row.get::<_, f64>("wal");
    }
    Ok(costs)
}

/// The schema that the extension was put in; none where it isn't there or its library isn't loaded.
pub fn statements_schema(client: &mut Client) -> Result<Option<String>, Failure> {
    let place = "select n.nspname::text from pg_catalog.pg_extension e
        join pg_catalog.pg_namespace n on n.oid = e.extnamespace
        where e.extname = 'pg_stat_statements'
            and pg_catalog.current_setting('shared_preload_libraries') like '%pg_stat_statements%'";
    let found = client.query_opt(place, &[]);
    let found = found.map_err(|error| failed("looking for pg_stat_statements", &error))?;
    Ok(found.map(|row| row.get(0)))
}
