//! `lab composed`: the same read by other architectures, at the same absolute rate on the same machine and data.

mod target;
mod turns;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::data::{Organisation, Size};
use crate::experiments::paired::{self, Comparison, Plan, Redirected, evaluate, good};
use crate::load::driver::ServiceRecord;
use crate::measure::plan::begin;
use crate::result::text::capital;
use crate::result::{Measured, Table};
use crate::system::process::{self, Further};
use crate::system::services::{Kind, Service};
use crate::system::{Architecture, Deployment, Layout, Site, binaries};
pub use target::{AsTarget, as_target};
use turns::{Arm, Paused, in_turn};

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
    /// The API-centric architecture, with a time to live of 0, in the same turns: compared with the three calls, and with ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_centric: Vec<Comparison>,
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
const COMPOSED: Service =
    Service { name: "composed", package: "composed", args: &[], port: 0, kind: Kind::StandIn, wave: 0, env: &[] };

/// Our name in the comparison, the rival's, and the whole architecture's.
const OURS: &str = "one statement";
const THEIRS: &str = "three calls";
const WHOLE: &str = "API-centric";

/// How long each is driven before anything counts.
const WARM_S: u64 = 3;

/// Starts everything, the composed Registry and the API-centric architecture, drives all three in turn, then the first two while Profile and Account are stopped.
///
/// # Errors
/// When something can't be built, started or asked.
pub fn composed(options: &Options, stop: &Arc<AtomicBool>) -> Result<Measured<Outcome, Plan>, Failure> {
    let plan = options.plan;
    let deployment = Deployment::filled(Size::SMALL, plan.seed, options.optimised, stop)?;
    let head = begin(&deployment, plan)?;
    let rival = start(&deployment, options.optimised, stop)?;
    let theirs = Redirected { site: &deployment, service: "registry", url: rival.url() };
    // The same rows, for they are made of the same seed.
    let api_centric = Layout { architecture: Architecture::ApiCentric, ..Layout::default() };
    let five = Deployment::filled_as(api_centric, Size::SMALL, plan.seed, options.optimised, stop)?;
    alike(&deployment, &theirs)?;
    alike(&deployment, &five)?;
    let ids = |of: &Deployment| of.processes().into_iter().map(|(_, id)| id).collect::<Vec<u32>>();
    let (mut others, all_five) = (ids(&deployment), ids(&five));
    others.push(rival.id());
    let arms = [
        Arm { name: OURS, site: &deployment, paused: &all_five },
        Arm { name: THEIRS, site: &theirs, paused: &all_five },
        Arm { name: WHOLE, site: &five, paused: &others },
    ];
    // All warm before anything counts: connections, caches, plans.
    for arm in &arms {
        arm.drive(plan.rate_per_s, WARM_S, plan.seed)?;
    }
    let records = in_turn(plan, &arms)?;
    let [ours, rivals, whole] = [0, 1, 2].map(|arm| (arms[arm].name, &records[arm][..]));
    let [comparison, of_calls, of_ours] = [(ours, rivals), (rivals, whole), (ours, whole)]
        .map(|(one, other)| evaluate([one.0, other.0], [one.1, other.1]));
    let api_centric = vec![of_calls, of_ours];
    let _paused = Paused::all(&all_five);
    let mut away = Vec::new();
    for stopped in ["profile", "account"] {
        if options.stop_s > 0 {
            away.push(without(stopped, options, &deployment, &theirs)?);
        }
    }
    Ok(head.with(Outcome { comparison, api_centric, away }))
}

/// Both answer the same, to the byte, or there is nothing to compare.
fn alike(ours: &Deployment, rival: &dyn Site) -> Result<(), Failure> {
    let first = |site: &dyn Site| {
        let of = site.data().organisations.first().cloned();
        of.ok_or_else(|| Failure::could_not_run("The data set has no organisation."))
    };
    let ask = |site: &dyn Site, of: &Organisation, api| {
        let url = format!("{}/api/v1/organisations/{}/apis/{api}", site.url("registry")?, of.id);
        let token = of.token.to_str().unwrap_or_default();
        ureq::get(&url)
            .header("authorization", token)
            .call()
            .and_then(|mut answer| answer.body_mut().read_json::<serde_json::Value>())
            .map_err(|error| Failure::could_not_run(format!("{url}: {error}.")))
    };
    let (here, there) = (first(ours)?, first(rival)?);
    for api in here.apis.iter().take(20) {
        let (ours, theirs) = (ask(ours, &here, api)?, ask(rival, &there, api)?);
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
        args: Vec::new(),
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
        let more = self.api_centric.iter().map(|comparison| comparison.table(plan));
        let mut table = self.comparison.table(plan);
        table.notes.extend(self.away.iter().map(|away| {
            let [ours, theirs] = [away.ours, away.rivals].map(|share| share * 100.0);
            format!(
                "While {} is stopped for {} s: {OURS} {ours:.2} % good answers, {THEIRS} {theirs:.2} %.",
                capital(&away.stopped),
                away.seconds
            )
        }));
        std::iter::once(table).chain(more).collect()
    }
}
