//! The state loop: who is active and what for, every 100 ms, and the processor time of each party.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use postgres::{Client, Row};

use super::Watch;
use super::cpu::{backend_cpu_s, thread_cpu_s};
use super::meter::Meter;
use super::states::{Activity, Names, States, party};
use crate::Failure;
use crate::data::{connect_to_ask, failed};

const GAP: Duration = Duration::from_millis(100);
/// How long a window of the timeline and of apportioning is.
const WINDOW: Duration = Duration::from_secs(1);

const BACKENDS: &str = "
    select a.pid, a.usename::text as role, a.backend_type = 'client backend' as client,
        coalesce(a.state = 'active', false) as active,
        case when a.wait_event like 'WAL%' then 'WAL' else coalesce(a.wait_event_type, 'CPU') end as class
    from pg_catalog.pg_stat_activity a
    where a.pid <> pg_catalog.pg_backend_pid() and a.application_name <> 'govrnanza-observer'";

/// The running loop.
pub struct StateLoop {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<States, Failure>>,
}

impl StateLoop {
    /// `processes` are the services' names and process ids.
    pub fn start(database_url: &str, processes: &[(String, u32)], watch: &Watch) -> Result<Self, Failure> {
        let client = connect_to_ask(database_url)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, processes, how) = (Arc::clone(&stop), processes.to_vec(), watch.clone());
        let thread = std::thread::Builder::new()
            .name("lab-state".into())
            .spawn(move || follow(client, &processes, &how, &stopped))
            .map_err(|error| Failure::could_not_run(format!("The state loop can't start: {error}.")))?;
        Ok(Self { stop, thread })
    }

    /// Stops and hands over what was seen.
    pub fn finish(self) -> Result<States, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Failure::could_not_run("The state loop ended early."))?
    }
}

fn follow(
    mut client: Client,
    processes: &[(String, u32)],
    watch: &Watch,
    stop: &AtomicBool,
) -> Result<States, Failure> {
    let names = &watch.names;
    let lost = |error| failed("watching the sessions", &error);
    let statement = client.prepare(BACKENDS).map_err(lost)?;
    let own: i32 = client.query_one("select pg_catalog.pg_backend_pid()", &[]).map_err(lost)?.get(0);
    let before = backend_cpu_s(own);
    let mut states = States::default();
    let mut whole = Counts::default();
    let mut window = Counts::default();
    let mut meter = Meter::start(processes, watch, &mut client)?;
    let mut window_began = Instant::now();
    loop {
        // The flag is read first, so that the last sample lies behind the cell's end.
        let last = stop.load(Ordering::Relaxed);
        let rows = client.query(&statement, &[]).map_err(lost)?;
        for counts in [&mut whole, &mut window] {
            counts.add(&rows, names);
        }
        let ends = last || window_began.elapsed() >= WINDOW;
        for row in &rows {
            meter.follow(row.get("pid"), || party(row, names), ends);
        }
        if ends {
            let sessions = std::mem::take(&mut window).mean();
            meter.window(&sessions, window_began.elapsed(), &mut client, &mut states)?;
            states.timeline.push(sessions);
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
    fn add(&mut self, rows: &[Row], names: &Names) {
        self.samples += 1;
        for row in rows.iter().filter(|row| row.get("client") && row.get("active")) {
            let classes = self.sums.entry(party(row, names)).or_default();
            *classes.entry(row.get("class")).or_default() += 1;
        }
    }

    fn mean(self) -> Activity {
        let samples = self.samples.max(1) as f64;
        let of = |classes: BTreeMap<String, u64>| {
            let mean = |(class, count)| (class, count as f64 / samples);
            classes.into_iter().map(mean).collect()
        };
        self.sums.into_iter().map(|(service, classes)| (service, of(classes))).collect()
    }
}
