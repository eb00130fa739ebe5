//! The state loop: who is active and what for, every 100 ms, and the processor time of each role's backends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use postgres::Client;

use super::cpu::{backend_cpu_s, schedstat, thread_cpu_s};
use super::service_of;
use crate::Failure;
use crate::dataset::{connect, failed};

const GAP: Duration = Duration::from_millis(100);

const BACKENDS: &str = "
    select a.pid, a.usename::text as role, coalesce(a.state = 'active', false) as active,
        coalesce(a.wait_event_type, 'CPU') as class
    from pg_catalog.pg_stat_activity a
    where a.backend_type = 'client backend' and a.pid <> pg_catalog.pg_backend_pid()
        and a.application_name <> 'govrnanza-observer'";

/// Mean number of active sessions, by service and wait class.
type Activity = BTreeMap<String, BTreeMap<String, f64>>;
/// (on a processor, ready and waiting for one) in seconds, by service.
type Cpu = BTreeMap<String, (f64, f64)>;

type Outcome = Result<(Activity, Cpu, f64), Failure>;

/// The running loop.
pub struct StateLoop {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome>,
}

impl StateLoop {
    pub fn start(database_url: &str) -> Result<Self, Failure> {
        let client = connect(database_url)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("lab-state".into())
            .spawn(move || watch(client, &stopped))
            .map_err(|error| {
                Failure::could_not_run(format!("The state loop can't start: {error}."))
            })?;
        Ok(Self { stop, thread })
    }

    pub fn finish(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| Failure::could_not_run("The state loop ended early."))?
    }
}

/// A backend's processor times, when first and last seen.
struct Times {
    service: String,
    first: (f64, f64),
    last: (f64, f64),
}

fn watch(mut client: Client, stop: &AtomicBool) -> Outcome {
    let lost = |error| failed("watching the sessions", &error);
    let statement = client.prepare(BACKENDS).map_err(lost)?;
    let own: i32 = client
        .query_one("select pg_catalog.pg_backend_pid()", &[])
        .map_err(lost)?
        .get(0);
    let before = backend_cpu_s(own);
    let mut sums: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut times: BTreeMap<i32, Times> = BTreeMap::new();
    let mut samples = 0_u64;
    loop {
        // The flag is read first, so that the last sample lies behind the cell's end.
        let last = stop.load(Ordering::Relaxed);
        samples += 1;
        for row in client.query(&statement, &[]).map_err(lost)? {
            let (pid, role): (i32, String) = (row.get("pid"), row.get("role"));
            let service = service_of(&role).to_owned();
            if row.get("active") {
                *sums
                    .entry(service.clone())
                    .or_default()
                    .entry(row.get("class"))
                    .or_default() += 1;
            }
            if let Some(now) = schedstat(pid) {
                times
                    .entry(pid)
                    .or_insert(Times {
                        service,
                        first: now,
                        last: now,
                    })
                    .last = now;
            }
        }
        if last {
            break;
        }
        std::thread::sleep(GAP);
    }
    let mut cpu = Cpu::new();
    for one in times.into_values() {
        let sum = cpu.entry(one.service).or_default();
        sum.0 += one.last.0 - one.first.0;
        sum.1 += one.last.1 - one.first.1;
    }
    let mean = |count: u64| count as f64 / samples as f64;
    let activity = sums
        .into_iter()
        .map(|(service, classes)| {
            (
                service,
                classes
                    .into_iter()
                    .map(|(class, count)| (class, mean(count)))
                    .collect(),
            )
        })
        .collect();
    Ok((activity, cpu, thread_cpu_s() + backend_cpu_s(own) - before))
}
