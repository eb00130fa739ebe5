//! What rows may decide that aren't in the sample.

use std::collections::BTreeMap;

use super::locks::Map;
use super::steps::Ran;
use super::subject::Subject;
use super::unknown::{Reason, Unknown};
use crate::copy::Partial;

/// What of a change the sample can't decide.
#[derive(Default)]
pub(super) struct Unsampled {
    /// Whether Postgres accepts it.
    change: Option<String>,
    /// By table: how a statement that uses it may meet a row that the change treats otherwise.
    tables: BTreeMap<u32, String>,
}

impl Unsampled {
    /// `treats_rows`: the change makes or alters what treats rows by their values.
    pub(super) fn of(sample: &Partial, map: &Map, ran: &Ran, treats_rows: bool) -> Self {
        let words = |name: &String| sample.get(name).map(|(held, all)| format!("{held} of about {all} rows of {name}"));
        let read = ran.steps.iter().flat_map(|step| &step.scans).find_map(|scan| words(&scan.table));
        let wrote = ran.wrote.iter().find_map(|table| words(&map.get(table)?.name));
        let change = read
            .or(wrote)
            .map(|words| format!("it reads or writes rows, and the sample has {words}: others may be refused"));
        let all = map.iter().filter(|_| treats_rows).filter_map(|(oid, one)| Some((*oid, words(&one.name)?)));
        let tables = all
            .map(|(oid, words)| (oid, format!("the change treats rows by their values, and the sample has {words}")));
        Self { change, tables: tables.collect() }
    }

    /// Why a statement that the sample shows no harm of may be harmed.
    pub(super) fn of_statement(&self, subject: &Subject<'_>) -> Option<Unknown> {
        let met = || subject.wants.keys().filter(|_| subject.concerned).find_map(|used| self.tables.get(used));
        let why = self.change.as_ref().or_else(met)?.clone();
        Some(Unknown { reason: Reason::Sample, why })
    }
}
