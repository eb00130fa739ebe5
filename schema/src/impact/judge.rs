//! Statements after the change.

use std::collections::BTreeSet;

use super::context::Context;
use super::doubts::{After, note_unknown, unsure};
use super::execution;
use super::fresh::{self, Fresh};
use super::plan::Plan;
use super::probe::Probe;
use super::report::{Failure, StatementImpact};
use super::shape::{Shape, differs};
use super::subject::Subject;
use super::unknown::{Reason, Unknown};
use super::verdict::Verdict;
use crate::error::Result;

/// Judges it after the change, in the transaction that the probe is in. `waits_ms`: how long it would have waited for the change's locks.
pub(super) fn judge(
    probe: &mut Probe,
    context: &Context<'_>,
    subject: &Subject<'_>,
    change: &After<'_>,
    waits_ms: u64,
) -> Result<StatementImpact> {
    let statement = subject.statement;
    let mut impact = StatementImpact {
        role: statement.role.clone(),
        sql: statement.sql.clone(),
        calls: statement.calls,
        verdict: Verdict::Safe,
        cached: None,
        fresh: None,
        shape: Vec::new(),
        rows: Vec::new(),
        values: None,
        unknown: None,
        plan: Vec::new(),
    };
    if !subject.concerned {
        impact.unknown = change.unsampled.of_statement(subject);
        return unconcerned(probe, context, subject, impact, waits_ms);
    }
    let role = context.becoming(&statement.role);
    let mut cached = match subject.kept {
        false => None,
        true => probe
            .tried(|client| {
                client.batch_execute(&role)?;
                Plan::again(client, &subject.name, &subject.arguments)
            })?
            .err(),
    };
    let after = subject.name.replace("before", "after");
    let fresh = Fresh::of(probe, context, subject, &after)?;
    let (mut misread, mut slower) = (false, false);
    match fresh {
        Err(failure) => impact.fresh = Some(failure),
        Ok(Fresh { shape, plan, refused }) => {
            let (before, now) = change.strict;
            impact.fresh = refused;
            (impact.shape, misread) = differs(&subject.shape, &shape);
            if context.options.data && context.options.sample.is_none() {
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
    note_unknown(subject, change, &mut impact);
    impact.unknown = impact.unknown.take().or_else(|| change.unsampled.of_statement(subject));
    impact.cached = cached.or_else(|| impact.fresh.clone());
    impact.verdict = verdict(&impact, misread && context.options.typed_clients, slower, waits_ms, context);
    Ok(impact)
}

/// Of one that can't come into contact with what the change touches.
fn unconcerned(
    probe: &mut Probe,
    context: &Context<'_>,
    subject: &Subject<'_>,
    mut impact: StatementImpact,
    waits_ms: u64,
) -> Result<StatementImpact> {
    let (fresh, cached) = fresh::unconcerned(probe, context, subject)?;
    let mut misread = false;
    match fresh {
        Ok(shape) => (impact.shape, misread) = differs(&subject.shape, &shape),
        Err(failure) => impact.fresh = Some(failure),
    }
    impact.cached = cached.or_else(|| impact.fresh.clone());
    impact.verdict = verdict(&impact, misread && context.options.typed_clients, false, waits_ms, context);
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
    let (mut kept, mut called, mut shows) = (None, BTreeSet::new(), None);
    let (mut unended, mut doubt, mut others) = (None, None, None);
    for sample in &subject.samples {
        let execution = execution::execute(probe, context, &role, &subject.call(name, &sample.values))?;
        called.extend(sample.first.functions.union(&execution.functions));
        let failed = execution.failure.clone();
        let (other, by_plan) = sample.differs(&execution, (&subject.shape, shape), any_rows, change.tables);
        others = others.or(by_plan);
        if sample.writes_made_up() {
            let failed = failed.map(|failure| format!("{} {}{}", failure.sqlstate, failure.message, sample.with()));
            doubt = doubt.or(failed).or_else(|| other.into_iter().next());
            continue;
        }
        if let Some(failure) = failed {
            match failure.sqlstate == execution::ENDLESS {
                // On a busy server that may be no effect of the change.
                true => unended = Some(failure.message),
                false => (impact.fresh, shows) = (Some(failure), Some(sample)),
            }
            break;
        }
        shows = shows.or((!other.is_empty()).then_some(sample));
        if kept.is_none() && subject.kept {
            kept = execution::execute(probe, context, &role, &subject.call(&subject.name, &sample.values))?.failure;
            shows = shows.or(kept.is_some().then_some(sample));
        }
        for words in other {
            if impact.rows.len() < 3 && !impact.rows.contains(&words) {
                impact.rows.push(words);
            }
        }
    }
    impact.values = shows.map(|sample| sample.values.clone()).filter(|values| !values.is_empty());
    impact.unknown = change.bodies.open(&called, change.changed);
    if let (Some(words), None) = (doubt, &impact.unknown) {
        let why = format!("with values that the change names, and that it may never write: {words}");
        impact.unknown = Some(Unknown { reason: Reason::Values, why });
    }
    if let (Some(words), None) = (others, &impact.unknown) {
        let why = format!("which rows it returns is decided by its plan, and that is another since: it {words}");
        impact.unknown = Some(Unknown { reason: Reason::OtherRows, why });
    }
    if let Some(message) = unended {
        let why = format!("it was ended before it was done, which it was before the change: {message}");
        impact.unknown = Some(Unknown { reason: Reason::NotExecuted, why });
    }
    let met = subject.wants.keys().find_map(|used| change.wrote.get(used));
    if let Some(table) = met.or_else(|| change.bodies.naming(&called, change.wrote.values()))
        && unsure(subject)
        && impact.unknown.is_none()
    {
        let why = format!("the change writes rows of {table}: whether it meets one of them depends on its values");
        impact.unknown = Some(Unknown { reason: Reason::OtherRows, why });
    }
    Ok(kept)
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
