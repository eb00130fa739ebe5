//! The state loop: who is active and what for, every 100 ms, and the processor time of each party.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use postgres::{Client, Row};

use super::apportion::Apportioned;
use super::cpu::{CpuTimes, backend_cpu_s, busy_s, schedstat, thread_cpu_s, threads};
use super::service_of;
use crate::Failure;
use crate::dataset::{connect, failed};

const GAP: Duration = Duration::from_millis(100);
/// How long a window of the timeline and of apportioning is.
const WINDOW: Duration = Duration::from_secs(1);

/// Postgres's own processes, together.
pub const BACKGROUND: &str = "background";
/// This process.
pub const DRIVER: &str = "driver";
/// Everything on the machine that is none of ours.
pub const FOREIGN: &str = "others";

const BACKENDS: &str = "
    select a.pid, a.usename::text as role, a.backend_type = 'client backend' as client,
        coalesce(a.state = 'active', false) as active, coalesce(a.wait_event_type, 'CPU') as class
    from pg_catalog.pg_stat_activity a
    where a.pid <> pg_catalog.pg_backend_pid() and a.application_name <> 'govrnanza-observer'";

/// Mean number of active sessions, by service and wait class.
pub type Activity = BTreeMap<String, BTreeMap<String, f64>>;

/// What the loop saw.
#[derive(Default)]
pub struct States {
    /// Over the whole cell.
    pub activity: Activity,
    /// Second by second.
    pub timeline: Vec<Activity>,
    /// Backends' processor times by service.
    pub backends: BTreeMap<String, CpuTimes>,
    /// The services' own processes' processor times.
    pub processes: BTreeMap<String, CpuTimes>,
    /// Who waited for a processor because of whom.
    pub apportioned: Apportioned,
    /// What the loop's thread cost, and what its backend did.
    pub cost: (f64, f64),
}

/// The running loop.
pub struct StateLoop {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<States, Failure>>,
}

impl StateLoop {
    /// `processes` are the services' names and process ids.
    pub fn start(database_url: &str, processes: &[(String, u32)]) -> Result<Self, Failure> {
        let client = connect(database_url)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, processes) = (Arc::clone(&stop), processes.to_vec());
        let thread = std::thread::Builder::new()
            .name("lab-state".into())
            .spawn(move || watch(client, &processes, &stopped))
            .map_err(|error| {
                Failure::could_not_run(format!("The state loop can't start: {error}."))
            })?;
        Ok(Self { stop, thread })
    }

    /// Stops and hands over what was seen.
    pub fn finish(self) -> Result<States, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| Failure::could_not_run("The state loop ended early."))?
    }
}

fn watch(
    mut client: Client,
    processes: &[(String, u32)],
    stop: &AtomicBool,
) -> Result<States, Failure> {
    let lost = |error| failed("watching the sessions", &error);
    let statement = client.prepare(BACKENDS).map_err(lost)?;
    let own: i32 = client
        .query_one("select pg_catalog.pg_backend_pid()", &[])
        .map_err(lost)?
        .get(0);
    let before = backend_cpu_s(own);
    let mut states = States::default();
    let mut whole = Counts::default();
    let mut window = Counts::default();
    let mut backends: BTreeMap<i32, Times> = BTreeMap::new();
    let mut meter = Meter::start(processes);
    let mut window_began = Instant::now();
    loop {
        // The flag is read first, so that the last sample lies behind the cell's end.
        let last = stop.load(Ordering::Relaxed);
        let rows = client.query(&statement, &[]).map_err(lost)?;
        for counts in [&mut whole, &mut window] {
            counts.add(&rows);
        }
        rows.iter().for_each(|row| follow(row, &mut backends));
        if last || window_began.elapsed() >= WINDOW {
            states.timeline.push(std::mem::take(&mut window).mean());
            meter.window(&mut backends, &mut states);
            window_began = Instant::now();
        }
        if last {
            break;
        }
        std::thread::sleep(GAP);
    }
    states.activity = whole.mean();
    states.cost = (thread_cpu_s(), backend_cpu_s(own) - before);
    Ok(states)
}

/// Active sessions counted.
#[derive(Default)]
struct Counts {
    samples: u64,
    sums: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Counts {
    fn add(&mut self, rows: &[Row]) {
        self.samples += 1;
        for row in rows
            .iter()
            .filter(|row| row.get("client") && row.get("active"))
        {
            let classes = self.sums.entry(party(row)).or_default();
            *classes.entry(row.get("class")).or_default() += 1;
        }
    }

    fn mean(self) -> Activity {
        let samples = self.samples.max(1) as f64;
        let of = |classes: BTreeMap<String, u64>| {
            let mean = |(class, count)| (class, count as f64 / samples);
            classes.into_iter().map(mean).collect()
        };
        self.sums
            .into_iter()
            .map(|(service, classes)| (service, of(classes)))
            .collect()
    }
}

/// A backend's processor times at the window's start and now.
struct Times {
    party: String,
    before: CpuTimes,
    now: CpuTimes,
}

fn party(row: &Row) -> String {
    let role: Option<String> = row.get("role");
    role.filter(|_| row.get("client")).map_or_else(
        || BACKGROUND.to_owned(),
        |role| service_of(&role).to_owned(),
    )
}

fn follow(row: &Row, backends: &mut BTreeMap<i32, Times>) {
    let pid: i32 = row.get("pid");
    if let Some(now) = schedstat(pid) {
        let first = || Times {
            party: party(row),
            before: now,
            now,
        };
        backends.entry(pid).or_insert_with(first).now = now;
    }
}

/// What everybody used, window by window.
struct Meter {
    processes: Vec<(String, u32, CpuTimes)>,
    own_s: CpuTimes,
    busy_s: f64,
}

impl Meter {
    fn start(processes: &[(String, u32)]) -> Self {
        Self {
            processes: processes
                .iter()
                .map(|(name, pid)| (name.clone(), *pid, threads(*pid)))
                .collect(),
            own_s: threads(std::process::id()),
            busy_s: busy_s(),
        }
    }

    /// Ends a window: adds it up, blames, begins the next one.
    fn window(&mut self, backends: &mut BTreeMap<i32, Times>, states: &mut States) {
        let mut parties: BTreeMap<String, CpuTimes> = BTreeMap::new();
        for one in backends.values_mut() {
            let used = minus(one.now, one.before);
            one.before = one.now;
            add(parties.entry(one.party.clone()).or_default(), used);
            add(states.backends.entry(one.party.clone()).or_default(), used);
        }
        for (name, pid, before) in &mut self.processes {
            let now = threads(*pid);
            let used = minus(now, *before);
            *before = now;
            add(parties.entry(name.clone()).or_default(), used);
            add(states.processes.entry(name.clone()).or_default(), used);
        }
        let own = threads(std::process::id());
        let used = minus(own, self.own_s);
        self.own_s = own;
        parties.insert(DRIVER.into(), used);
        let busy = busy_s();
        let known: f64 = parties.values().map(|(cpu, _)| cpu).sum();
        parties.insert(FOREIGN.into(), ((busy - self.busy_s - known).max(0.0), 0.0));
        self.busy_s = busy;
        states.apportioned.window(&parties);
    }
}

/// Threads that ended in between took their times with them, so a difference may be below 0.
fn minus(now: CpuTimes, before: CpuTimes) -> CpuTimes {
    ((now.0 - before.0).max(0.0), (now.1 - before.1).max(0.0))
}

fn add(sum: &mut CpuTimes, times: CpuTimes) {
    sum.0 += times.0;
    sum.1 += times.1;
}
