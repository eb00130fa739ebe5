//! `lab bench read`, `list`, `create`, `mixed` and what builds on them: Registry under load, compared with pgbench that runs
//! the same statements.

pub mod decisions;
mod figures;
pub mod growth;
pub mod overload;
pub mod paired;
mod requests;
pub mod rivals;
mod rounds;
mod scripts;
mod statements;
mod system;
mod turn;
mod yardstick;

use std::time::Duration;

use crate::Failure;
use crate::data::Size;
use crate::observe::machine;
use figures::Memory;
use rounds::Rounds;
use statements::Recorder;
use system::{Arm, System};
use turn::turn;
use yardstick::Yardstick;

pub use figures::Outcome;
pub use requests::Kind;

/// Keys in the yardstick's statement of many.
const KEYS: u32 = 32;

/// What every service is measured against.
const YARDSTICK: &str = "pgbench -M prepared, the service's statement";

/// How it is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is asked for.
    pub kind: Kind,
    /// The data set.
    pub size: Size,
    /// Rounds; in each every cell runs once.
    pub rounds: u32,
    /// Seconds of each cell.
    pub seconds: u64,
    /// Numbers of connections, and of pgbench's clients.
    pub connections: Vec<usize>,
    /// `BATCH_MAX` of each arm.
    pub batch_max: Vec<u32>,
    /// Services as they are built for load.
    pub release: bool,
}

/// A data set of so many APIs.
pub fn size(apis: u64) -> Size {
    let organisations = (apis / 100).clamp(10, 1_000);
    Size { apis, organisations }
}

/// Starts a system, measures, and takes it down.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    let system = System::start(plan.size, plan.release)?;
    measure(&system, plan, registries(&system, plan)?)
}

/// One Registry for each `BATCH_MAX`; for what shares nothing anyway, one.
fn registries(system: &System, plan: &Plan) -> Result<Vec<Arm>, Failure> {
    let one = |max: u32| {
        let name = if max == 1 { "registry, no batching".to_owned() } else { format!("registry, batches {max}") };
        system.registry(&name, &[("BATCH_MAX", max.to_string())])
    };
    let shares = matches!(plan.kind, Kind::Read | Kind::Mixed);
    let most = if shares { plan.batch_max.len() } else { 1 };
    plan.batch_max.iter().take(most).map(|max| one(*max)).collect()
}

/// Measures these arms on this system.
fn measure(system: &System, plan: &Plan, arms: Vec<Arm>) -> Result<Outcome, Failure> {
    let kind = plan.kind;
    if arms.is_empty() {
        return Err(Failure::usage("There is nothing to measure."));
    }
    let mut recorder = Recorder::start(system)?;
    let alone = Yardstick::of(system, "alone", kind.login(), &scripts::scripts(&mut recorder, kind, system.size)?)?;
    let many = match kind {
        Kind::Read => {
            let many = scripts::many(&mut recorder, KEYS, system.size)?;
            Some(Yardstick::of(system, "many", kind.login(), &[many])?)
        }
        _ => None,
    };
    drop(recorder);
    eprintln!("Warming up …");
    for arm in &arms {
        turn(system, arm, kind, 16, Duration::from_secs(1))?;
    }
    let mut rounds = Rounds::default();
    for round in 0..plan.rounds {
        eprintln!("Round {} of {} …", round + 1, plan.rounds);
        for &connections in &plan.connections {
            // The yardstick is one of them; another one begins in each round.
            for step in 0..=arms.len() {
                let index = (step + round as usize) % (arms.len() + 1);
                if let Some(arm) = arms.get(index) {
                    let seen = turn(system, arm, kind, connections, Duration::from_secs(plan.seconds))?;
                    rounds.served(index, connections, seen);
                } else {
                    rounds.yardstick(1, connections, alone.run(connections, plan.seconds)?);
                    if let Some(many) = &many {
                        rounds.yardstick(KEYS, connections, many.run(connections, plan.seconds)?);
                    }
                }
            }
        }
    }
    Ok(Outcome {
        at: crate::measure::kept::now(),
        kind,
        yardstick: YARDSTICK,
        apis: system.size.apis,
        organisations: system.size.organisations,
        rounds: plan.rounds,
        seconds: plan.seconds,
        optimised: plan.release,
        machine: machine(),
        postgres: system.deployment.postgres_info()?,
        pgbench: rounds.pgbench(),
        cells: rounds.cells(&arms),
        memory: arms.iter().map(held).collect(),
    })
}

fn held(arm: &Arm) -> Memory {
    Memory { arm: arm.name.clone(), settings: arm.settings.clone(), rest_mib: arm.rest_mib, peak_mib: arm.peak_mib() }
}
