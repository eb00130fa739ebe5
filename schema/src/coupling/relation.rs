//! A table, view or sequence, and how its columns are named.

use std::collections::BTreeMap;

/// Number of a column within its relation.
pub(super) type Place = (u32, i16);

/// A table, view or sequence.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// `schema.name`.
    pub(super) name: String,
    /// Whose.
    pub(super) service: String,
    /// Of `pg_class`: r, p, f, m, v, S.
    pub(super) kind: char,
    /// By number.
    pub(super) columns: BTreeMap<i16, String>,
}

impl Relation {
    pub(super) fn is_view(&self) -> bool {
        matches!(self.kind, 'v' | 'm')
    }
}
