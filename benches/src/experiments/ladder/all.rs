//! Ladders on a system made for them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schema::{DATABASE, Passwords};
use serde_json::json;

use super::{Effort, Isolation, Ladders, Systems, replicate, result};
use crate::Failure;
use crate::data::Size;
use crate::experiments::scenario::{LadderPlan, Played, Scenario, Stage};
use crate::measure::plan::begin;
use crate::result::Measured;
use crate::system::copies::{FilledCluster, as_login, copy};
use crate::system::{Deployment, image_of, services};

/// The other database.
const COPY: &str = "govrnanza_copy";

/// Which ladders to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// All ladders of these.
    pub scenarios: Vec<Scenario>,
    /// How often and how long.
    pub effort: Effort,
    /// Services as they are built for load.
    pub optimised: bool,
}

/// Measures them. Once `stop` is true no further replicate begins, and what is complete is kept.
///
/// # Errors
/// When something can't be started, or a scenario's SQL is refused.
pub fn run_all(options: &Options, stop: &Arc<AtomicBool>) -> Result<Measured<Ladders>, Failure> {
    let plans: Vec<(&Scenario, &LadderPlan)> = options
        .scenarios
        .iter()
        .flat_map(|scenario| scenario.ladders.iter().map(move |plan| (scenario, plan)))
        .collect();
    if plans.is_empty() {
        return Err(Failure::usage("None of these scenarios has a ladder."));
    }
    let seed = options.effort.seed;
    let mut deployment = Deployment::filled(Size::SMALL, seed, options.optimised, stop)?;
    let Effort { replicates, settle_s, seconds, seed } = options.effort;
    let plan = json!({ "replicates": replicates, "settleS": settle_s, "seconds": seconds, "seed": seed });
    let head = begin(&deployment, plan)?;
    eprintln!("Starting a second cluster with the same rows …");
    let passwords = deployment.passwords()?;
    let second = FilledCluster::start(Some(&passwords), Size::SMALL, seed, vec![])?;
    second.trust(deployment.database_url()?)?;
    let mut ladders = Vec::new();
    for (scenario, plan) in plans {
        let mut replicates = Vec::new();
        for number in 0..options.effort.replicates {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            eprintln!("{}: replicate {} of {}", plan.title, number + 1, options.effort.replicates);
            deployment.reset()?;
            let measured = levels(&deployment, &second, &passwords, (scenario, plan), options.effort, number)?;
            replicates.push(measured);
        }
        ladders.push(result(scenario, plan, &replicates));
    }
    Ok(head.with(Ladders { ladders }))
}

fn levels(
    deployment: &Deployment,
    second: &FilledCluster,
    passwords: &Passwords,
    (scenario, plan): (&Scenario, &LadderPlan),
    effort: Effort,
    number: usize,
) -> Result<Vec<(Isolation, Played)>, Failure> {
    let here = deployment.database_url()?;
    let at = RefCell::new(BTreeMap::<String, String>::new());
    let redirect = |service: &str, database: &str| -> Result<(), Failure> {
        let now = at.borrow().get(service).cloned();
        if now.as_deref().unwrap_or(here) == database {
            return Ok(());
        }
        let name = services::names()
            .find(|name| *name == service)
            .ok_or_else(|| Failure::usage(format!("Unknown service {service}.")))?;
        let mut settings = Vec::new();
        for (variable, suffix) in [("DATABASE_READ_URL", "reader"), ("DATABASE_WRITE_URL", "writer")] {
            let url = as_login(database, &format!("{service}_{suffix}"), passwords)?;
            settings.push((variable.to_owned(), url));
        }
        deployment.stop_service(name)?;
        deployment.set_environment(name, settings)?;
        deployment.start_service(name)?;
        at.borrow_mut().insert(service.to_owned(), database.to_owned());
        Ok(())
    };
    let systems = Systems {
        stage: Stage::new(here, Some(deployment), deployment.processes())?,
        other_database: copy(here, &image_of(DATABASE), COPY)?,
        other_cluster: second.url().to_owned(),
        redirect: &redirect,
    };
    replicate(&systems, scenario, plan, effort, number)
}
