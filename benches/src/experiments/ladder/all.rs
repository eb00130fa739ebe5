//! Ladders on a system made for them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schema::{DATABASE, Passwords};
use serde::{Deserialize, Serialize};

use super::{Effort, Grounds, LadderResult, replicate, result};
use crate::Failure;
use crate::data::Size;
use crate::experiments::scenario::{Rungs, Scenario, Stage};
use crate::system::copies::{FilledCluster, as_login, copy};
use crate::system::{Deployment, image_of, services};

/// The other database.
const COPY: &str = "govrnanza_copy";

/// What to climb.
#[derive(Clone, Debug)]
pub struct Options {
    /// All ladders of these.
    pub scenarios: Vec<Scenario>,
    /// How often and how long.
    pub effort: Effort,
    /// Services as they are built for load.
    pub optimised: bool,
}

/// What they showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ladders {
    /// Of this shape.
    pub version: u32,
    /// In the order they ran.
    pub ladders: Vec<LadderResult>,
}

impl std::fmt::Display for Ladders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ladders.iter().try_for_each(|one| writeln!(f, "{one}"))
    }
}

/// Climbs them. Once `stop` is true no further replicate begins, and what is complete is kept.
///
/// # Errors
/// When something can't be started, or a scenario's SQL is refused.
pub fn run_all(options: &Options, stop: &Arc<AtomicBool>) -> Result<Ladders, Failure> {
    let climbs: Vec<(&Scenario, &Rungs)> = options
        .scenarios
        .iter()
        .flat_map(|scenario| scenario.ladders.iter().map(move |rungs| (scenario, rungs)))
        .collect();
    if climbs.is_empty() {
        return Err(Failure::usage("None of these scenarios has a ladder."));
    }
    let seed = options.effort.seed;
    let mut deployment = Deployment::filled(Size::SMALL, seed, options.optimised, stop)?;
    eprintln!("Starting a second cluster with the same rows …");
    let passwords = deployment.passwords()?;
    let second = FilledCluster::start(Some(&passwords), Size::SMALL, seed, vec![])?;
    second.trust(deployment.database_url()?)?;
    let mut ladders = Vec::new();
    for (scenario, rungs) in climbs {
        let mut replicates = Vec::new();
        for number in 0..options.effort.replicates {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            eprintln!("{}: replicate {} of {}", rungs.title, number + 1, options.effort.replicates);
            deployment.reset()?;
            let climbed = climb(&deployment, &second, &passwords, (scenario, rungs), options.effort, number)?;
            replicates.push(climbed);
        }
        ladders.push(result(scenario, rungs, &replicates));
    }
    Ok(Ladders { version: 1, ladders })
}

fn climb(
    deployment: &Deployment,
    second: &FilledCluster,
    passwords: &Passwords,
    (scenario, rungs): (&Scenario, &Rungs),
    effort: Effort,
    number: usize,
) -> Result<Vec<(super::Rung, crate::experiments::scenario::Played)>, Failure> {
    let here = deployment.database_url()?;
    let at = RefCell::new(BTreeMap::<String, String>::new());
    let redirect = |service: &str, database: &str| -> Result<(), Failure> {
        let now = at.borrow().get(service).cloned();
        if now.as_deref().unwrap_or(here) == database {
            return Ok(());
        }
        let name = services::names()
            .find(|name| *name == service)
            .ok_or_else(|| Failure::usage(format!("There is no service {service}.")))?;
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
    let grounds = Grounds {
        stage: Stage::new(here, Some(deployment), deployment.processes())?,
        other_database: copy(here, &image_of(DATABASE), COPY)?,
        other_cluster: second.url().to_owned(),
        redirect: &redirect,
    };
    replicate(&grounds, scenario, rungs, effort, number)
}
