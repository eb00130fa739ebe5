//! Several scenarios, one after another on one system made for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{ALL, Scenario, ScenarioResult, Scenarios, Stage, run};
use crate::Failure;
use crate::data::Size;
use crate::measure::plan::begin;
use crate::result::Measured;
use crate::system::Deployment;

/// What to play.
#[derive(Clone, Debug)]
pub struct Options {
    /// Scenarios, in this order.
    pub scenarios: Vec<Scenario>,
    /// Seed of data and requests.
    pub seed: u64,
    /// Services as they are built for load.
    pub optimised: bool,
}

/// Scenarios by id (`S4`, whatever the case), by the path of a TOML file, or `all`.
///
/// # Errors
/// A sentence that names what is unknown or malformed.
pub fn choose(names: &[String]) -> Result<Vec<Scenario>, Failure> {
    let parse =
        |name: &str, text: &str| Scenario::parse(text).map_err(|error| Failure::usage(format!("{name}: {error}")));
    let mut chosen = Vec::new();
    for name in names {
        if name == "all" {
            for (id, text) in ALL {
                chosen.push(parse(id, text)?);
            }
        } else if let Some((id, text)) = ALL.iter().find(|(id, _)| id.eq_ignore_ascii_case(name)) {
            chosen.push(parse(id, text)?);
        } else if name.ends_with(".toml") {
            let text = std::fs::read_to_string(name)
                .map_err(|error| Failure::usage(format!("{name} can't be read: {error}.")))?;
            chosen.push(parse(name, &text)?);
        } else {
            let known: Vec<&str> = ALL.iter().map(|(id, _)| *id).collect();
            return Err(Failure::usage(format!(
                "Unknown scenario {name:?}: expected {}, all, or the path of a .toml file.",
                known.join(", ")
            )));
        }
    }
    Ok(chosen)
}

/// Plays them; `say` hears of each as it ends. Once `stop` is true no further one begins.
///
/// # Errors
/// When the system can't be started, or a scenario's SQL is refused.
pub fn run_all(
    options: &Options,
    stop: &Arc<AtomicBool>,
    say: impl Fn(&ScenarioResult),
) -> Result<Measured<Scenarios>, Failure> {
    let mut deployment = Deployment::filled(Size::SMALL, options.seed, options.optimised, stop)?;
    let head = begin(&deployment, json!({ "seed": options.seed }))?;
    let mut results = Vec::new();
    for (place, scenario) in options.scenarios.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if place > 0 {
            deployment.reset()?;
        }
        let url = deployment.database_url()?;
        let stage = Stage::new(url, Some(&deployment), deployment.processes())?;
        let result = run(&stage, scenario, options.seed)?;
        say(&result);
        results.push(result);
    }
    Ok(head.with(Scenarios { scenarios: results }))
}
