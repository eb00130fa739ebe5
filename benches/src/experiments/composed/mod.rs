//! `lab composed`: is the API-centric architecture built as well as it can be? Its read of one API compared with the same read as three calls
//! written by hand, at the same absolute rate on the same machine and data; and both with the one statement.

mod spans;
mod turns;
mod waterfall;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::data::{Organisation, Size};
use crate::experiments::paired::{Comparison, Plan, Redirected, evaluate};
use crate::measure::plan::begin;
use crate::result::{Measured, Table};
use crate::system::process::{self, Further};
use crate::system::services::{Kind, Service};
use crate::system::{Architecture, Deployment, Layout, Site, agent, binaries};
pub use spans::{Span, SpanKind, Waterfall};
use turns::{Arm, Paused, in_turn};

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// The three calls, compared with the one statement.
    pub comparison: Comparison,
    /// The API-centric architecture, with a time to live of 0, in the same turns: compared with the three calls, and with ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_centric: Vec<Comparison>,
    /// One read taken apart, in each architecture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waterfalls: Vec<Waterfall>,
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

/// What its general layer may cost the API-centric architecture: so many times the three calls by hand, in the median and the p95.
const AT_MOST: f64 = 1.15;

/// Starts everything, the composed Registry and the API-centric architecture, and drives all three in turn.
///
/// # Errors
/// When something can't be built, started or asked.
pub fn composed(plan: Plan, optimised: bool, stop: &Arc<AtomicBool>) -> Result<Measured<Outcome, Plan>, Failure> {
    let deployment = Deployment::filled(Size::SMALL, plan.seed, optimised, stop)?;
    let head = begin(&deployment, plan)?;
    let rival = start(&deployment, optimised, stop)?;
    let theirs = Redirected { site: &deployment, service: "registry", url: rival.url() };
    // The same rows, for they are made of the same seed.
    let api_centric = Layout { architecture: Architecture::ApiCentric, ..Layout::default() };
    let five = Deployment::filled_as(api_centric, Size::SMALL, plan.seed, optimised, stop)?;
    alike(&deployment, &theirs)?;
    alike(&deployment, &five)?;
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
    // Last, for services that log so much are started anew.
    let waterfalls = vec![
        while_paused(&all_five, || waterfall::of("Shared database", &deployment, plan))?,
        while_paused(&ids(&deployment), || waterfall::of(WHOLE, &five, plan))?,
    ];
    Ok(head.with(Outcome { comparison, api_centric: vec![of_calls, of_ours], waterfalls }))
}

fn ids(of: &Deployment) -> Vec<u32> {
    of.processes().into_iter().map(|(_, id)| id).collect()
}

fn while_paused<T>(ids: &[u32], work: impl FnOnce() -> T) -> T {
    let _paused = Paused::all(ids);
    work()
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
        agent()
            .get(&url)
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
        let mut tables: Vec<Table> = std::iter::once(&self.comparison)
            .chain(&self.api_centric)
            .map(|comparison| comparison.table(plan))
            .collect();
        if let Some((of_calls, table)) = self.api_centric.first().zip(tables.get_mut(1)) {
            let ratios = of_calls.ratios.iter().filter(|ratio| ["p50", "p95"].contains(&ratio.metric.as_str()));
            let kept = ratios.filter_map(|ratio| ratio.estimate).all(|estimate| estimate.ratio <= AT_MOST);
            let verdict = if kept { "it is no more" } else { "it is more" };
            table.notes.push(format!("Its general layer may cost ×{AT_MOST} in the median and the p95: {verdict}."));
        }
        tables.extend(self.waterfalls.iter().map(Waterfall::table));
        tables
    }
}
