//! `lab schema-change`: each change of the catalogue while the services are under load and a report holds every table, once
//! plainly and once with `lock_timeout` and retries: which services wait how long, and whose requests fail.

mod outcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::Failure;
use crate::data::Size;
use crate::experiments::changes::catalogue::Change;
use crate::system::Deployment;
pub use outcome::{Effect, SchemaChange, SchemaChanges, Waits};

use crate::experiments::scenario::{Arm, Played, Stage, play};
use crate::measure::plan::begin;
use crate::measure::sessions::{Actor, Step};
use crate::result::Measured;

/// How long it goes on.
const SECONDS: f64 = 3.5;
/// The report holds its locks from here …
const REPORT_FROM_MS: u64 = 300;
/// … for so long,
const REPORT_MS: u64 = 1500;
/// and the change is begun meanwhile.
const CHANGE_FROM_MS: u64 = 700;
/// What the careful one waits for a lock.
const LOCK_TIMEOUT_MS: u64 = 100;
/// From one try of it to the next.
const AGAIN_MS: f64 = 300.0;

/// What to change, and under which load.
#[derive(Clone, Debug)]
pub struct Options {
    /// In this order, each on the same data.
    pub changes: Vec<Change>,
    /// Requests per second of all services together.
    pub rate_per_s: f64,
    /// Of data and requests.
    pub seed: u64,
    /// Services as they are built for load.
    pub optimised: bool,
}

/// Applies them one after another, on the same data each. Once `stop` is true no further one begins.
///
/// # Errors
/// When the system can't be started or put back.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<Measured<SchemaChanges>, Failure> {
    let mut deployment = Deployment::filled(Size::SMALL, options.seed, options.optimised, stop)?;
    let head = begin(&deployment, json!({ "ratePerS": options.rate_per_s, "seed": options.seed }))?;
    let mut changes = Vec::new();
    for change in &options.changes {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        eprintln!("{}: {}", change.name, change.title);
        let plain = effect(&deployment, options, change, false)?;
        deployment.reset()?;
        let careful = effect(&deployment, options, change, true)?;
        deployment.reset()?;
        changes.push(SchemaChange {
            name: change.name.clone(),
            title: change.title.clone(),
            owner: change.owner.clone(),
            plain,
            careful,
        });
    }
    Ok(head.with(SchemaChanges { changes }))
}

fn effect(deployment: &Deployment, options: &Options, change: &Change, careful: bool) -> Result<Effect, Failure> {
    let stage = Stage::new(deployment.database_url()?, Some(deployment), deployment.processes())?;
    let mut actors =
        Actor::everybody(options.rate_per_s).map_err(|error| Failure::could_not_run(format!("{error}.")))?;
    actors.extend([report(), migration(change, careful)]);
    let arm = Arm::of(&change.name, actors);
    let played = play(&stage, &arm, SECONDS, options.seed, &|_| Some(stage.here()))?;
    Ok(waits(deployment, &played))
}

/// A transaction that has read every table and is still open.
fn report() -> Actor {
    let schemas = "account, profile, registry, billing, notification";
    let hold = format!(r"\sleep {REPORT_MS} ms");
    let mut actor = Actor::session(
        "report",
        "lab_report",
        &[
            &format!("grant usage on schema {schemas} to {{role}}"),
            &format!("grant select on all tables in schema {schemas} to {{role}}"),
        ],
        &[
            "begin",
            "lock table account.organisations, account.plans, account.logins, profile.profiles, profile.head_counts, registry.apis, \
             registry.versions, registry.usage, registry.domains, registry.sub_domains, billing.invoices, billing.standings, \
             notification.notifications in access share mode",
            &hold,
            "commit",
        ],
    );
    actor.rounds = Some(1);
    actor.start_ms = REPORT_FROM_MS;
    actor
}

/// The change, by a login that may become every owner, as the administrator may.
fn migration(change: &Change, careful: bool) -> Actor {
    let mut script: Vec<String> = if change.transaction {
        vec!["begin".into(), change.sql.clone(), "commit".into()]
    } else {
        statements(&change.sql)
    };
    // In a transaction of its own a timeout must be set again each time.
    if careful && change.transaction {
        script.insert(1, format!("set local lock_timeout = '{LOCK_TIMEOUT_MS}ms'"));
    }
    let mut actor = Actor::session("migration", "lab_migration", &["grant govrnanza_admin to {role}"], &[]);
    // No step of a file is a command of ours.
    actor.script = script.into_iter().map(Step::Statement).collect();
    actor.start_ms = CHANGE_FROM_MS;
    actor.until_good = true;
    actor.every_ms = Some(AGAIN_MS);
    if careful {
        actor.begin = vec![Step::Statement(format!("set lock_timeout = '{LOCK_TIMEOUT_MS}ms'"))];
    } else {
        actor.rounds = Some(1);
    }
    actor
}

/// Each by itself, for those that can't run in a transaction, where `set local` has no meaning either.
fn statements(sql: &str) -> Vec<String> {
    let lines: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let statements = lines.join("\n");
    let each = statements.split(';').map(str::trim).filter(|one| !one.is_empty());
    each.map(|one| one.replace("set local role", "set role")).collect()
}

fn waits(deployment: &Deployment, played: &Played) -> Effect {
    let of = |name: String| {
        let rounds = played.rounds.get(&name).cloned().unwrap_or_default();
        let lines = played.seen.ledger.entries.iter().filter(|entry| entry.waiting == name);
        let waits = Waits {
            // The sum of nothing is -0.
            blocked_s: lines.map(|entry| entry.seconds).sum::<f64>().abs(),
            failed: rounds.failed(),
            requests: rounds.times.count(),
            longest_ms: rounds.times.quantile_us(1.0).unwrap_or(0) as f64 / 1000.0,
        };
        (name, waits)
    };
    let migration = played.rounds.get("migration").cloned().unwrap_or_default();
    Effect {
        applied: migration.good > 0,
        refused: migration.errors,
        services: deployment.services().into_iter().map(of).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::changes::catalogue::catalogue;

    #[test]
    fn what_needs_no_transaction_runs_by_itself() {
        let all = catalogue().unwrap();
        let alone = all.iter().find(|change| !change.transaction).unwrap();
        let statements = statements(&alone.sql);
        assert!(statements.iter().any(|one| one.contains("concurrently")), "{statements:?}");
        assert!(statements.iter().all(|one| !one.contains("set local") && !one.contains("--")));
        let actor = migration(alone, true);
        assert!(!actor.script.contains(&Step::Statement("begin".into())));
    }
}
