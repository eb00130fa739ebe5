//! Where the values of a statement's parameters can come from, for who wants to run it again and again: `lab sql init`.

use std::time::Duration;

use super::context::{Context, FORGET, Here};
use super::input::{Change, Options, Statement};
use super::probe::Probe;
use super::samples::{Drawn, Samples};
use super::values::Named;
use super::{execution, locks, prepare};
use crate::error::{Doing, Result};
use crate::session::value;

/// A statement that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Drivable {
    /// As it was counted.
    pub statement: Statement,
    /// What to run: literals that the server replaced have their types.
    pub sql: String,
    /// Type and source of `$1`, `$2`, …
    pub parameters: Vec<(String, Drawn)>,
}

/// A statement that can't be run, and why.
pub type Undrivable = (Statement, String);

/// Tries every statement as its role with rows that are there, in a transaction that is rolled back: `url` is a superuser's in a copy. Those that
/// work, and the others with the reason; what only begins and ends transactions is in neither.
///
/// # Errors
/// Where the copy can't be used.
pub fn drawn(url: &str, statements: &[Statement]) -> Result<(Vec<Drivable>, Vec<Undrivable>)> {
    let Here { settings, .. } = Here::read(url, &Change::new("select 1"))?;
    let options = Options { slower_from: f64::MAX, blocks_from: Duration::MAX, ..Options::default() };
    let mut probe = Probe::connect(url)?;
    let map = locks::relations(&mut probe.client).doing("reading relations")?;
    let forget: String = value(&mut probe.client, FORGET)?;
    let pid = value(&mut probe.client, "select pg_backend_pid()")?;
    let calls: String = value(&mut probe.client, execution::CALLS)?;
    let named = Named::default();
    let context = Context {
        options: &options,
        settings: &settings,
        map: &map,
        pid,
        forget: &forget,
        calls: &calls,
        named: &named,
    };
    let samples = Samples::read(&mut probe.client)?;
    probe.run("begin")?;
    let (subjects, left) = prepare::prepare(&mut probe, &context, statements, None, str::to_owned)?;
    probe.run("rollback")?;
    let skipped = left
        .into_iter()
        .map(|(one, _)| (Statement { role: one.role, sql: one.sql, calls: one.calls, values: None }, one.why));
    let mut undrivable: Vec<Undrivable> = skipped.collect();
    let mut drivable = Vec::new();
    for subject in &subjects {
        let statement = subject.statement.clone();
        if subject.copy.is_some() {
            undrivable.push((statement, "`copy` moves rows over the connection, which a script can't".into()));
        } else if subject.samples.is_empty() {
            let why = Some(&subject.why_not).filter(|why| !why.is_empty()).or(subject.unsampled.as_ref());
            let why = why.map_or("no row was found that it works with", String::as_str);
            undrivable.push((statement, why.to_owned()));
        } else {
            drivable.push(Drivable { statement, sql: subject.sql.clone(), parameters: samples.drawn(subject) });
        }
    }
    Ok((drivable, undrivable))
}
