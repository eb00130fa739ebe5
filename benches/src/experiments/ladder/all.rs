//! Ladders on a system made for them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schema::Passwords;
use serde::{Deserialize, Serialize};

use super::{Effort, Grounds, LadderResult, replicate, result};
use crate::Failure;
use crate::data::Size;
use crate::experiments::scenario::{Rungs, Scenario, Stage};
use crate::system::copies::{FilledCluster, copy, could_not, login};
use crate::system::environment::{Environment, IMAGE};
use crate::system::services;

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
    let mut environment = Environment::start(Size::SMALL, seed, options.optimised, stop)?;
    eprintln!("Starting a second cluster with the same rows …");
    let passwords = Passwords::load(&environment.instance().home().join("passwords")).map_err(could_not)?;
    let second = FilledCluster::start(&passwords, Size::SMALL, seed, vec![])?;
    second.trust(environment.database_url()?)?;
    let mut ladders = Vec::new();
    for (scenario, rungs) in climbs {
        let mut replicates = Vec::new();
        for number in 0..options.effort.replicates {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            eprintln!("{}: replicate {} of {}", rungs.title, number + 1, options.effort.replicates);
            environment.reset()?;
            let climbed = climb(&environment, &second, &passwords, (scenario, rungs), options.effort, number)?;
            replicates.push(climbed);
        }
        ladders.push(result(scenario, rungs, &replicates));
    }
    Ok(Ladders { version: 1, ladders })
}

fn climb(
    environment: &Environment,
    second: &FilledCluster,
    passwords: &Passwords,
    (scenario, rungs): (&Scenario, &Rungs),
    effort: Effort,
    number: usize,
) -> Result<Vec<(super::Rung, crate::experiments::scenario::Played)>, Failure> {
    let here = environment.database_url()?;
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
            let url = login(database, &format!("{service}_{suffix}"), passwords)?;
            settings.push((variable.to_owned(), url));
        }
        let instance = environment.instance();
        instance.stop_service(name)?;
        instance.set_environment(name, settings)?;
        instance.start_service(name)?;
        at.borrow_mut().insert(service.to_owned(), database.to_owned());
        Ok(())
    };
    let grounds = Grounds {
        stage: Stage::new(here, Some(environment), environment.processes())?,
        other_database: copy(here, passwords, IMAGE, COPY)?,
        other_cluster: second.url().to_owned(),
        redirect: &redirect,
    };
    replicate(&grounds, scenario, rungs, effort, number)
}
