//! Opaque functions: Postgres keeps their bodies as text, so planning a statement doesn't see them.

use super::input::Statement;
use super::report::Skipped;
use crate::coupling::resolve::Resolver;
use crate::error::Result;
use crate::session::Session;

/// Number of such functions; those of triggers can't be called by statements.
const OPAQUE: &str = "
select count(*) from pg_proc p join pg_language l on l.oid = p.prolang
where p.oid >= 16384 and p.prosqlbody is null and l.lanname not in ('c', 'internal') and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')";

/// Statements that call one and are not run, because their values are unknown: they are judged without what the function does.
pub(super) fn called(url: &str, statements: &[Statement]) -> Result<Vec<Skipped>> {
    let mut session = Session::connect_uncounted(url)?;
    if session.value::<i64>(OPAQUE)? == 0 {
        return Ok(Vec::new());
    }
    let mut resolver = Resolver::new(&mut session.client)?;
    let mut found = Vec::new();
    for one in statements.iter().filter(|one| one.values.is_none()) {
        let unknown = resolver.resolve(&one.role, &one.sql)?.unknown;
        if let Some(why) = unknown.into_iter().find(|why| why.starts_with("calls ")) {
            found.push(Skipped { role: one.role.clone(), sql: one.sql.clone(), calls: one.calls, why });
        }
    }
    Ok(found)
}
