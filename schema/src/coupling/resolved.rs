//! What a statement reads, writes and calls.

use std::collections::{BTreeMap, BTreeSet};

/// What a statement does with one table, view or sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Use {
    /// Columns whose values matter: shown, compared, returned.
    pub read: BTreeSet<String>,
    /// Columns inserted or updated.
    pub written: BTreeSet<String>,
    /// Its rows are inserted, updated or deleted.
    pub writes: bool,
    /// Its rows are locked (`for update` and the like).
    pub locks: bool,
}

/// What a statement does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// By relation, `schema.name`, quoted where it must be.
    pub uses: BTreeMap<String, Use>,
    /// Functions called, except the system's and those of extensions: `schema.name`.
    pub functions: BTreeSet<String>,
    /// Channels it listens to.
    pub listens: BTreeSet<String>,
    /// Channels it notifies.
    pub notifies: BTreeSet<String>,
    /// It controls the session (`begin`, `set`, `listen`, …) or changes definitions (`create view`, `grant`, …), and uses no column: definitions are read
    /// from the catalogue.
    pub control: bool,
    /// It changes definitions, or maintains tables.
    pub defines: bool,
    /// Why the list is incomplete. Empty: it is complete.
    pub unknown: Vec<String>,
}

impl Resolved {
    /// `schema.table.column` of everything read.
    pub fn reads(&self) -> impl Iterator<Item = String> {
        columns(&self.uses, |one| &one.read)
    }

    /// `schema.table.column` of everything written.
    pub fn writes(&self) -> impl Iterator<Item = String> {
        columns(&self.uses, |one| &one.written)
    }
}

fn columns(
    uses: &BTreeMap<String, Use>,
    which: impl Fn(&Use) -> &BTreeSet<String> + Copy,
) -> impl Iterator<Item = String> {
    uses.iter().flat_map(move |(relation, one)| which(one).iter().map(move |column| format!("{relation}.{column}")))
}
