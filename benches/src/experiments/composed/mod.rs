//! `lab composed`: the same read by another architecture, at the same absolute rate on the same machine and data.

mod process;
mod target;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::data::Size;
use crate::experiments::paired::{self, Arm, Comparison, Plan, Redirected, good};
use crate::load::driver::ServiceRecord;
use crate::measure::plan::begin;
use crate::result::text::capital;
use crate::result::{Measured, Table};
use crate::system::environment::Environment;
use crate::system::site::Site;
use process::Rival;
pub use target::{AsTarget, as_target};

/// What is asked of one while a neighbour is away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Away {
    /// Who was stopped.
    pub stopped: String,
    /// Seconds of asking meanwhile.
    pub seconds: u64,
    /// Good answers of all offered: the one statement's.
    pub ours: f64,
    /// Likewise, the composed read's.
    pub rivals: f64,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// Latency compared: ours first.
    pub comparison: Comparison,
    /// What happens to both while a neighbour is stopped.
    pub away: Vec<Away>,
}

/// How a rival is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Rates and times.
    pub plan: Plan,
    /// Seconds that each neighbour is stopped; 0 leaves that out.
    pub stop_s: u64,
    /// Services built for load.
    pub optimised: bool,
}

/// Our name in the comparison, and the rival's.
const OURS: &str = "one statement";
const THEIRS: &str = "three calls";

/// Starts everything and the composed Registry, drives both in turn, then both while Profile and Account are stopped.
///
/// # Errors
/// When something can't be built, started or asked.
pub fn composed(options: &Options, stop: &Arc<AtomicBool>) -> Result<Measured<Outcome, Plan>, Failure> {
    let plan = options.plan;
    let environment = Environment::start(Size::SMALL, plan.seed, options.optimised, stop)?;
    let head = begin(&environment, plan)?;
    let rival = Rival::start(&environment, options.optimised)?;
    alike(&environment, rival.url())?;
    let theirs = Redirected { site: &environment, service: "registry", url: rival.url() };
    // Both warm before anything counts: connections, caches, plans.
    for site in [&environment as &dyn Site, &theirs] {
        paired::drive(site, plan.rate_per_s, 1, plan.seed)?;
    }
    let nothing = || Ok(());
    let arm = |name, site| Arm { name, site, prepare: &nothing };
    let comparison = paired::compare(plan, [arm(OURS, &environment), arm(THEIRS, &theirs)])?;
    let mut away = Vec::new();
    for stopped in ["profile", "account"] {
        if options.stop_s > 0 {
            away.push(without(stopped, options, &environment, &theirs)?);
        }
    }
    Ok(head.with(Outcome { comparison, away }))
}

/// Both answer the same, to the byte, or there is nothing to compare.
fn alike(environment: &Environment, rival: &str) -> Result<(), Failure> {
    let data = environment.data();
    let of = data.organisations.first();
    let of = of.ok_or_else(|| Failure::could_not_run("The data set has no organisation."))?;
    let ask = |base: &str, api| {
        let url = format!("{base}/api/v1/organisations/{}/apis/{api}", of.id);
        let token = of.token.to_str().unwrap_or_default();
        ureq::get(&url)
            .header("authorization", token)
            .call()
            .and_then(|mut answer| answer.body_mut().read_json::<serde_json::Value>())
            .map_err(|error| Failure::could_not_run(format!("{url}: {error}.")))
    };
    for api in of.apis.iter().take(20) {
        let (ours, theirs) = (ask(environment.url("registry")?, api)?, ask(rival, api)?);
        if ours != theirs {
            return Err(Failure::could_not_run(format!(
                "The rival answers otherwise, so it is no rival: {ours} and {theirs}."
            )));
        }
    }
    Ok(())
}

fn without(
    stopped: &'static str,
    options: &Options,
    ours: &Environment,
    theirs: &Redirected<'_>,
) -> Result<Away, Failure> {
    let rate = options.plan.rate_per_s;
    eprintln!("Both while {stopped} is stopped …");
    ours.instance().stop_service(stopped)?;
    let share = |record: &ServiceRecord| good(record) as f64 / record.offered.max(1) as f64;
    let seed = options.plan.seed + 1;
    let one = paired::drive(ours, rate, options.stop_s, seed).map(|record| share(&record));
    let other = paired::drive(theirs, rate, options.stop_s, seed).map(|record| share(&record));
    ours.instance().start_service(stopped)?;
    Ok(Away { stopped: stopped.into(), seconds: options.stop_s, ours: one?, rivals: other? })
}

/// Waits until a base URL is ready.
fn wait_ready(url: &str, log: &Path) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while ureq::get(format!("{url}/readyz")).call().is_err() {
        if Instant::now() > deadline {
            return Err(Failure::could_not_run(format!(
                "The rival isn't ready within a minute: see {}.",
                log.display()
            )));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

impl crate::result::Outcome<Plan> for Outcome {
    fn tables(&self, plan: &Plan) -> Vec<Table> {
        let mut table = self.comparison.table(plan);
        table.notes.extend(self.away.iter().map(|away| {
            let [ours, theirs] = [away.ours, away.rivals].map(|share| share * 100.0);
            format!(
                "While {} is stopped for {} s: {OURS} {ours:.2} % good answers, {THEIRS} {theirs:.2} %.",
                capital(&away.stopped),
                away.seconds
            )
        }));
        vec![table]
    }
}
