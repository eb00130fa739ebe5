//! `lab ladder`: the same requests of the same interfering service, moved away from the one that it slows, one isolation
//! level after another. What each level removes of the slowdown says what it came from: the machine, the engine, the database
//! or the data. It answers "what would a database per service gain?" without writing another architecture.

mod all;
mod isolation;
mod outcome;
mod split;

use std::sync::Arc;

use rand::seq::SliceRandom;

pub use crate::system::copies::{FilledCluster, copy};
pub use all::{Options, run_all};
pub use isolation::Isolation;
pub use outcome::{LadderResult, Ladders, LevelResult, StepResult};

use crate::Failure;
use crate::experiments::scenario::{
    Arm, LadderPlan, Played, Scenario, Stage, Workplace, drop_schemas, half, play, sql,
};
use crate::load::schedule::stream;
use crate::measure::sessions::Actor;

/// The systems that a ladder needs.
pub struct Systems<'a> {
    /// Where the slowed service runs, and the interfering one at L3 and L4.
    pub stage: Stage<'a>,
    /// The same rows in another database of the same cluster, as superuser.
    pub other_database: String,
    /// The same rows in another cluster, as superuser.
    pub other_cluster: String,
    /// Points a service's process at a database.
    pub redirect: Redirect<'a>,
}

/// Points a service at a database, given as superuser.
pub type Redirect<'a> = &'a dyn Fn(&str, &str) -> Result<(), Failure>;

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Independent observations of each level.
    pub replicates: usize,
    /// Seconds that a level runs before it is measured.
    pub settle_s: f64,
    /// Seconds that it is measured.
    pub seconds: f64,
    /// Of requests and order.
    pub seed: u64,
}

/// One replicate: every level once, in an order drawn from the seed.
///
/// # Errors
/// When the scenario's SQL is refused, or a service can't be moved.
pub fn replicate(
    systems: &Systems<'_>,
    scenario: &Scenario,
    plan: &LadderPlan,
    effort: Effort,
    number: usize,
) -> Result<Vec<(Isolation, Played)>, Failure> {
    let arm = scenario.arm(&plan.arm).ok_or_else(|| Failure::usage(format!("Unknown arm {}.", plan.arm)))?;
    let here = &systems.stage.database_url;
    let databases = [here, &systems.other_database, &systems.other_cluster];
    for url in databases {
        sql(url, &systems.stage, &scenario.setup, "setting up")?;
    }
    let mut order = Isolation::ALL;
    order.shuffle(&mut stream(effort.seed, &format!("ladder {number}")));
    let seed = effort.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
    let mut played = Vec::new();
    for level in order {
        let away = away(systems, level);
        for service in interfering(arm, plan) {
            (systems.redirect)(service, &away.database_url)?;
        }
        let place = |actor: &Actor| match (plan.slowed.contains(&actor.name), level) {
            (true, _) => Some(systems.stage.here()),
            (false, Isolation::Alone) => None,
            (false, _) => Some(away.clone()),
        };
        // Pools, plans and caches of whoever was just moved are filled first; other requests, so that no name is taken.
        play(&systems.stage, arm, effort.settle_s, seed.wrapping_add(1 << 40), &place)?;
        let one = play(&systems.stage, arm, effort.seconds, seed, &place)?;
        played.push((level, one));
    }
    for service in interfering(arm, plan) {
        (systems.redirect)(service, here)?;
    }
    for url in databases {
        drop_schemas(url)?;
    }
    Ok(played)
}

/// Where the interfering service runs at this level.
fn away(systems: &Systems<'_>, level: Isolation) -> Workplace {
    let here = systems.stage.here();
    match level {
        Isolation::Alone | Isolation::Same => here,
        Isolation::OtherCluster => {
            Workplace { database_url: systems.other_cluster.clone(), written: Arc::default(), ..here }
        }
        Isolation::OtherDatabase => {
            Workplace { database_url: systems.other_database.clone(), written: Arc::default(), ..here }
        }
        Isolation::OtherOrganisations => {
            Workplace { organisations: Arc::new(half(systems.stage.organisations.len(), false)), ..here }
        }
    }
}

fn interfering<'a>(arm: &'a Arm, plan: &LadderPlan) -> Vec<&'a str> {
    let others = arm.actors.iter().filter(|actor| !plan.slowed.contains(&actor.name));
    others.filter_map(|actor| actor.service.as_deref()).collect()
}

/// How a ladder's slowdown is split, from its replicates.
#[must_use]
pub fn result(scenario: &Scenario, plan: &LadderPlan, replicates: &[Vec<(Isolation, Played)>]) -> LadderResult {
    split::result(scenario, plan, replicates)
}
