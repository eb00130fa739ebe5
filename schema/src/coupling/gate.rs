//! The gate: coupling may shrink; growth must be accepted, in the base or in the budgets.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::diff::{Diff, diff};
use super::report::{Kind, Report};
use crate::error::{Error, Result, read_toml};

/// What is allowed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// Columns of a service that others may read and nobody reads, at most; none: not checked.
    pub max_unused_columns: Option<usize>,
    /// Ways in which a service writes tables of another, over all services, at most.
    pub max_write_edges: usize,
    /// Per cent of calls (or of statements, where none was run) that must be resolved.
    pub min_coverage_percent: f64,
    /// Forbidden dependencies: `billing -> notification`, `* -> notification`.
    pub forbidden: Vec<String>,
    /// The only foreign keys between services that are allowed, as `schema.table -> schema.table`; none: not checked.
    pub keys: Option<BTreeSet<String>>,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            max_unused_columns: None,
            max_write_edges: 0,
            min_coverage_percent: 99.0,
            forbidden: Vec::new(),
            keys: None,
        }
    }
}

impl Budgets {
    /// Reads a file:
    ///
    /// ```toml
    /// max_unused_columns = 5
    /// forbidden = ["billing -> notification"]
    /// keys = ["billing.invoices -> account.organisations"]
    /// ```
    pub fn read(path: &Path) -> Result<Self> {
        let budgets: Self = read_toml(path)?;
        match budgets.forbidden.iter().find(|rule| pair(rule).is_none()) {
            None => Ok(budgets),
            Some(rule) => Err(Error::Usage(format!("{}: expected `service -> service`, got `{rule}`", path.display()))),
        }
    }
}

fn pair(rule: &str) -> Option<(&str, &str)> {
    rule.split_once("->").map(|(from, to)| (from.trim(), to.trim()))
}

/// What came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// One sentence each. Empty: passed.
    pub findings: Vec<String>,
    /// Against the base.
    pub diff: Diff,
}

/// Compares with the base and the budgets. Without any statement there is no verdict, but an error.
pub fn gate(base: &Report, now: &Report, budgets: &Budgets) -> Result<Verdict> {
    let Some(covered) = now.coverage.percent() else {
        return Err(Error::Unavailable(
            "no statement was seen: nothing to judge. Run the services' tests first, or give --statements".to_owned(),
        ));
    };
    let diff = diff(base, now);
    let mut findings: Vec<String> =
        diff.new.iter().map(|change| format!("new {}: {}", change.what, change.thing)).collect();
    if covered < budgets.min_coverage_percent {
        findings.push(format!(
            "only {covered:.2} % of the calls are resolved, {} % are required",
            budgets.min_coverage_percent
        ));
    }
    if let Some(window) = now.window.as_ref().filter(|window| window.evictions > 0) {
        findings.push(format!(
            "pg_stat_statements removed statements {} times because it was full: raise pg_stat_statements.max",
            window.evictions
        ));
    }
    let writes: usize = now.services.iter().map(|service| service.write_edges).sum();
    if writes > budgets.max_write_edges {
        findings.extend(written(now));
    }
    for service in &now.services {
        if budgets.max_unused_columns.is_some_and(|most| service.unused.len() > most) {
            findings.push(format!(
                "{} columns of {} are granted and never used: {}",
                service.unused.len(),
                service.name,
                service.unused.join(", ")
            ));
        }
    }
    findings.extend(forbidden(now, budgets));
    if let Some(allowed) = &budgets.keys {
        let table = |side: &str| side.split('(').next().unwrap_or_default().to_owned();
        let strangers = now
            .keys
            .iter()
            .filter(|key| !allowed.contains(&format!("{} -> {}", table(&key.child), table(&key.parent))));
        findings.extend(
            strangers.map(|key| format!("key {} from {} to {} is not allowed", key.name, key.child, key.parent)),
        );
    }
    Ok(Verdict { findings, diff })
}

fn written(now: &Report) -> Vec<String> {
    let done = now.edges.iter().filter(|edge| matches!(edge.kind, Kind::Write | Kind::CascadeWrite));
    let done = done
        .map(|edge| format!("{} {} {}: {}", edge.from, super::diff::kind(edge.kind), edge.to, edge.through.join(", ")));
    let may = now.write_rights.iter().map(|right| format!("{} may write {} of {}", right.from, right.object, right.to));
    done.chain(may).collect()
}

fn forbidden(now: &Report, budgets: &Budgets) -> Vec<String> {
    let matches = |pattern: &str, name: &str| pattern == "*" || pattern == name;
    let pairs: BTreeSet<_> = now.edges.iter().map(|edge| (edge.from.as_str(), edge.to.as_str())).collect();
    let rules = budgets.forbidden.iter().filter_map(|rule| Some((rule, pair(rule)?)));
    rules
        .flat_map(|(rule, (from, to))| {
            let hit = pairs.iter().filter(move |pair| matches(from, pair.0) && matches(to, pair.1));
            hit.map(move |pair| format!("{} depends on {}, which `{rule}` forbids", pair.0, pair.1))
        })
        .collect()
}
