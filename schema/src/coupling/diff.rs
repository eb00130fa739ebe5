//! Two reports compared. How often something is called is never part of it.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::report::{Kind, List, Report, VERSION};
use crate::error::{Error, Result, read_text};

/// What is new and what is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Not in the base.
    pub new: Vec<Change>,
    /// Only in the base.
    pub gone: Vec<Change>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// What kind of thing: `edge`, `column used`, `column granted`, `key`, `right to write`.
    pub what: &'static str,
    /// In words, the same for the same thing.
    pub thing: String,
}

/// Reads a report written before.
pub fn read(path: &Path) -> Result<Report> {
    let bad = |error: String| Error::Usage(format!("{} is not a report of dba coupling: {error}", path.display()));
    let text = read_text(path)?;
    let report: Report = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if report.version != VERSION {
        return Err(bad(format!("its version is {}, this tool's {VERSION}", report.version)));
    }
    Ok(report)
}

/// From `base` to `now`.
#[must_use]
pub fn diff(base: &Report, now: &Report) -> Diff {
    let (before, after) = (things(base), things(now));
    Diff { new: after.difference(&before).cloned().collect(), gone: before.difference(&after).cloned().collect() }
}

fn things(report: &Report) -> BTreeSet<Change> {
    let mut all = BTreeSet::new();
    let mut add = |what, thing| all.insert(Change { what, thing });
    for edge in &report.edges {
        let kind = kind(edge.kind);
        for through in &edge.through {
            add("edge", format!("{} {kind} {}: {through}", edge.from, edge.to));
        }
    }
    for column in &report.columns {
        if column.granted {
            add("column granted", format!("{} may read {}", column.from, column.column));
        }
        if column.list != List::NeverUsed {
            add("column used", format!("{} reads {}", column.from, column.column));
        }
    }
    for key in &report.keys {
        let index = if key.indexed { "indexed" } else { "without index" };
        add(
            "key",
            format!(
                "{} -> {} on delete {}, on update {}, {index}",
                key.child, key.parent, key.on_delete, key.on_update
            ),
        );
    }
    for right in &report.write_rights {
        add("right to write", format!("{} may write {}", right.from, right.object));
    }
    all
}

/// A kind of edge as a verb.
#[must_use]
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Read => "reads views of",
        Kind::TableRead => "reads tables of",
        Kind::Write => "writes to",
        Kind::Key => "has keys into",
        Kind::CascadeWrite => "deletes or updates by cascade in",
        Kind::ViewOver => "has views over",
        Kind::Trigger => "triggers functions of",
        Kind::Call => "calls functions of",
        Kind::Sequence => "uses sequences of",
        Kind::Definition => "is defined with objects of",
        Kind::Channel => "listens to",
    }
}
