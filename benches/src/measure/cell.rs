//! One cell: drive, watch, drain, judge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::data::{connect, failed};
use crate::design::Cell;
use crate::load::driver::{self, Answered, Load, ServiceRecord, Settings};
use crate::load::operations::calls;
use crate::load::schedule::{Workload, hash, poisson};
use crate::measure::bystander::Bystander;
use crate::measure::plan::{Options, endpoint_names, schedule_seed, skew};
use crate::observe::{CpuClock, Observer};
use crate::result::{CellResult, ResultFile, ServiceInfo, ServiceResult};
use crate::system::{Deployment, Site};

/// The driver's own lateness above which a cell is doubted.
const LAG_P99_MAX_US: u64 = 1000;
/// Foreign use of the machine above which a cell is doubted, share of one core.
const FOREIGN_MAX: f64 = 0.05;
/// Stolen by the hypervisor above which a cell is doubted, share of one core.
const STOLEN_MAX: f64 = 0.01;
/// The observers' cost above which a cell is doubted, share of one core.
const OBSERVER_MAX: f64 = 0.05;
/// How long a cell may take to come to rest.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Runs one cell and adds nothing to the result but, once, the workload's hash. Doubts are noted, never hidden.
pub fn run(
    deployment: &mut Deployment,
    result: &mut ResultFile,
    workload: &Workload,
    cell: &Cell,
    (replicate, order): (usize, usize),
    options: &Options,
) -> Result<(CellResult, Instant), Failure> {
    let names: Vec<String> = result.services.iter().map(|service| service.name.clone()).collect();
    let members: Vec<ServiceInfo> = result
        .services
        .iter()
        .filter(|service| cell.members(&names).contains(&service.name.as_str()))
        .cloned()
        .collect();
    let seed = schedule_seed(options.seed, replicate, cell);
    let settings = Settings { settle: options.preset.settle(), ..Settings::default() };
    let duration = settings.settle + options.preset.measure();
    let loads = loads(deployment, workload, &members, duration, seed)?;
    if matches!(cell, Cell::All) && replicate == 0 {
        result.run.workload_hash = hash(loads.iter().map(|load| load.arrivals.as_slice()));
    }
    let rested = rest(deployment)?;
    let started = Instant::now();
    let processes = deployment.processes();
    let watched = !matches!(cell, Cell::Unwatched { .. });
    // Its table is made before anybody watches, and dropped after.
    let bystander = Bystander::start(deployment.database_url()?, duration)?;
    let observer = if watched {
        Observer::start(deployment.database_url()?, &processes)?
    } else {
        Observer::blind(deployment.database_url()?)?
    };
    let clock = CpuClock::start(&processes);
    let records = driver::run(&loads, settings).map_err(|error| Failure::could_not_run(format!("{error}.")))?;
    let machine = clock.read();
    let seen = observer.finish()?;
    let bystander = bystander.finish()?;
    let postgres: f64 = seen.roles.values().map(|role| role.cpu_s).sum::<f64>() / machine.seconds;
    let watching_s = seen.observer_threads_s + seen.observer_backends_s;
    let observer_cpu = watching_s / machine.seconds;
    // The observing threads are part of this process already.
    let known = machine.services + machine.own + postgres + seen.observer_backends_s / machine.seconds;
    let foreign_cpu = (machine.busy - known).max(0.0);
    let mut doubts = doubts(&records);
    let mut doubt = |yes: bool, why: String| {
        if yes {
            doubts.push(why)
        }
    };
    doubt(!rested, "the system had not come to rest before".into());
    // What Postgres uses isn't known where nobody watches, so neither is what others use.
    doubt(watched && foreign_cpu > FOREIGN_MAX, format!("{:.0} % of a core was used by others", foreign_cpu * 100.0));
    doubt(machine.stolen > STOLEN_MAX, format!("{:.0} % of a core was stolen", machine.stolen * 100.0));
    doubt(observer_cpu > OBSERVER_MAX, format!("watching took {:.1} % of a core", observer_cpu * 100.0));
    let cell = CellResult {
        cell: cell.clone(),
        replicate,
        order,
        started_s: 0.0,
        valid: true,
        doubts,
        services: records.iter().map(ServiceResult::new).collect(),
        roles: seen.roles,
        ledger: seen.ledger,
        observer_cpu,
        driver_cpu: machine.own - seen.observer_threads_s / machine.seconds,
        foreign_cpu,
        bystander: Some(bystander.encode()),
    };
    Ok((cell, started))
}

/// The members' schedules, the same in every cell of a replicate.
pub(crate) fn loads(
    site: &dyn Site,
    workload: &Workload,
    members: &[ServiceInfo],
    duration: Duration,
    seed: u64,
) -> Result<Vec<Load>, Failure> {
    let skew = skew(site);
    members
        .iter()
        .filter_map(|member| Some((member, workload.services.get(&member.name)?)))
        .map(|(member, of)| {
            let endpoints = endpoint_names(workload, &member.name);
            let arrivals = poisson(of, &member.name, member.rate_per_s, duration.as_nanos() as u64, &skew, seed);
            let url = site.url(&member.name)?;
            Ok(Load {
                service: member.name.clone(),
                call: calls(&member.name, url, &endpoints, site.data(), site.written(), site.salt())?,
                answered: Some(answered(site)),
                endpoints,
                arrivals: Arc::new(arrivals),
            })
        })
        .collect()
}

fn answered(site: &dyn Site) -> Answered {
    let written = Arc::clone(site.written());
    Arc::new(move |answer| written.answered(answer))
}

pub(crate) fn doubts(records: &[ServiceRecord]) -> Vec<String> {
    let late = records.iter().filter_map(|record| {
        let p99 = record.lag_summary().p99_us;
        (p99 > LAG_P99_MAX_US)
            .then(|| format!("the driver sent {}'s requests late: p99 {:.1} ms", record.service, p99 as f64 / 1000.0))
    });
    late.collect()
}

/// Waits until no other session works and no autovacuum runs; false when that took too long.
fn rest(deployment: &Deployment) -> Result<bool, Failure> {
    let mut client = connect(deployment.database_url()?)?;
    let busy = "select count(*) from pg_catalog.pg_stat_activity where pid <> pg_catalog.pg_backend_pid()
        and (backend_type = 'autovacuum worker' or backend_type = 'client backend' and state <> 'idle')";
    let deadline = Instant::now() + DRAIN_MAX;
    loop {
        let count: i64 = client.query_one(busy, &[]).map_err(|error| failed("waiting for rest", &error))?.get(0);
        if count == 0 {
            return Ok(true);
        }
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
