//! One cell: drive, observe, drain, warn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::data::{connect_to_ask, failed};
use crate::design::Cell;
use crate::load::driver::{self, Answered, Load, ServiceRecord, Settings};
use crate::load::operations::calls;
use crate::load::schedule::{Workload, hash, poisson};
use crate::measure::control_workload::ControlWorkload;
use crate::measure::plan::{Options, endpoint_names, schedule_seed, skew};
use crate::observe::{CpuClock, Machine, Observer, Seen, Watch};
use crate::result::{CellResult, ResultFile, ServiceInfo, ServiceResult, Warning};
use crate::system::{Deployment, Site};

/// The driver's own lateness above which a measurement is suspect.
const LAG_P99_MAX_US: u64 = 1000;
/// Foreign use of the machine above which a measurement is suspect, share of one core.
const FOREIGN_MAX: f64 = 0.05;
/// Stolen by the hypervisor above which a measurement is suspect, share of one core.
const STOLEN_MAX: f64 = 0.01;
/// The observers' cost above which a measurement is suspect, share of one core.
const OBSERVER_MAX: f64 = 0.05;
/// How long a cell may take to come to rest.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long a cell runs, and which arrivals it gets.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Of the whole run; each replicate has its own.
    pub seed: u64,
    /// Unmeasured at first.
    pub settle: Duration,
    /// Measured.
    pub measure: Duration,
}

impl From<&Options> for Times {
    fn from(of: &Options) -> Self {
        Self { seed: of.seed, settle: of.preset.settle(), measure: of.preset.measure() }
    }
}

/// Runs one cell and adds nothing to the result but, once, the workload's hash. Warnings are noted, never hidden.
pub fn run(
    deployment: &mut Deployment,
    result: &mut ResultFile,
    workload: &Workload,
    cell: &Cell,
    (replicate, order): (usize, usize),
    times: Times,
) -> Result<(CellResult, Instant), Failure> {
    let members = result.members(cell);
    let seed = schedule_seed(times.seed, replicate, cell);
    let settings = Settings { settle: times.settle, ..Settings::default() };
    let duration = settings.settle + times.measure;
    let loads = loads(deployment, workload, &members, duration, seed)?;
    if matches!(cell, Cell::All) && replicate == 0 {
        result.run.workload_hash = hash(loads.iter().map(|load| load.arrivals.as_slice()));
    }
    let rested = rest(deployment.server_url()?, true)?;
    let started = Instant::now();
    let processes = deployment.processes();
    let watched = !matches!(cell, Cell::Unwatched { .. });
    // Its table is made before observing begins, and dropped after it.
    let control = ControlWorkload::start(deployment.server_url()?, duration)?;
    let observer = if watched {
        Observer::start(deployment.server_url()?, &processes)?
    } else {
        Observer::blind(deployment.server_url()?, &Watch::default())?
    };
    let clock = CpuClock::start(&processes);
    let records = driver::run(&loads, settings)?;
    let machine = clock.read();
    let seen = observer.finish()?;
    let control = Some(control.finish()?.encode());
    let taken = Taken {
        cell,
        replicate,
        order,
        records: &records,
        late: driver_late(&records),
        seen,
        machine,
        rested,
        drivers_s: 0.0,
        processors_known: watched,
        control,
    };
    Ok((taken.result(), started))
}

/// What was taken down in a cell, before it is judged.
pub(crate) struct Taken<'a> {
    /// Which.
    pub cell: &'a Cell,
    /// From 0.
    pub replicate: usize,
    /// Place in the replicate.
    pub order: usize,
    /// What became of the requests.
    pub records: &'a [ServiceRecord],
    /// Warnings of the driver.
    pub late: Vec<Warning>,
    /// What was observed in the database.
    pub seen: Seen,
    /// What was used of the machine.
    pub machine: Machine,
    /// Whether nobody worked when it began.
    pub rested: bool,
    /// Processor seconds of drivers that are processes of their own.
    pub drivers_s: f64,
    /// What Postgres uses is unknown where nobody observes, or where it is elsewhere; so is what others use.
    pub processors_known: bool,
    /// Rounds of the control workload.
    pub control: Option<String>,
}

impl Taken<'_> {
    /// With its warnings: they are noted, never hidden.
    pub(crate) fn result(self) -> CellResult {
        let Self { seen, machine, .. } = self;
        let postgres: f64 = seen.roles.values().map(|role| role.cpu_s).sum::<f64>() / machine.seconds;
        let watching_s = seen.observer_threads_s + seen.observer_backends_s;
        let observer_cpu = watching_s / machine.seconds;
        let drivers = self.drivers_s / machine.seconds;
        // The observing threads are part of this process already.
        let known = machine.services + machine.own + drivers + postgres + seen.observer_backends_s / machine.seconds;
        let foreign_cpu = (machine.busy - known).max(0.0);
        let foreign = self.processors_known && foreign_cpu > FOREIGN_MAX;
        let mut warnings = self.late;
        warnings.extend(
            [
                (!self.rested).then_some(Warning::NotAtRest),
                foreign.then_some(Warning::ForeignCpu { share: foreign_cpu }),
                (machine.stolen > STOLEN_MAX).then_some(Warning::Stolen { share: machine.stolen }),
                (observer_cpu > OBSERVER_MAX).then_some(Warning::ObserverCpu { share: observer_cpu }),
            ]
            .into_iter()
            .flatten(),
        );
        CellResult {
            cell: self.cell.clone(),
            replicate: self.replicate,
            order: self.order,
            started_s: 0.0,
            valid: true,
            warnings,
            services: self.records.iter().map(ServiceResult::new).collect(),
            roles: seen.roles,
            ledger: seen.ledger,
            observer_cpu,
            driver_cpu: machine.own + drivers - seen.observer_threads_s / machine.seconds,
            foreign_cpu,
            control_workload: self.control,
        }
    }
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

/// A warning for each service whose requests the driver sent late.
pub(crate) fn driver_late(records: &[ServiceRecord]) -> Vec<Warning> {
    let late = records.iter().filter_map(|record| {
        let p99_us = record.lag_summary().p99_us;
        let service = || record.service.clone();
        (p99_us > LAG_P99_MAX_US).then(|| Warning::DriverLate { service: service(), p99_ms: p99_us as f64 / 1000.0 })
    });
    late.collect()
}

/// Waits until no other session works and no autovacuum runs, in the whole server or in this database alone; false when that took too
/// long.
pub(crate) fn rest(url: &str, everywhere: bool) -> Result<bool, Failure> {
    let mut client = connect_to_ask(url)?;
    let busy = "select count(*) from pg_catalog.pg_stat_activity where pid <> pg_catalog.pg_backend_pid()
        and ($1 or datname = pg_catalog.current_database())
        and (backend_type = 'autovacuum worker' or backend_type = 'client backend' and state <> 'idle')";
    let deadline = Instant::now() + DRAIN_MAX;
    loop {
        let count: i64 =
            client.query_one(busy, &[&everywhere]).map_err(|error| failed("waiting for rest", &error))?.get(0);
        if count == 0 {
            return Ok(true);
        }
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
