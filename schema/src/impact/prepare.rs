//! Statements before the change: planned, and executed with values that are there.

use postgres::types::{Kind, Type};

use super::context::Context;
use super::execution::{self, Sample};
use super::input::{On, Statement};
use super::locks::{self, Held};
use super::near::Near;
use super::plan::{self, Plan};
use super::probe::Probe;
use super::report::{Failure, Skipped};
use super::samples::Samples;
use super::shape::{Shape, shape_of};
use super::subject::Subject;
use super::unknown::Reason;
use super::utility::{self, CopyFrom, Utility};
use super::values::{Values, default, sets};
use super::words::first_word;
use crate::coupling::parameters::prepared;
use crate::coupling::sql::{after_comments, typed_literals, without_tables};
use crate::error::Result;
use crate::own_path::ASIDE;
use crate::progress::Progress;
use crate::session::literal;

/// Statements that are neither planned nor executed.
type Left = (Skipped, Option<Reason>);

/// Prepares every statement as its role, in the transaction that the probe is in; those prepared stay so.
pub(super) fn prepare<'a>(
    probe: &mut Probe,
    context: &Context<'_>,
    statements: &'a [Statement],
    near: Option<&Near>,
    service: impl Fn(&str) -> String,
) -> Result<(Vec<Subject<'a>>, Vec<Left>)> {
    // Refused for reasons of its own, as it is for its client: a name or a right that isn't there.
    const THEIRS: [&str; 5] = ["42P01", "42703", "42501", "3F000", "42704"];
    let (mut subjects, mut skipped) = (Vec::new(), Vec::new());
    let mut samples = Samples::read(&mut probe.client)?;
    let mut progress = Progress::new("statements tried before the change", statements.len());
    for (number, statement) in statements.iter().enumerate() {
        progress.step();
        let mut reason = Some(Reason::Utility);
        let mut instead = None;
        let known = without_tables(&statement.sql);
        if known.as_ref().is_some_and(|done| !done.control) {
            instead = utility::of(after_comments(&statement.sql));
        }
        let why = match known {
            Some(done) if done.defines => {
                reason = None;
                "it changes definitions itself, or maintains tables: such statements are not judged".into()
            }
            Some(done) if done.control => continue,
            Some(done) if instead.is_none() => done.unknown.join("; "),
            _ => match one(probe, context, (statement, number), instead, near)? {
                Ok(mut subject) => {
                    match context.options.on {
                        On::Clone if subject.concerned => sample(probe, context, &mut subject, &mut samples)?,
                        On::Clone => {}
                        On::Live => subject.why_not = "on a live database nothing is executed".into(),
                    }
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
    (statement, number): (&'a Statement, usize),
    instead: Option<Utility>,
    near: Option<&Near>,
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
        concerned: true,
        why_not: String::new(),
        utility: instead == Some(Utility::Executed),
        kept: instead.is_none() || first_word(&statement.sql).eq_ignore_ascii_case("prepare"),
        copy: None,
        unsampled: None,
    };
    let role = context.becoming(&statement.role);
    let planned = probe.tried(|client| {
        client.batch_execute(&format!("{role}; savepoint plain"))?;
        match &instead {
            Some(Utility::As(sql)) => subject.sql = typed_literals(sql),
            Some(Utility::CopyFrom { table, columns }) => {
                let (copy, insert) = CopyFrom::read(client, &statement.sql, table, columns.as_deref())?;
                (subject.copy, subject.sql) = (Some(copy), insert);
            }
            _ => {}
        }
        match client.prepare(&subject.sql) {
            Ok(plain) => (subject.shape, subject.plain) = (shape_of(&plain), true),
            Err(_) => {
                client.batch_execute("rollback to savepoint plain")?;
                subject.shape = shape_of(&prepared(client, &subject.sql)?);
            }
        }
        if subject.utility {
            subject.concerned = near.is_none_or(|near| near.concerns(&subject));
            return Ok(());
        }
        // NULL is no value of every domain.
        let argument = |kind: &Type| match kind.kind() {
            Kind::Domain(_) => literal(&default(kind, 0)),
            _ => "null".into(),
        };
        subject.arguments = subject.shape.parameters.iter().map(argument).collect();
        let (list, plan) = (subject.list_now(client)?, plan::again(&subject.name, &subject.arguments));
        let asking = locks::asking(context.pid);
        // In one round trip; a statement may end in a comment.
        let [to_ours, back] = ASIDE;
        let sql = format!("prepare {} {list} as {}\n; {plan}; {to_ours}; {asking}; {back}", subject.name, subject.sql);
        // Two statements go back.
        let locks = sets(client, &sql)?.into_iter().rev().nth(2).unwrap_or_default();
        subject.wants = locks::of_rows(&locks, context.map);
        subject.concerned = near.is_none_or(|near| near.concerns(&subject));
        if subject.concerned {
            subject.plan = Plan::of(client, &subject.name, &subject.arguments)?;
        }
        Ok(())
    })?;
    Ok(planned.map(|()| subject))
}

/// So many lists of values with which it works are kept; so many are tried.
const KEPT: usize = 6;
const TRIED: usize = 24;

/// And so many more, of values that are chosen for what they may show.
const FURTHER: usize = 48;

/// Executes it with values that are there, and keeps those with which it works.
fn sample(probe: &mut Probe, context: &Context<'_>, subject: &mut Subject<'_>, samples: &mut Samples) -> Result<()> {
    if let Some(values) = &subject.statement.values {
        return tried(probe, context, subject, values.clone(), false);
    }
    let lists = samples.of(probe, subject)?;
    let first = lists.first().cloned().unwrap_or_default();
    for values in lists.into_iter().take(TRIED) {
        tried(probe, context, subject, values, false)?;
        if subject.samples.len() == KEPT {
            break;
        }
    }
    let base = subject.samples.first().map_or(first, |sample| sample.values.clone());
    for named in [None, Some(context.named)] {
        for values in Samples::further(&base, subject.parameters(), named).into_iter().take(FURTHER) {
            if subject.samples.iter().all(|sample| sample.values != values) {
                tried(probe, context, subject, values, named.is_some())?;
            }
        }
    }
    Ok(())
}

fn tried(
    probe: &mut Probe,
    context: &Context<'_>,
    subject: &mut Subject<'_>,
    values: Values,
    made_up: bool,
) -> Result<()> {
    let role = context.executing(&subject.statement.role);
    let first = execution::execute(probe, context, &role, &subject.call(&subject.name, &values))?;
    if let Some(failure) = first.failure {
        if subject.why_not.is_empty() {
            subject.why_not = format!("{} {}", failure.sqlstate, failure.message);
        }
        return Ok(());
    }
    for (relation, modes) in &first.locks {
        subject.wants.entry(*relation).or_default().extend(modes);
    }
    subject.samples.push(Sample { values, made_up, first, ..Sample::default() });
    Ok(())
}

/// Executes them once more, in another transaction: what differs then is not an effect of the change.
pub(super) fn again(probe: &mut Probe, context: &Context<'_>, subjects: &mut [Subject<'_>]) -> Result<()> {
    for subject in subjects {
        let role = context.executing(&subject.statement.role);
        let mut samples = std::mem::take(&mut subject.samples);
        for sample in &mut samples {
            sample.second = execution::execute(probe, context, &role, &subject.call(&subject.name, &sample.values))?;
        }
        samples.retain(|sample| sample.second.failure.is_none());
        subject.samples = samples;
    }
    Ok(())
}
