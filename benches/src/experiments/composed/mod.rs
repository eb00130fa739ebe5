//! `lab composed`: the same read by another architecture, at the same absolute rate on the same machine and data.

mod target;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::data::Size;
use crate::experiments::paired::{self, Arm, Comparison, Plan, Redirected, good};
use crate::load::driver::ServiceRecord;
use crate::measure::plan::begin;
use crate::result::text::capital;
use crate::result::{Measured, Table};
use crate::system::process::{self, Further};
use crate::system::services::{Kind, Service};
use crate::system::{Deployment, Site, binaries};
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

/// How the rival is built and started: like one of ours, but not by `lab up`.
const COMPOSED: Service = Service { name: "composed", package: "composed", port: 0, kind: Kind::StandIn, env: &[] };

/// Our name in the comparison, and the rival's.
const OURS: &str = "one statement";
const THEIRS: &str = "three calls";

/// Starts everything and the composed Registry, drives both in turn, then both while Profile and Account are stopped.
///
/// # Errors
/// When something can't be built, started or asked.
pub fn composed(options: &Options, stop: &Arc<AtomicBool>) -> Result<Measured<Outcome, Plan>, Failure> {
    let plan = options.plan;
    let deployment = Deployment::filled(Size::SMALL, plan.seed, options.optimised, stop)?;
    let head = begin(&deployment, plan)?;
    let rival = start(&deployment, options.optimised, stop)?;
    alike(&deployment, rival.url())?;
    let theirs = Redirected { site: &deployment, service: "registry", url: rival.url() };
    // Both warm before anything counts: connections, caches, plans.
    for site in [&deployment as &dyn Site, &theirs] {
        paired::drive(site, plan.rate_per_s, 1, plan.seed)?;
    }
    let nothing = || Ok(());
    let arm = |name, site| Arm { name, site, prepare: &nothing };
    let comparison = paired::compare(plan, [arm(OURS, &deployment), arm(THEIRS, &theirs)])?;
    let mut away = Vec::new();
    for stopped in ["profile", "account"] {
        if options.stop_s > 0 {
            away.push(without(stopped, options, &deployment, &theirs)?);
        }
    }
    Ok(head.with(Outcome { comparison, away }))
}

/// Both answer the same, to the byte, or there is nothing to compare.
fn alike(deployment: &Deployment, rival: &str) -> Result<(), Failure> {
    let data = deployment.data();
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
        let (ours, theirs) = (ask(deployment.url("registry")?, api)?, ask(rival, api)?);
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
    ours: &Deployment,
    theirs: &Redirected<'_>,
) -> Result<Away, Failure> {
    let rate = options.plan.rate_per_s;
    eprintln!("Both while {stopped} is stopped …");
    ours.stop_service(stopped)?;
    let share = |record: &ServiceRecord| good(record) as f64 / record.offered.max(1) as f64;
    let seed = options.plan.seed + 1;
    let one = paired::drive(ours, rate, options.stop_s, seed).map(|record| share(&record));
    let other = paired::drive(theirs, rate, options.stop_s, seed).map(|record| share(&record));
    ours.start_service(stopped)?;
    Ok(Away { stopped: stopped.into(), seconds: options.stop_s, ours: one?, rivals: other? })
}

/// Builds the rival where that is needed and starts it, as Registry's own logins and with the same pool.
fn start(deployment: &Deployment, optimised: bool, stop: &Arc<AtomicBool>) -> Result<Further, Failure> {
    let folder = binaries::folder(&[COMPOSED], optimised, stop, &|news| eprintln!("{news}"))?;
    let setting = |name: &str, value: String| (name.to_owned(), value);
    Further::start(process::Plan {
        name: COMPOSED.name,
        binary: folder.join(COMPOSED.package),
        env: vec![
            setting("DATABASE_READ_URL", deployment.login_url("registry_reader")?),
            setting("DATABASE_WRITE_URL", deployment.login_url("registry_writer")?),
            setting("PROFILE_URL", deployment.url("profile")?.to_owned()),
            setting("ACCOUNT_URL", deployment.url("account")?.to_owned()),
        ],
        log: deployment.home().join("logs/composed.log"),
    })
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
