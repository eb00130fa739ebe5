//! `lab wrong-answers`: what services that call each other answer wrongly, by how long an answer may be used again.
//!
//! All services are under load and each is stopped in turn. Meanwhile an organisation is frozen again and again, another chooses a plan that
//! it just fits, and people are deleted: whatever Registry still grants afterwards is counted, by who asked. What no time to live may
//! change is counted by the audits, in the mailbox and at the payment sandbox: changes told, mails and charges.

mod after;
mod outcome;
mod probes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api_centric::settings::Ttl;
use serde_json::json;

use crate::Failure;
use crate::data::Size;
use crate::experiments::failure::{EDGES_RATE_PER_S, Mix};
use crate::load::driver::{self, Settings};
use crate::load::schedule::EDGES;
use crate::measure::plan::begin;
use crate::result::Measured;
use crate::system::{Architecture, Deployment, Engines, Layout, services};
pub use outcome::{Count, Row, WrongAnswers};
use probes::{Deletion, Downgrade, Freeze, count};

/// Beyond the time to live an answer may be wrong for as long as its owner is away, and a little more.
const SLACK: Duration = Duration::from_secs(10);

/// What is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// On how many servers the databases are.
    pub engines: Engines,
    /// How long an answer may be used again, seconds: one system for each.
    pub ttls_s: Vec<u64>,
    /// Of so many rows.
    pub size: Size,
    /// Seconds that each service is stopped, and as many before that in which all is well.
    pub seconds: u64,
    /// Requests per second of all services together; none: the usual ones.
    pub rate_per_s: Option<f64>,
    /// Seed of data and requests.
    pub seed: u64,
    /// Services built for load.
    pub optimised: bool,
}

/// One system after the other.
///
/// # Errors
/// When something can't be started, stopped or asked.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<Measured<WrongAnswers>, Failure> {
    let mix = Mix::of(EDGES, options.rate_per_s.unwrap_or(EDGES_RATE_PER_S))?;
    let mut head = None;
    let mut rows = Vec::new();
    for ttl_s in &options.ttls_s {
        let layout = Layout {
            architecture: Architecture::ApiCentric,
            engines: options.engines,
            cache_ttl: Ttl::of_all(Duration::from_secs(*ttl_s)),
            ..Layout::default()
        };
        let deployment = Deployment::filled_as(layout, options.size, options.seed, options.optimised, stop)?;
        let plan = json!({
            "engines": options.engines.count(),
            "seconds": options.seconds,
            "ratePerS": mix.rate_per_s(),
            "seed": options.seed,
        });
        if head.is_none() {
            head = Some(begin(&deployment, plan)?);
        }
        eprintln!("Answers may be used again for {ttl_s} s: each service is stopped for {} s …", options.seconds);
        rows.push(one(&deployment, *ttl_s, (&mix, options), stop)?);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    let head = head.ok_or_else(|| Failure::usage("No time to live is given."))?;
    Ok(head.with(WrongAnswers { rows }))
}

/// Everybody under load, each service stopped in turn, and meanwhile what may be answered wrongly is asked.
pub(crate) fn one(
    deployment: &Deployment,
    ttl_s: u64,
    (mix, options): (&Mix, &Options),
    stop: &AtomicBool,
) -> Result<Row, Failure> {
    let seconds = Duration::from_secs(options.seconds);
    let long = seconds * 2 * services::names().count() as u32;
    let loads = mix.loads(deployment, long, options.seed)?;
    let patience = Duration::from_secs(ttl_s) + seconds + SLACK;
    let over = AtomicBool::new(false);
    let (mut freeze, mut downgrade, mut deletion) =
        (Freeze::new(deployment)?, Downgrade::new(deployment)?, Deletion::new(deployment)?);
    let cards = after::Month::prepare(deployment)?;
    let found = std::thread::scope(|scope| {
        let driving = driver::start(loads, Settings::default());
        let counts = [
            scope.spawn(|| count(&mut freeze, patience, &over)),
            scope.spawn(|| count(&mut downgrade, patience, &over)),
            scope.spawn(|| count(&mut deletion, patience, &over)),
        ];
        let ordered = scope.spawn(|| cards.order(deployment, &over));
        let stopped = services::names().take_while(|_| !stop.load(Ordering::Relaxed)).try_for_each(|name| {
            std::thread::sleep(seconds);
            deployment.stop_service(name)?;
            std::thread::sleep(seconds);
            deployment.start_service(name)
        });
        over.store(true, Ordering::Relaxed);
        let early = |_| Failure::could_not_run("A thread of the experiment ended early.");
        let counts = counts.map(|thread| thread.join().map_err(early)?);
        ordered.join().map_err(early)??;
        stopped?;
        // Interrupted: nobody needs the rest of the load.
        if !stop.load(Ordering::Relaxed) {
            driving.finish()?;
        }
        Ok::<_, Failure>(counts)
    })?;
    let [frozen, above_plan, gone] = found;
    after::row(deployment, &cards, ttl_s, [frozen?, above_plan?, gone?])
}
