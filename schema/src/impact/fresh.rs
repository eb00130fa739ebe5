//! A statement as a session plans it that prepares it after the change.

use postgres::Client;

use super::context::Context;
use super::plan::Plan;
use super::probe::{Probe, failure};
use super::report::Failure;
use super::shape::{Shape, shape_of};
use super::subject::Subject;
use crate::coupling::parameters::prepared;
use crate::error::Result;
use crate::own_path::aside;

pub(super) struct Fresh {
    pub(super) shape: Shape,
    pub(super) plan: Plan,
    /// Of one that is only planned: what executing it would be refused for.
    pub(super) refused: Option<Failure>,
}

impl Fresh {
    /// Prepares it under this name; or Postgres's refusal.
    pub(super) fn of(
        probe: &mut Probe,
        context: &Context<'_>,
        subject: &Subject<'_>,
        name: &str,
    ) -> Result<std::result::Result<Self, Failure>> {
        let role = context.becoming(&subject.statement.role);
        if subject.utility {
            return Ok(Ok(Self { shape: subject.shape.clone(), plan: Plan::default(), refused: None }));
        }
        probe.tried(|client| {
            client.batch_execute(&role)?;
            if context.options.typed_clients {
                // A client that names the types of its parameters goes on naming the old ones.
                client.prepare_typed(&subject.sql, &subject.shape.parameters)?;
            }
            let shape = match subject.plain {
                true => shape_of(&client.prepare(&subject.sql)?),
                false => shape_of(&prepared(client, &subject.sql)?),
            };
            let list = subject.list_now(client)?;
            client.batch_execute(&format!("prepare {name} {list} as {}", subject.sql))?;
            let plan = Plan::of(client, name, &subject.arguments)?;
            let mut refused = if subject.samples.is_empty() { refused_when_run(client, &plan)? } else { None };
            if let Some(copy) = &subject.copy {
                refused = copy.refused(client)?.or(refused);
            }
            Ok(Self { shape, plan, refused })
        })
    }
}

/// Of a statement that the change doesn't concern: prepares it, and plans it where it was prepared before; how either is refused.
pub(super) fn unconcerned(
    probe: &mut Probe,
    context: &Context<'_>,
    subject: &Subject<'_>,
) -> Result<(std::result::Result<Shape, Failure>, Option<Failure>)> {
    let role = context.becoming(&subject.statement.role);
    let mut kept = None;
    let fresh = probe.tried(|client| {
        client.batch_execute(&role)?;
        let shape = shape_of(&client.prepare_typed(&subject.sql, &subject.shape.parameters)?);
        kept = Plan::again(client, &subject.name, &subject.arguments).err().filter(|_| subject.kept);
        Ok(shape)
    })?;
    Ok((fresh, kept.map(failure).transpose()?))
}

/// Rights that are checked when a statement is executed, not when it is planned: sequences, and row level security that accepts no row.
fn refused_when_run(client: &mut Client, plan: &Plan) -> std::result::Result<Option<Failure>, postgres::Error> {
    let denied = |message: String| Failure { sqlstate: "42501".into(), message, detail: None };
    for sequence in &plan.sequences {
        // Its name is as the statement's own path has it.
        let sql = "select pg_catalog.has_sequence_privilege($1::pg_catalog.text, 'usage, update')";
        if !client.query_one(sql, &[sequence])?.get::<_, bool>(0) {
            return Ok(Some(denied(format!("permission denied for sequence {sequence}"))));
        }
    }
    let inserts = plan.writes.iter().filter(|write| write.insert);
    for table in inserts.map(|write| &write.table) {
        if aside(client, |client| client.query_one(SHUT, &[table]))?.get(0) {
            return Ok(Some(denied(format!("row level security of {table} accepts no row"))));
        }
    }
    Ok(None)
}

/// Does row level security apply to this role, and no policy allow it to insert?
const SHUT: &str = "
select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname || '.' || c.relname = $1 and row_security_active(c.oid) and not exists (
        select from pg_policy p where p.polrelid = c.oid and p.polcmd in ('a', '*') and p.polpermissive
            and exists (select from unnest(p.polroles) r where r = 0 or pg_has_role(r, 'usage'))))";
