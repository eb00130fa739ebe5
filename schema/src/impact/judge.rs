//! Statements before the change and after it.

use std::collections::BTreeMap;

use postgres::Client;
use postgres::types::Type;

use super::input::{On, Options, Statement};
use super::locks::{self, Held, Map};
use super::plan::Plan;
use super::probe::{Probe, Settings, becoming};
use super::report::{Failure, Skipped, StatementImpact};
use super::rights::Strict;
use super::shape::{Shape, differs, shape_of};
use super::verdict::Verdict;
use crate::coupling::parameters::prepared;
use crate::coupling::sql::{typed_literals, without_tables};
use crate::error::Result;
use crate::session::literal;

/// A statement that works before the change.
pub(super) struct Subject<'a> {
    pub(super) statement: &'a Statement,
    pub(super) service: String,
    /// Locks that it takes.
    pub(super) wants: Held,
    pub(super) sql: String,
    shape: Shape,
    plan: Plan,
    name: String,
    /// It also runs with its values, before the change.
    runs: bool,
}

impl Subject<'_> {
    /// `(int4, text)`, or nothing.
    pub(super) fn parameter_list(&self) -> String {
        if self.shape.parameters.is_empty() {
            return String::new();
        }
        // Quoted in any case: a schema may be named like a keyword.
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let name = |kind: &Type| format!("{}.{}", quoted(kind.schema()), quoted(kind.name()));
        let types: Vec<_> = self.shape.parameters.iter().map(name).collect();
        format!("({})", types.join(", "))
    }

    /// `(null, null)`, or nothing.
    pub(super) fn nulls(&self) -> String {
        match self.shape.parameters.len() {
            0 => String::new(),
            n => format!("({})", vec!["null"; n].join(", ")),
        }
    }
}

/// What is needed to judge all of them.
pub(super) struct Context<'a> {
    pub(super) options: &'a Options,
    pub(super) settings: &'a BTreeMap<String, Settings>,
    pub(super) map: &'a Map,
    pub(super) pid: i32,
}

impl Context<'_> {
    /// SQL that makes the session this role's, as far as planning is concerned.
    fn becoming(&self, role: &str) -> String {
        let set = self.settings.get(role).into_iter().flatten();
        becoming(role, set.filter(|(name, _)| !name.ends_with("_timeout") && name != "default_transaction_read_only"))
    }
}

/// Prepares every statement as its role, in the transaction that the probe is in; those prepared stay so.
pub(super) fn prepare<'a>(
    probe: &mut Probe,
    context: &Context<'_>,
    statements: &'a [Statement],
    service: impl Fn(&str) -> String,
) -> Result<(Vec<Subject<'a>>, Vec<Skipped>)> {
    let (mut subjects, mut skipped) = (Vec::new(), Vec::new());
    for (number, statement) in statements.iter().enumerate() {
        let why = match without_tables(&statement.sql) {
            Some(done) if done.control => continue,
            Some(done) => done.unknown.join("; "),
            None => match one(probe, context, statement, number)? {
                Ok(mut subject) => {
                    subject.service = service(&statement.role);
                    subjects.push(subject);
                    continue;
                }
                Err(failure) => format!("{} [{}]", failure.message, failure.sqlstate),
            },
        };
        skipped.push(Skipped { role: statement.role.clone(), sql: statement.sql.clone(), calls: statement.calls, why });
    }
    Ok((subjects, skipped))
}

fn one<'a>(
    probe: &mut Probe,
    context: &Context<'_>,
    statement: &'a Statement,
    number: usize,
) -> Result<std::result::Result<Subject<'a>, Failure>> {
    let mut subject = Subject {
        statement,
        service: String::new(),
        wants: Held::new(),
        sql: typed_literals(&statement.sql),
        shape: Shape::default(),
        plan: Plan::default(),
        name: format!("dba_before_{number}"),
        runs: false,
    };
    let role = context.becoming(&statement.role);
    let planned = probe.tried(|client| {
        client.batch_execute(&role)?;
        subject.shape = shape_of(&prepared(client, &subject.sql)?);
        let list = subject.parameter_list();
        client.batch_execute(&format!("prepare {} {list} as {}", subject.name, subject.sql))?;
        subject.plan = Plan::of(client, &subject.name, subject.shape.parameters.len())?;
        subject.wants = locks::held(client, context.pid, context.map)?;
        Ok(())
    })?;
    if let Err(failure) = planned {
        return Ok(Err(failure));
    }
    subject.runs = match (&statement.values, context.options.on) {
        (Some(values), On::Clone) => {
            let call = call(&subject.name, values);
            probe.tried(|client| run(client, &role, &call))?.is_ok()
        }
        _ => false,
    };
    Ok(Ok(subject))
}

fn call(name: &str, values: &[Option<String>]) -> String {
    if values.is_empty() {
        return format!("execute {name}");
    }
    let list: Vec<_> = values.iter().map(|value| value.as_deref().map_or("null".into(), literal)).collect();
    format!("execute {name}({})", list.join(", "))
}

/// Executes it, deferred constraints included.
fn run(client: &mut Client, role: &str, call: &str) -> std::result::Result<(), postgres::Error> {
    client.batch_execute(&format!("{role} {call}; reset role; set constraints all immediate"))
}

/// Judges it after the change, in the transaction that the probe is in. `waits_ms`: how long it would have waited for the change's locks.
pub(super) fn judge(
    probe: &mut Probe,
    context: &Context<'_>,
    subject: &Subject<'_>,
    strict: (&Strict, &Strict),
    waits_ms: u64,
) -> Result<StatementImpact> {
    let statement = subject.statement;
    let role = context.becoming(&statement.role);
    let parameters = subject.shape.parameters.len();
    let mut cached = probe
        .tried(|client| {
            client.batch_execute(&role)?;
            Plan::of(client, &subject.name, parameters)
        })?
        .err();
    let after = subject.name.replace("before", "after");
    let fresh = probe.tried(|client| {
        client.batch_execute(&role)?;
        if context.options.typed_clients {
            // A client that names the types of its parameters goes on naming the old ones.
            client.prepare_typed(&subject.sql, &subject.shape.parameters)?;
        }
        let shape = shape_of(&prepared(client, &subject.sql)?);
        let list = subject.parameter_list();
        client.batch_execute(&format!("prepare {after} {list} as {}", subject.sql))?;
        let plan = Plan::of(client, &after, parameters)?;
        let refused = refused_when_run(client, &plan)?;
        Ok((shape, plan, refused))
    })?;
    let mut impact = StatementImpact {
        role: statement.role.clone(),
        sql: statement.sql.clone(),
        calls: statement.calls,
        verdict: Verdict::Safe,
        cached: None,
        fresh: None,
        shape: Vec::new(),
        plan: Vec::new(),
    };
    let (mut misread, mut slower) = (false, false);
    match fresh {
        Err(failure) => impact.fresh = Some(failure),
        Ok((shape, plan, refused)) => {
            let (before, now) = strict;
            impact.fresh = refused;
            (impact.shape, misread) = differs(&subject.shape, &shape);
            if context.options.data {
                (impact.plan, slower) = plan.worse_than(&subject.plan, context.options.slower_from);
            }
            if let (None, true, Some(values)) = (&impact.fresh, subject.runs, &statement.values) {
                let (kept, anew) = (call(&subject.name, values), call(&after, values));
                impact.fresh = probe.tried(|client| run(client, &role, &anew))?.err();
                cached = cached.or(probe.tried(|client| run(client, &role, &kept))?.err());
            } else if impact.fresh.is_none() {
                let mut writes = plan.writes.iter();
                impact.fresh = writes.find_map(|write| now.refuses(before, write));
            }
        }
    }
    impact.cached = cached.or_else(|| impact.fresh.clone());
    impact.verdict = verdict(&impact, misread && context.options.typed_clients, slower, waits_ms, context);
    Ok(impact)
}

fn verdict(impact: &StatementImpact, misread: bool, slower: bool, waits_ms: u64, context: &Context<'_>) -> Verdict {
    let refused = |failure: &Failure| failure.sqlstate == "42501";
    match (&impact.fresh, &impact.cached) {
        (Some(failure), _) if !refused(failure) => Verdict::Breaks,
        (Some(_), _) => Verdict::LosesGrant,
        (None, _) if misread => Verdict::Breaks,
        (None, Some(_)) => Verdict::BreaksCached,
        (None, None) if u128::from(waits_ms) >= context.options.blocks_from.as_millis() => {
            Verdict::Blocks { ms: waits_ms }
        }
        (None, None) if slower => Verdict::Slower,
        (None, None) => Verdict::Safe,
    }
}

/// Rights that are checked when a statement is executed, not when it is planned: sequences, and row level security that accepts no row.
fn refused_when_run(client: &mut Client, plan: &Plan) -> std::result::Result<Option<Failure>, postgres::Error> {
    let denied = |message: String| Failure { sqlstate: "42501".into(), message, detail: None };
    for sequence in &plan.sequences {
        let sql = "select has_sequence_privilege($1::text, 'usage, update')";
        if !client.query_one(sql, &[sequence])?.get::<_, bool>(0) {
            return Ok(Some(denied(format!("permission denied for sequence {sequence}"))));
        }
    }
    let inserts = plan.writes.iter().filter(|write| write.insert);
    for table in inserts.map(|write| &write.table) {
        if client.query_one(SHUT, &[table])?.get(0) {
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
