//! The isolation ladder: the same requests of the same aggressor, moved away from its victim step by step. What each step
//! takes away of the harm says through what it came: the machine, the engine, the database or the data. It answers "what
//! would a database per service buy us?" without writing another architecture.

mod all;
mod section;
mod split;

use std::sync::Arc;

use rand::seq::SliceRandom;

pub use crate::system::copies::{FilledCluster, copy};
pub use all::{Ladders, Options, run_all};
pub use section::{LadderResult, RungResult, StepResult};

use crate::Failure;
use crate::experiments::scenario::{Arm, Played, Rungs, Scenario, Stage, Workplace, drop_schemas, half, play, sql};
use crate::load::schedule::stream;
use crate::measure::sessions::Actor;
use serde::{Deserialize, Serialize};

/// Where the aggressor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// L0: nowhere.
    Alone,
    /// L1: in a second cluster on this machine; processors, disk and page cache are shared.
    OtherCluster,
    /// L2: in another database of this cluster; write-ahead log, buffers, checkpoints and process array, too.
    OtherDatabase,
    /// L3: in this database, at other organisations; relation locks, the horizon of old versions, index pages, too.
    OtherOrganisations,
    /// L4: in this database, at the same organisations; row locks and hot rows, too.
    Same,
}

impl Rung {
    /// From nothing shared to everything.
    pub const ALL: [Self; 5] =
        [Self::Alone, Self::OtherCluster, Self::OtherDatabase, Self::OtherOrganisations, Self::Same];

    /// Such as `L2`.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::Alone => "L0",
            Self::OtherCluster => "L1",
            Self::OtherDatabase => "L2",
            Self::OtherOrganisations => "L3",
            Self::Same => "L4",
        }
    }

    /// For people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::OtherCluster => "beside it in a second cluster",
            Self::OtherDatabase => "in another database",
            Self::OtherOrganisations => "same database, other organisations",
            Self::Same => "same organisations",
        }
    }
}

/// What a ladder stands on.
pub struct Grounds<'a> {
    /// The victim's place, and the aggressor's on the upper rungs.
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
    /// Independent observations of each rung.
    pub replicates: usize,
    /// Seconds that a rung runs before it is measured.
    pub settle_s: f64,
    /// Seconds that it is measured.
    pub seconds: f64,
    /// Of requests and order.
    pub seed: u64,
}

/// One replicate: every rung once, in an order drawn from the seed.
///
/// # Errors
/// When the scenario's SQL is refused, or a service can't be moved.
pub fn replicate(
    grounds: &Grounds<'_>,
    scenario: &Scenario,
    rungs: &Rungs,
    effort: Effort,
    number: usize,
) -> Result<Vec<(Rung, Played)>, Failure> {
    let arm = scenario.arm(&rungs.arm).ok_or_else(|| Failure::usage(format!("There is no arm {}.", rungs.arm)))?;
    let here = &grounds.stage.database_url;
    let databases = [here, &grounds.other_database, &grounds.other_cluster];
    for url in databases {
        sql(url, &grounds.stage, &scenario.setup, "setting up")?;
    }
    let mut order = Rung::ALL;
    order.shuffle(&mut stream(effort.seed, &format!("ladder {number}")));
    let seed = effort.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
    let mut played = Vec::new();
    for rung in order {
        let away = away(grounds, rung);
        for service in aggressors(arm, rungs) {
            (grounds.redirect)(service, &away.database_url)?;
        }
        let place = |actor: &Actor| match (rungs.victims.contains(&actor.name), rung) {
            (true, _) => Some(grounds.stage.here()),
            (false, Rung::Alone) => None,
            (false, _) => Some(away.clone()),
        };
        // Pools, plans and caches of whoever was just moved are filled first; other requests, so that no name is taken.
        play(&grounds.stage, arm, effort.settle_s, seed.wrapping_add(1 << 40), &place)?;
        let one = play(&grounds.stage, arm, effort.seconds, seed, &place)?;
        played.push((rung, one));
    }
    for service in aggressors(arm, rungs) {
        (grounds.redirect)(service, here)?;
    }
    for url in databases {
        drop_schemas(url)?;
    }
    Ok(played)
}

/// Where the aggressor is on this rung.
fn away(grounds: &Grounds<'_>, rung: Rung) -> Workplace {
    let here = grounds.stage.here();
    match rung {
        Rung::Alone | Rung::Same => here,
        Rung::OtherCluster => {
            Workplace { database_url: grounds.other_cluster.clone(), written: Arc::default(), ..here }
        }
        Rung::OtherDatabase => {
            Workplace { database_url: grounds.other_database.clone(), written: Arc::default(), ..here }
        }
        Rung::OtherOrganisations => {
            Workplace { organisations: Arc::new(half(grounds.stage.organisations.len(), false)), ..here }
        }
    }
}

fn aggressors<'a>(arm: &'a Arm, rungs: &Rungs) -> Vec<&'a str> {
    let others = arm.actors.iter().filter(|actor| !rungs.victims.contains(&actor.name));
    others.filter_map(|actor| actor.service.as_deref()).collect()
}

/// The split of a ladder's harm, from its replicates.
#[must_use]
pub fn result(scenario: &Scenario, rungs: &Rungs, replicates: &[Vec<(Rung, Played)>]) -> LadderResult {
    split::result(scenario, rungs, replicates)
}
