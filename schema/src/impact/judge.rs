//! Statements before the change and after it.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;
use postgres::types::{Kind, Type};

use super::deeds::{self, Sample};
use super::input::{On, Options, Statement};
use super::locks::{self, Held, Map};
use super::plan::Plan;
use super::probe::{Probe, Settings, becoming};
use super::report::{Failure, Skipped, StatementImpact};
use super::rights::Strict;
use super::samples::{Samples, Values, default};
use super::shape::{Shape, differs, shape_of};
use super::unknown::{Bodies, Reason, Unknown};
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
    pub(super) plan: Plan,
    name: String,
    /// Parameters to plan it with, as SQL.
    arguments: Vec<String>,
    /// The server finds the types of its parameters by itself.
    plain: bool,
    /// As it was executed before the change; none where it is only planned.
    pub(super) samples: Vec<Sample>,
    /// Why it was not executed.
    pub(super) why_not: String,
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
    pub(super) fn arguments(&self) -> String {
        if self.arguments.is_empty() {
            return String::new();
        }
        format!("({})", self.arguments.join(", "))
    }

    pub(super) fn parameters(&self) -> &[Type] {
        &self.shape.parameters
    }

    /// The list of parameters for `prepare`, by the names that their types have now: types are known by OID, so a new name harms nobody.
    fn list_now(&self, client: &mut Client) -> std::result::Result<String, postgres::Error> {
        if self.plain || self.shape.parameters.is_empty() {
            return Ok(String::new());
        }
        let oids: Vec<u32> = self.shape.parameters.iter().map(Type::oid).collect();
        let sql = "select format('%I.%I', n.nspname, t.typname) from unnest($1::oid[]) with ordinality o(oid, at) join pg_type t on t.oid = o.oid join pg_namespace n on n.oid = t.typnamespace order by at";
        let names: Vec<String> = client.query(sql, &[&oids])?.iter().map(|row| row.get(0)).collect();
        Ok(if names.len() == oids.len() { format!("({})", names.join(", ")) } else { self.parameter_list() })
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

    /// The same for executing it.
    fn executing(&self, role: &str) -> String {
        let read_only = |(name, value): &(String, String)| {
            name == "default_transaction_read_only" && ["on", "true", "1", "yes"].contains(&value.as_str())
        };
        let reads = self.settings.get(role).is_some_and(|all| all.iter().any(read_only));
        format!("{}{}", if reads { "set local transaction_read_only = on; " } else { "" }, self.becoming(role))
    }
}

/// Statements that are neither planned nor executed.
type Left = (Skipped, Option<Reason>);

/// Prepares every statement as its role, in the transaction that the probe is in; those prepared stay so.
pub(super) fn prepare<'a>(
    probe: &mut Probe,
    context: &Context<'_>,
    statements: &'a [Statement],
    service: impl Fn(&str) -> String,
) -> Result<(Vec<Subject<'a>>, Vec<Left>)> {
    // Refused for reasons of its own, as it is for its client: a name or a right that isn't there.
    const THEIRS: [&str; 5] = ["42P01", "42703", "42501", "3F000", "42704"];
    let (mut subjects, mut skipped) = (Vec::new(), Vec::new());
    let mut samples = Samples::read(&mut probe.client)?;
    for (number, statement) in statements.iter().enumerate() {
        let mut reason = Some(Reason::Utility);
        let why = match without_tables(&statement.sql) {
            Some(done) if done.control => continue,
            Some(done) => done.unknown.join("; "),
            None => match one(probe, context, statement, number, &mut samples)? {
                Ok(mut subject) => {
                    subject.service = service(&statement.role);
                    subjects.push(subject);
                    continue;
                }
                Err(failure) => {
                    let theirs = THEIRS.contains(&failure.sqlstate.as_str()) || !statement.sql.contains('$');
                    reason = (!theirs).then_some(Reason::NotPlanned);
                    format!("{} [{}]", failure.message, failure.sqlstate)
                }
            },
        };
        let (role, sql) = (statement.role.clone(), statement.sql.clone());
        skipped.push((Skipped { role, sql, calls: statement.calls, why }, reason));
    }
    Ok((subjects, skipped))
}

fn one<'a>(
    probe: &mut Probe,
    context: &Context<'_>,
    statement: &'a Statement,
    number: usize,
    samples: &mut Samples,
) -> Result<std::result::Result<Subject<'a>, Failure>> {
    let mut subject = Subject {
        statement,
        service: String::new(),
        wants: Held::new(),
        sql: typed_literals(&statement.sql),
        shape: Shape::default(),
        plan: Plan::default(),
        name: format!("dba_before_{number}"),
        arguments: Vec::new(),
        plain: false,
        samples: Vec::new(),
        why_not: String::new(),
    };
    let role = context.becoming(&statement.role);
    let planned = probe.tried(|client| {
        client.batch_execute(&role)?;
        subject.shape = shape_of(&prepared(client, &subject.sql)?);
        client.batch_execute("savepoint plain")?;
        let plain = client.prepare(&subject.sql);
        subject.plain = plain.is_ok_and(|one| one.params() == subject.shape.parameters);
        client.batch_execute("rollback to savepoint plain")?;
        let list = subject.list_now(client)?;
        client.batch_execute(&format!("prepare {} {list} as {}", subject.name, subject.sql))?;
        // NULL is no value of every domain.
        let argument = |kind: &Type| match kind.kind() {
            Kind::Domain(_) => literal(&default(kind, 0)),
            _ => "null".into(),
        };
        subject.arguments = subject.shape.parameters.iter().map(argument).collect();
        subject.plan = Plan::of(client, &subject.name, &subject.arguments)?;
        subject.wants = locks::held(client, context.pid, context.map)?;
        Ok(())
    })?;
    if let Err(failure) = planned {
        return Ok(Err(failure));
    }
    match context.options.on {
        On::Clone => sample(probe, context, &mut subject, samples)?,
        On::Live => subject.why_not = "on a live database nothing is executed".into(),
    }
    Ok(Ok(subject))
}

/// So many lists of values with which it works are kept; so many are tried.
const KEPT: usize = 6;
const TRIED: usize = 24;

/// Executes it with values that are there, and keeps those with which it works.
fn sample(probe: &mut Probe, context: &Context<'_>, subject: &mut Subject<'_>, samples: &mut Samples) -> Result<()> {
    let role = context.executing(&subject.statement.role);
    let lists = match &subject.statement.values {
        Some(values) => vec![values.clone()],
        None => samples.of(probe, subject)?,
    };
    for values in lists.into_iter().take(TRIED) {
        let first = deeds::execute(probe, context, &role, &call(&subject.name, &values))?;
        if let Some(failure) = first.failure {
            if subject.why_not.is_empty() {
                subject.why_not = format!("{} {}", failure.sqlstate, failure.message);
            }
            continue;
        }
        for (relation, modes) in &first.locks {
            subject.wants.entry(*relation).or_default().extend(modes);
        }
        subject.samples.push(Sample { values, first, ..Sample::default() });
        if subject.samples.len() == KEPT
            && !subject.shape.parameters.iter().any(|kind| matches!(kind.kind(), Kind::Enum(_)))
        {
            break;
        }
    }
    Ok(())
}

/// Executes them once more, in another transaction: what differs then is not an effect of the change.
pub(super) fn again(probe: &mut Probe, context: &Context<'_>, subjects: &mut [Subject<'_>]) -> Result<()> {
    for subject in subjects {
        let role = context.executing(&subject.statement.role);
        for sample in &mut subject.samples {
            sample.second = deeds::execute(probe, context, &role, &call(&subject.name, &sample.values))?;
        }
        subject.samples.retain(|sample| sample.second.failure.is_none());
    }
    Ok(())
}

fn call(name: &str, values: &Values) -> String {
    if values.is_empty() {
        return format!("execute {name}");
    }
    let list: Vec<_> = values.iter().map(|value| value.as_deref().map_or("null".into(), literal)).collect();
    format!("execute {name}({})", list.join(", "))
}

/// What the change has done, as far as it concerns all statements.
pub(super) struct After<'a> {
    /// NOT NULL and constraints, before and after.
    pub(super) strict: (&'a Strict, &'a Strict),
    /// Roles that can't connect, before and after.
    pub(super) shut_out: (&'a BTreeMap<String, Failure>, &'a BTreeMap<String, Failure>),
    /// Functions whose bodies are text.
    pub(super) bodies: &'a Bodies,
    /// Names of objects that it changes.
    pub(super) changed: &'a BTreeSet<String>,
    /// Tables that existed before.
    pub(super) tables: &'a BTreeSet<u32>,
    /// New or other constraints and the like: table, name, whether readers meet it.
    pub(super) guards: &'a [(u32, String, bool)],
    /// It writes rows itself.
    pub(super) writes_rows: bool,
    /// Statements that were only planned are concerned by it, unless they use none of its tables: `None`: whatever they use.
    pub(super) touches: Option<BTreeSet<u32>>,
}

/// Judges it after the change, in the transaction that the probe is in. `waits_ms`: how long it would have waited for the change's locks.
pub(super) fn judge(
    probe: &mut Probe,
    context: &Context<'_>,
    subject: &Subject<'_>,
    change: &After<'_>,
    waits_ms: u64,
) -> Result<StatementImpact> {
    let statement = subject.statement;
    let role = context.becoming(&statement.role);
    let mut cached = probe
        .tried(|client| {
            client.batch_execute(&role)?;
            Plan::of(client, &subject.name, &subject.arguments)
        })?
        .err();
    let after = subject.name.replace("before", "after");
    let fresh = probe.tried(|client| {
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
        client.batch_execute(&format!("prepare {after} {list} as {}", subject.sql))?;
        let plan = Plan::of(client, &after, &subject.arguments)?;
        let refused = if subject.samples.is_empty() { refused_when_run(client, &plan)? } else { None };
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
        rows: Vec::new(),
        unknown: None,
        plan: Vec::new(),
    };
    let (mut misread, mut slower) = (false, false);
    match fresh {
        Err(failure) => impact.fresh = Some(failure),
        Ok((shape, plan, refused)) => {
            let (before, now) = change.strict;
            impact.fresh = refused;
            (impact.shape, misread) = differs(&subject.shape, &shape);
            if context.options.data {
                (impact.plan, slower) = plan.worse_than(&subject.plan, context.options.slower_from);
            }
            let mut writes = plan.writes.iter();
            if subject.samples.is_empty() {
                impact.fresh = impact.fresh.take().or_else(|| writes.find_map(|write| now.refuses(before, write)));
            } else {
                let kept = execute_after(probe, context, subject, (&after, &shape, &plan), change, &mut impact)?;
                cached = cached.or(kept);
                if statement.values.is_none() && impact.fresh.is_none() {
                    impact.fresh = writes.find_map(|write| now.refuted(write));
                }
            }
        }
    }
    if let (None, None, Some(out)) =
        (&impact.fresh, change.shut_out.0.get(&statement.role), change.shut_out.1.get(&statement.role))
    {
        impact.fresh = Some(out.clone());
    }
    if subject.samples.is_empty() && impact.unknown.is_none() && touched(subject, change) {
        let why =
            format!("planned and not executed, because no values are known with which it works: {}", subject.why_not);
        impact.unknown = Some(Unknown { reason: Reason::NotExecuted, why });
    }
    let unsure = statement.values.is_none() && !subject.shape.parameters.is_empty() && impact.unknown.is_none();
    if let Some(name) = guarded(subject, change).filter(|_| unsure) {
        let why = format!(
            "whether {name}, which the change makes or alters, lets it pass depends on its values: {} were tried",
            subject.samples.len()
        );
        impact.unknown = Some(Unknown { reason: Reason::Values, why });
    }
    if change.writes_rows && !impact.rows.is_empty() {
        let why = "the change writes rows itself, and this statement returns or writes other ones since: see whether that is meant";
        impact.unknown = Some(Unknown { reason: Reason::OtherRows, why: why.into() });
    }
    impact.cached = cached.or_else(|| impact.fresh.clone());
    impact.verdict = verdict(&impact, misread && context.options.typed_clients, slower, waits_ms, context);
    Ok(impact)
}

/// Executes it after the change with every list of values, and notes what differs. Returns the refusal of the one that was prepared before.
fn execute_after(
    probe: &mut Probe,
    context: &Context<'_>,
    subject: &Subject<'_>,
    (name, shape, plan): (&str, &Shape, &Plan),
    change: &After<'_>,
    impact: &mut StatementImpact,
) -> Result<Option<Failure>> {
    let role = context.executing(&subject.statement.role);
    let lower = subject.sql.to_ascii_lowercase();
    let partial = ["limit", "fetch", "tablesample", "row_number", "array_agg", "string_agg"];
    let any_rows = partial.iter().any(|word| lower.contains(word)) && plan.indexes != subject.plan.indexes;
    let (mut kept, mut called) = (None, BTreeSet::new());
    for sample in &subject.samples {
        let deed = deeds::execute(probe, context, &role, &call(name, &sample.values))?;
        called.extend(sample.first.functions.union(&deed.functions));
        if deed.failure.is_some() {
            impact.fresh = deed.failure;
            break;
        }
        for words in sample.differs(&deed, (&subject.shape, shape), any_rows, change.tables) {
            if impact.rows.len() < 3 && !impact.rows.contains(&words) {
                impact.rows.push(words);
            }
        }
        if kept.is_none() {
            kept = deeds::execute(probe, context, &role, &call(&subject.name, &sample.values))?.failure;
        }
    }
    impact.unknown = change.bodies.open(&called, change.changed);
    Ok(kept)
}

/// What the change makes or alters, and that this statement's values have to pass.
fn guarded(subject: &Subject<'_>, change: &After<'_>) -> Option<String> {
    let written: BTreeSet<u32> = subject.samples.iter().flat_map(|sample| sample.first.written()).collect();
    let meets = |(table, name, reads): &&(u32, String, bool)| {
        let writes = written.contains(table);
        // A column that it leaves out gets no value of its own.
        let number = name.strip_prefix("column ").and_then(|number| number.parse::<usize>().ok());
        let named = number.is_none_or(|number| {
            let mut inserts = subject.plan.writes.iter().filter(|write| write.insert);
            inserts.all(|write| write.expressions.get(number - 1).is_none_or(|text| text.contains('$')))
        });
        writes && named || *reads && subject.wants.contains_key(table)
    };
    change.guards.iter().find(meets).map(|(_, name, _)| name.clone())
}

/// Does the change concern what it uses, as far as planning shows it?
fn touched(subject: &Subject<'_>, change: &After<'_>) -> bool {
    change.touches.as_ref().is_none_or(|touched| subject.wants.keys().any(|used| touched.contains(used)))
}

fn verdict(impact: &StatementImpact, misread: bool, slower: bool, waits_ms: u64, context: &Context<'_>) -> Verdict {
    let refused = |failure: &Failure| failure.sqlstate == "42501";
    match (&impact.fresh, &impact.cached) {
        (Some(failure), _) if !refused(failure) => Verdict::Breaks,
        (Some(_), _) => Verdict::LosesGrant,
        (None, _) if misread => Verdict::Breaks,
        (None, _)
            if !impact.rows.is_empty() && impact.unknown.as_ref().is_none_or(|one| one.reason != Reason::OtherRows) =>
        {
            Verdict::Breaks
        }
        (None, Some(_)) => Verdict::BreaksCached,
        (None, None) if impact.unknown.as_ref().is_some_and(|one| !context.options.allowed.contains(&one.reason)) => {
            Verdict::Unknown
        }
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
