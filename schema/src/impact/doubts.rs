//! What of a statement could not be judged after a change.

use std::collections::{BTreeMap, BTreeSet};

use super::execution::Sample;
use super::near::WRITES;
use super::report::{Failure, StatementImpact};
use super::rights::Strict;
use super::subject::Subject;
use super::unknown::{Bodies, Reason, Unknown};
use super::unsampled::Unsampled;
use super::words;

/// What the change has done, as far as it concerns all statements.
pub(super) struct After<'a> {
    /// NOT NULL and constraints, before and after.
    pub(super) strict: (&'a Strict, &'a Strict),
    /// Roles that can't connect, before and after.
    pub(super) shut_out: (&'a BTreeMap<String, Failure>, &'a BTreeMap<String, Failure>),
    /// Functions whose bodies are text.
    pub(super) bodies: &'a Bodies,
    /// Enums of which it changes words, and relations with such a column.
    pub(super) labels: &'a BTreeSet<u32>,
    /// Names of objects that it changes.
    pub(super) changed: &'a BTreeSet<String>,
    /// Tables that existed before.
    pub(super) tables: &'a BTreeSet<u32>,
    /// New or other constraints and the like: table, name, whether readers meet it.
    pub(super) guards: &'a [(u32, String, bool)],
    /// What makes values that differ each time, and is new, other or gone: relation and kind.
    pub(super) makers: &'a BTreeSet<(u32, String)>,
    /// Whether it writes rows itself.
    pub(super) writes_rows: bool,
    /// Tables of which it may have written rows, and their names.
    pub(super) wrote: &'a BTreeMap<u32, String>,
    /// What rows may decide that the clone doesn't have.
    pub(super) unsampled: &'a Unsampled,
    /// Statements that were only planned are concerned by it, unless they use none of its tables: `None`: whatever they use.
    pub(super) touches: Option<BTreeSet<u32>>,
}

/// Notes in the outcome what of the statement could not be judged, and why.
pub(super) fn note_unknown(subject: &Subject<'_>, change: &After<'_>, impact: &mut StatementImpact) {
    let blind = subject.samples.is_empty() && (subject.utility || touched(subject, change));
    if blind && impact.unknown.is_none() {
        let (reason, done) = match subject.utility {
            true => (Reason::Utility, "not executed"),
            false => (Reason::NotExecuted, "planned and not executed"),
        };
        let why = format!("{done}, because no values are known with which it works: {}", subject.why_not);
        impact.unknown = Some(Unknown { reason, why });
    }
    if let (Some(why), None, true) = (&subject.unsampled, &impact.unknown, touched(subject, change)) {
        impact.unknown =
            Some(Unknown { reason: Reason::NotExecuted, why: format!("executed with made up values alone: {why}") });
    }
    if unsure(subject)
        && impact.unknown.is_none()
        && let Some(name) = guarded(subject, change)
    {
        let why = format!(
            "what {name}, which the change makes or alters, does with it depends on its values: {} were tried",
            subject.samples.len()
        );
        impact.unknown = Some(Unknown { reason: Reason::Values, why });
    }
    let meets = subject.shape.holds(change.labels) || subject.wants.keys().any(|used| change.labels.contains(used));
    if meets && impact.unknown.is_none() {
        let why = "the change renames a word of an enum that it uses: whether it meets that word depends on values";
        impact.unknown = Some(Unknown { reason: Reason::Values, why: why.into() });
    }
    let escapes = |sample: &Sample| sample.escapes(change.makers, change.guards, &subject.wants);
    if impact.unknown.is_none() && subject.samples.iter().any(escapes) {
        let why = "what it returns or writes differs each time, or in a table too large to compare, and the change makes or alters what makes it (a trigger, a default, a rule, a view, a function)";
        impact.unknown = Some(Unknown { reason: Reason::Body, why: why.into() });
    }
    if change.writes_rows && !impact.rows.is_empty() {
        let why = "the change writes rows itself, and this statement returns or writes other ones since: see whether that is meant";
        impact.unknown = Some(Unknown { reason: Reason::OtherRows, why: why.into() });
    }
}

/// Whether it was tried with values that are not its own.
pub(super) fn unsure(subject: &Subject<'_>) -> bool {
    subject.statement.values.is_none() && !subject.shape.parameters.is_empty()
}

/// What the change makes or alters, and that this statement's values have to pass.
fn guarded(subject: &Subject<'_>, change: &After<'_>) -> Option<String> {
    let written: BTreeSet<(u32, [bool; 3])> =
        subject.samples.iter().flat_map(|sample| sample.first.written()).collect();
    let tokens = words::tokens(&subject.sql);
    let meets = |(table, name, reads): &&(u32, String, bool)| {
        // Keys that refer to a row are met when it is changed or taken away.
        let passes = |[inserts, updates, deletes]: [bool; 3]| match name.split(' ').next() {
            Some("trigger") => {
                let on = name.rsplit(" on ").next().unwrap_or_default();
                inserts && on.contains("insert") || updates && on.contains("update") || deletes && on.contains("delete")
            }
            Some("key") => updates || deletes,
            _ => inserts || updates,
        };
        let writes = written.iter().any(|(one, done)| one == table && passes(*done));
        // Which may write elsewhere instead.
        let writer = || subject.wants.get(table).is_some_and(|modes| modes.iter().any(|mode| *mode >= WRITES));
        let ruled = name.starts_with("rule ") && writer();
        // A column that it leaves out gets no value of its own.
        let number = name.strip_prefix("column ").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        let named = number.is_none_or(|number| {
            let mut inserts = subject.plan.writes.iter().filter(|write| write.insert);
            inserts.all(|write| write.expressions.get(number - 1).is_none_or(|text| text.contains('$')))
        });
        let seen = || subject.samples.iter().any(|sample| sample.first.functions.contains(table));
        // One that Postgres puts into the plan is not seen when it is called.
        let calls = |function: &str| seen() || tokens.iter().any(|token| token == function);
        let called = || name.strip_prefix("function ").is_some_and(calls);
        writes && named || ruled || *reads && subject.wants.contains_key(table) || called()
    };
    change.guards.iter().find(meets).map(|(_, name, _)| name.clone())
}

/// Does the change concern what it uses, as far as planning shows it?
fn touched(subject: &Subject<'_>, change: &After<'_>) -> bool {
    change.touches.as_ref().is_none_or(|touched| subject.wants.keys().any(|used| touched.contains(used)))
}
