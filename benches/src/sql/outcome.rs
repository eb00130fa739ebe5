//! What a run of `lab sql` found beside its `result.json`: kept as `sql.json` in the same folder.

use std::collections::BTreeMap;

use schema::blame::Cause;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::causes::{self, Through};
use super::remedy::Tried;
use crate::result::text::{capital, others};
use crate::result::{CENSORED_US, Outcome, ResultFile, Table, Wait, arms, pooled};
use crate::stats::MalformedHistogram;

/// Lines of waits shown at the most.
const LINES: usize = 15;
/// Shorter sums aren't shown, seconds.
const LEAST_S: f64 = 0.01;

/// What else was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SqlOutcome {
    /// Where it ran, in words.
    pub place: String,
    /// Who else worked on the server: `role in database`.
    pub others: Vec<String>,
    /// Who waited for which statement, by what ran: `payer+reporter`, `all`. The replicates are added up.
    pub waits: Vec<WaitsOf>,
    /// Estimated seconds of waits that were too short to be seen.
    pub short_waits_s: f64,
    /// The limits, where there are some.
    pub limits: Vec<Limit>,
    /// How the database grew in each replicate.
    pub growth: Vec<Growth>,
    /// Through what each service is slowed; an older lab didn't note it.
    #[serde(default)]
    pub through: Vec<Through>,
    /// What a remedy changes, where one was tried; the rest is what was found without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Tried>,
    /// What could not be seen or was not driven as wanted, in sentences.
    pub notes: Vec<String>,
}

/// The waits of one combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitsOf {
    /// What ran.
    pub cell: String,
    /// Its waits, longest first.
    pub waits: Vec<Wait>,
}

/// A service's 99th percentile in one combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// Whose.
    pub service: String,
    /// What else ran: `alone`, a service, or `all`.
    pub while_running: String,
    /// What it shall not exceed, milliseconds.
    pub limit_ms: f64,
    /// What it was, over all replicates.
    pub p99_ms: f64,
}

/// Bytes of the database in one replicate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Growth {
    /// At its start.
    pub before: i64,
    /// At its end.
    pub after: i64,
    /// Whether it began from the copy as it was first made.
    pub reset: bool,
}

impl SqlOutcome {
    /// Adds what was seen in a cell.
    pub(super) fn add(&mut self, cell: &str, waits: Vec<Wait>) {
        let at = self.waits.iter().position(|of| of.cell == cell).unwrap_or_else(|| {
            self.waits.push(WaitsOf { cell: cell.to_owned(), waits: Vec::new() });
            self.waits.len() - 1
        });
        let all = &mut self.waits[at].waits;
        waits.into_iter().for_each(|wait| wait.add_to(all));
        all.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    }

    /// A note, once.
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether every limit was kept.
    #[must_use]
    pub fn keeps_limits(&self) -> bool {
        self.limits.iter().all(|of| of.p99_ms <= of.limit_ms)
    }

    /// What the remedy does, and the wait that cost most: what each is about, and a sentence.
    #[must_use]
    pub fn findings(&self) -> Vec<(&'static str, String)> {
        let tried = self.tried.as_ref().map(|tried| ("Remedy", tried.sentence()));
        tried.into_iter().chain(self.longest().map(|text| ("Longest wait", text))).collect()
    }

    /// The wait that cost most: a sentence.
    fn longest(&self) -> Option<String> {
        let all = self.waits.iter().flat_map(|of| of.waits.iter().map(move |wait| (of, wait)));
        let foreign = all.filter(|(_, wait)| wait.waiting != wait.root && wait.seconds >= LEAST_S);
        let (of, wait) = foreign.max_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds))?;
        Some(format!(
            "{} waited longest for {}: {:.1} s in {}, for {}. It waited in “{}”; the other one, which held the lock, had last run “{}”.",
            capital(&wait.waiting),
            capital(&wait.root),
            wait.seconds,
            of.cell,
            lock(wait),
            wait.statement,
            wait.holds
        ))
    }

    fn waits_table(&self) -> Table {
        let all = self.waits.iter().flat_map(|of| of.waits.iter().map(move |wait| (of, wait)));
        let mut all: Vec<_> = all.filter(|(_, wait)| wait.seconds >= LEAST_S).collect();
        // What waits for itself comes after what waits for another one.
        let itself = |wait: &Wait| wait.root == wait.waiting;
        all.sort_by(|a, b| itself(a.1).cmp(&itself(b.1)).then(b.1.seconds.total_cmp(&a.1.seconds)));
        let rows = all.iter().take(LINES).map(|(of, wait)| {
            [
                capital(&wait.waiting),
                wait.statement.clone(),
                lock(wait),
                if itself(wait) { "itself".to_owned() } else { capital(&wait.root) },
                wait.holds.clone(),
                of.cell.clone(),
                format!("{:.2}", wait.seconds),
                wait.waits.to_string(),
            ]
        });
        let mut table =
            Table::new(&["waiting", "in", "for", "held by", "which ran last", "while"], &["seconds", "waits"], &[])
                .titled("Who waited for which statement, all replicates added up")
                .rows(rows);
        if table.rows.is_empty() {
            table.notes.push("No wait for a lock was observed.".to_owned());
        }
        table.note(format!(
            "Locks are observed every 20 ms; shorter waits add an estimated {:.2} s that are attributed to nobody.",
            self.short_waits_s
        ))
    }

    fn limits_table(&self) -> Table {
        let rows = self.limits.iter().map(|of| {
            [
                capital(&of.service),
                others(&of.while_running),
                format!("{:.1}", of.limit_ms),
                format!("{:.1}", of.p99_ms),
                if of.p99_ms <= of.limit_ms { "kept" } else { "exceeded" }.to_owned(),
            ]
        });
        Table::new(&["service", "while running"], &["limit ms", "p99 ms"], &["limit"])
            .titled("The limits of the workload file, over all replicates")
            .rows(rows)
            .note("One that is exceeded, with whatever else runs, makes the exit code 1.")
    }

    fn growth_note(&self) -> Option<String> {
        let most = self.growth.iter().max_by_key(|of| of.after - of.before)?;
        let mib = |bytes: i64| bytes as f64 / f64::from(1 << 20);
        let reset = if self.growth.iter().all(|of| of.reset) {
            "each replicate begins from the copy as it was first made"
        } else {
            "it is not put back between replicates: what the first ones left, the later ones find"
        };
        let (before, after) = (mib(most.before), mib(most.after));
        Some(format!(
            "The database had {before:.0} MiB at the start and {after:.0} MiB at the end of a replicate; {reset}."
        ))
    }
}

/// `RowExclusiveLock on public.orders (a lock on a relation)`.
fn lock(wait: &Wait) -> String {
    match (&wait.relation, wait.cause) {
        (_, Cause::Row) => "a row changed by an open transaction".to_owned(),
        (Some(relation), Cause::TupleQueue) => format!("the queue for a hot row of {relation}"),
        (Some(relation), Cause::BehindDdl) => {
            format!("{} on {relation}, in the queue behind a DDL statement", wait.mode)
        }
        (Some(relation), _) => format!("{} on {relation}", wait.mode),
        (None, _) => wait.mode.clone(),
    }
}

impl Outcome<Value> for SqlOutcome {
    fn tables(&self, _: &Value) -> Vec<Table> {
        let mut waits = self.waits_table();
        waits.notes.push(self.place.clone());
        if !self.others.is_empty() {
            waits.notes.push(format!("Others worked on the server meanwhile: {}.", self.others.join(", ")));
        }
        waits.notes.extend(self.growth_note());
        waits.notes.extend(self.notes.iter().cloned());
        let limits = (!self.limits.is_empty()).then(|| self.limits_table());
        let through = (!self.through.is_empty()).then(|| causes::table(&self.through));
        self.tried.iter().map(Tried::table).chain(through).chain([waits]).chain(limits).collect()
    }
}

/// The 99th percentile of each service that has a limit, in every combination.
pub(super) fn limits(result: &ResultFile, limits_ms: &BTreeMap<String, f64>) -> Result<Vec<Limit>, MalformedHistogram> {
    let all = arms(&result.cells)?;
    let of = all.iter().filter_map(|((service, others), arm)| {
        let limit_ms = *limits_ms.get(service)?;
        let p99_us = pooled(arm).quantile_us(0.99).unwrap_or(CENSORED_US);
        let (service, while_running) = (service.clone(), others.clone());
        Some(Limit { service, while_running, limit_ms, p99_ms: p99_us as f64 / 1000.0 })
    });
    Ok(of.collect())
}
