//! V9 and V11: the right cause comes first in the ledger, and the isolation ladder rises.

use schema::DATABASE;

use super::shared::outcome;
use crate::Failure;
use crate::data::Size;
use crate::experiments::ladder::{Effort, Systems, replicate, result};
use crate::experiments::scenario::{Played, Scenario, Stage, choose, drop_schemas, play, sql};
use crate::result::{Resource, SelfTest};
use crate::system::copies::{FilledCluster, copy};

/// Enough for scenarios that bring their own tables.
const SIZE: Size = Size { apis: 500, organisations: 48 };
const SEED: u64 = 1;
const BUBBLES: &str = include_str!("bubbles.toml");
const VICTIM: &str = "lab_victim";
const BUBBLE: &str = "lab_bubble";
/// Everything on the machine that is none of ours.
const FOREIGN: &str = "others";
/// Part of the bubble's blame that the control may show.
const CONTROL_MAX: f64 = 0.1;

/// Two clusters with the product's database; the first has few buffers and connections, so that they are soon used up.
pub struct Clusters {
    first: FilledCluster,
    second: FilledCluster,
}

impl Clusters {
    /// Starts both.
    pub fn start() -> Result<Self, Failure> {
        let few = ["shared_buffers = '16MB'", "max_connections = 40"].map(str::to_owned);
        Ok(Self {
            first: FilledCluster::start(None, SIZE, SEED, few.to_vec())?,
            second: FilledCluster::start(None, SIZE, SEED, vec![])?,
        })
    }

    /// V9: pressure on the log, on buffers, on connections.
    pub fn pressures(&self) -> Result<SelfTest, Failure> {
        let malformed = |error| Failure::could_not_run(format!("{error}"));
        let scenario = Scenario::parse(BUBBLES).map_err(malformed)?;
        let stage = Stage::new(self.first.url(), None, vec![])?;
        sql(self.first.url(), &stage, &scenario.setup, "setting up the bubbles")?;
        let arm = |name: &str| -> Result<Played, Failure> {
            let arm = scenario.arm(name).ok_or_else(|| Failure::could_not_run("An arm is missing."))?;
            let seconds = arm.seconds.unwrap_or(scenario.seconds);
            play(&stage, arm, seconds, SEED, &|_| Some(stage.here()))
        };
        let log = judge("log", Resource::Wal, &arm("log, quiet")?, &arm("log")?);
        let buffers = judge("buffers", Resource::DataIo, &arm("buffers, quiet")?, &arm("buffers")?);
        let connections = refused(&arm("connections, quiet")?, &arm("connections")?);
        drop_schemas(self.first.url())?;
        let all = [log, buffers, connections];
        let words: Vec<&str> = all.iter().map(|(_, words)| words.as_str()).collect();
        // One that this machine can't resolve leaves the test open, unless another one failed.
        let pass = if all.iter().any(|(pass, _)| *pass == Some(false)) {
            Some(false)
        } else {
            all.iter().all(|(pass, _)| *pass == Some(true)).then_some(true)
        };
        Ok(outcome("V9", pass, words.join("; ")))
    }

    /// V11: S2's shared row, from nothing shared to everything.
    pub fn ladder(&self) -> Result<SelfTest, Failure> {
        let scenario = choose(&["S2".to_owned()])?.remove(0);
        let plan = scenario
            .ladders
            .iter()
            .find(|plan| plan.arm == "one shared row")
            .ok_or_else(|| Failure::could_not_run("S2 has no such ladder."))?;
        let systems = Systems {
            stage: Stage::new(self.first.url(), None, vec![])?,
            other_database: copy(self.first.url(), DATABASE, "govrnanza_copy")?,
            other_cluster: self.second.url().to_owned(),
            redirect: &|_, _| Ok(()),
        };
        let effort = Effort { replicates: 4, settle_s: 0.3, seconds: 1.5, seed: SEED };
        let replicates = (0..effort.replicates)
            .map(|number| replicate(&systems, &scenario, plan, effort, number))
            .collect::<Result<Vec<_>, Failure>>()?;
        let ladder = result(&scenario, plan, &replicates);
        let medians: Vec<String> =
            ladder.levels.iter().map(|of| format!("{} {:.1}", of.level.short(), of.p50_ms)).collect();
        let found = format!(
            "isolation ladder of S2, the slowed service's median in ms: {}; waits for rows on L2: {}",
            medians.join(", "),
            if ladder.no_row_waits_across { "none" } else { "SOME" }
        );
        Ok(outcome("V11", Some(ladder.sound()), found))
    }
}

/// Seconds that the slowed one waited for a resource because of somebody.
fn waited(played: &Played, resource: Option<Resource>, blamed: &dyn Fn(&str) -> bool) -> f64 {
    let lines = played.seen.ledger.apportioned.iter();
    lines
        .filter(|of| of.waiting == VICTIM && blamed(&of.blamed))
        .filter(|of| resource.is_none_or(|resource| of.resource == resource))
        .map(|of| of.seconds)
        .sum::<f64>()
        // The sum of nothing is -0.
        .abs()
}

/// Whether the resource comes first among what the slowed one waited for because of others, and the bubble first among those.
/// What isn't ours on this machine makes processors scarce: then it is left open.
fn judge(name: &str, right: Resource, quiet: &Played, bubble: &Played) -> (Option<bool>, String) {
    let on_bubble = waited(bubble, Some(right), &|blamed| blamed == BUBBLE);
    let others = |resource| waited(bubble, Some(resource), &|blamed| blamed != VICTIM && blamed != FOREIGN);
    let first = [Resource::RunQueue, Resource::DataIo, Resource::Wal, Resource::LightweightLock]
        .into_iter()
        .max_by(|a, b| others(*a).total_cmp(&others(*b)));
    let control = waited(quiet, Some(right), &|blamed| blamed != VICTIM);
    let part = control / on_bubble.max(1e-9);
    let pass = first == Some(right) && on_bubble > 0.0 && part < CONTROL_MAX;
    let foreign = waited(bubble, None, &|blamed| blamed == FOREIGN);
    let resolved = pass || foreign < 0.2 * on_bubble;
    let words = format!(
        "{name}: {on_bubble:.2} s of waiting for {} blamed on the pressure, first of all causes: {}, control {:.0} %",
        right.name(),
        if first == Some(right) { "yes" } else { "NO" },
        part * 100.0
    );
    (resolved.then_some(pass), words)
}

/// Connections have no waits: whoever comes late is refused.
fn refused(quiet: &Played, bubble: &Played) -> (Option<bool>, String) {
    let count = |played: &Played, code: Option<&str>| -> u64 {
        let of = played.rounds.get("victim").map(|rounds| &rounds.errors);
        let errors = of.into_iter().flatten();
        errors.filter(|(is, _)| code.is_none_or(|code| **is == *code)).map(|(_, count)| count).sum()
    };
    let (full, any, control) = (count(bubble, Some("53300")), count(bubble, None), count(quiet, None));
    let pass = full > 0 && full * 2 > any && control * 10 < full;
    (Some(pass), format!("connections: {full} of {any} refusals are 53300, control {control}"))
}
