//! `lab architectures`: the same product as a shared database, as services that call each other, and as services with copies fed from a
//! log, measured in one run on one machine.
//!
//! All have the same rows (the same seed), and get the same arrivals at the same absolute rate. In each round every architecture has one
//! block, in an order drawn from the seed; meanwhile the services and the log of the others are stopped. A block begins with the data
//! put back, its first seconds warm what it starts, then all services are under load and measured; at the end changes are followed from one
//! service to another under the same load. After the rounds each service is stopped in turn, and what is answered wrongly is counted.

mod answer;
mod arm;
mod blocks;
mod circumstance;
mod counted;
mod figures;
mod kept;
mod measured;
mod outcome;
mod plant;
mod text;
mod trust;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::data::Size;
use crate::experiments::failure::Mix;
use crate::load::schedule::{MATRIX, stream};
use crate::measure::kept as remembered;
use crate::measure::plan::begin;
use crate::result::{Measured, attachments};
use crate::system::Architecture;
pub use answer::{Answer, answers};
use arm::Arm;
use circumstance::Circumstance;
pub use circumstance::{Shares, Varied};
pub use figures::{ArmFigure, Figure, Pair};
use kept::write_plan;
pub use kept::{Block, plan_of};
pub use outcome::Architectures;
pub(crate) use outcome::{RELAYS, is_varied};
pub use plant::{Plant, Planted, Where};
pub use text::title;
use trust::Repeats;
pub use trust::{Fate, Trust};

/// What is run. Its numbers are the plan of the outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// By name; one that is named again is measured again, as if it were another one.
    pub architectures: Vec<String>,
    /// Blocks of each.
    pub rounds: usize,
    /// Seconds of each block that are measured.
    pub seconds: u64,
    /// Requests per second of all services together.
    pub rate_per_s: f64,
    /// How often each change is followed in a block.
    pub tries: usize,
    /// Seconds for which each service is stopped; 0: none is.
    pub stop_seconds: u64,
    /// Seed of data, requests and order.
    pub seed: u64,
    /// Services built for load.
    pub optimised: bool,
    /// Rows: APIs, about.
    pub apis: u64,
    /// Delays of known size, each in the last column of its architecture.
    pub plants: Vec<Plant>,
    /// Delays between all processes, there and back, under which the latency is measured; empty: no relays, no delays.
    pub delays_ms: Vec<f64>,
    /// Mixes with which the latency is measured, beside the usual one.
    pub mixes: Vec<Shares>,
}

impl Plan {
    /// The rows that all have.
    fn size(&self) -> Result<Size, Failure> {
        let found = [Size::TINY, Size::SMALL, Size::LARGE].into_iter().find(|size| size.apis == self.apis);
        found.ok_or_else(|| Failure::usage(format!("There is no data set of {} APIs.", self.apis)))
    }
}

/// Which architectures, in the order of the columns. The first one is what the others are compared with. What an interrupted run has kept in
/// `folder` isn't measured again.
///
/// # Errors
/// When something can't be built, started or asked; what was measured until then is kept in `folder`.
pub fn run(
    of: &[Architecture],
    plan: &Plan,
    folder: &Path,
    stop: &Arc<AtomicBool>,
) -> Result<Measured<Architectures, Plan>, Failure> {
    let planted = plan.plants.iter().map(|one| Ok((*one, plant::columns(*one, of)?)));
    let planted = planted.collect::<Result<Vec<_>, Failure>>()?;
    let usual = Mix::of(MATRIX, plan.rate_per_s)?.workload;
    plan.mixes.iter().try_for_each(|shares| shares.applied(&usual).map(drop))?;
    let tests = remembered::newest_tests(folder.parent().unwrap_or(folder)).unwrap_or_default();
    write_plan(plan, folder)?;
    let mut arms = Vec::new();
    for (name, architecture) in names(of).into_iter().zip(of) {
        eprintln!("{}: starting …", title(&name));
        arms.push(Arm::start(name, *architecture, plan, (folder, &tests), stop)?);
    }
    let first = arms.first().ok_or_else(|| Failure::usage("No architecture is given."))?;
    let head = begin(first.deployment(), plan.clone())?;
    planted.iter().try_for_each(|(plant, [_, column])| arms[*column].plant(*plant))?;
    // Only once all have their ports: what doesn't run could lose its own.
    arms.iter().try_for_each(Arm::stop)?;
    match measure(&mut arms, plan, stop) {
        // It was interrupted while something started: what was measured before is there.
        Err(why) if stop.load(Ordering::Relaxed) => eprintln!("{why}"),
        done => done?,
    }
    let measured = arms.iter().map(Arm::measured).collect::<Result<Vec<_>, Failure>>()?;
    let mut figures = blocks::figures(&measured, &Circumstance::all(plan))?;
    figures.extend(counted::figures(&measured, plan));
    let (selftest, selftest_at) = tests;
    Ok(head.with(Architectures {
        planted: plant::found(&plan.plants, of, (&measured, &figures))?,
        figures,
        blocks: measured.iter().flat_map(|of| of.trust.clone()).collect(),
        selftest,
        selftest_at,
        violations: measured.iter().map(|of| (of.name.to_owned(), of.violations())).collect(),
        whole: !stop.load(Ordering::Relaxed),
    }))
}

/// Whatever isn't there yet: every block, in the order of the seed, and then the stops.
fn measure(arms: &mut [Arm], plan: &Plan, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let mut repeats = Repeats::of(plan.rounds * arms.len(), arms.iter().map(Arm::reruns).sum());
    for round in 0..plan.rounds {
        let mut order: Vec<usize> = (0..arms.len()).collect();
        order.shuffle(&mut stream(plan.seed, &format!("architectures {round}")));
        for (place, arm) in order.into_iter().enumerate() {
            let arm = &mut arms[arm];
            if !arm.has(round) && !stop.load(Ordering::Relaxed) {
                block(arm, (round, place), plan, &mut repeats)?;
            }
        }
    }
    for arm in arms.iter_mut().filter(|_| plan.stop_seconds > 0) {
        if !stop.load(Ordering::Relaxed) {
            eprintln!("{}: each service stopped for {} s …", title(&arm.name), plan.stop_seconds);
            arm.break_services(plan, stop)?;
        }
    }
    Ok(())
}

/// A block; once more where something disturbed it.
fn block(arm: &mut Arm, (round, place): (usize, usize), plan: &Plan, repeats: &mut Repeats) -> Result<(), Failure> {
    for attempt in 0..2 {
        let again = if attempt == 0 { "" } else { ", once more, for something disturbed it" };
        eprintln!("Round {} of {}: {}{again}", round + 1, plan.rounds, title(&arm.name));
        arm.block(round, place, plan)?;
        if !repeats.again(attempt, arm.is_suspect()) {
            break;
        }
        arm.discard();
    }
    Ok(())
}

/// Their names; one that comes again has its number.
fn names(of: &[Architecture]) -> Vec<String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    of.iter()
        .map(|one| {
            let count = seen.entry(one.name()).or_default();
            *count += 1;
            if *count == 1 { one.name().to_owned() } else { format!("{} {count}", one.name()) }
        })
        .collect()
}

/// Keeps the outcome beside what it was made of; the file.
///
/// # Errors
/// When it can't be written.
pub fn keep(found: &Measured<Architectures, Plan>, folder: &Path) -> Result<PathBuf, Failure> {
    attachments::write(folder, attachments::ARCHITECTURES, found)?;
    Ok(folder.join(attachments::ARCHITECTURES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_again_has_its_number() {
        let [shared, http] = [Architecture::SharedDatabase, Architecture::ApiCentric];
        assert_eq!(names(&[shared, http, shared]), ["shared-database", "api-centric", "shared-database 2"]);
    }
}
