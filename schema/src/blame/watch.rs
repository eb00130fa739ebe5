//! Watching for a while: the lock loop and two ledgers, by role and by application, for `dba blame`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::Rng as _;
use serde::Serialize;

use super::graph::{Cause, Sample};
use super::ledger::{Entry, Ledger};
use super::sample::{Sampler, Statement};
use crate::error::{Doing, Result};
use crate::session::{address, connect};

/// Mean gap between two samples.
const GAP_MS: u64 = 20;

/// The result.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Watched {
    /// Of this JSON.
    pub version: u32,
    /// How long.
    pub seconds: f64,
    /// How often.
    pub samples: u64,
    /// Waits by role, longest first.
    pub by_role: Vec<Entry>,
    /// The same by `application_name`.
    pub by_application: Vec<Entry>,
    /// Estimated waits too short to be seen from their start.
    pub short_waits_seconds: f64,
    /// What the root blockers were running when they were last seen, where visible.
    pub statements: Vec<Statement>,
    /// Percent of a core that watching cost: this process, and its backend where it is on this machine.
    pub own_cost_percent: f64,
    /// What could not be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blind: Option<String>,
}

/// One wait that goes on now.
#[derive(Debug, Clone)]
pub struct Now {
    /// Who waits, role and application.
    pub waiting: (String, String),
    /// The direct blocker.
    pub direct: (String, String),
    /// The root blocker.
    pub root: (String, String),
    /// The cause, as in [`Entry`].
    pub cause: String,
    /// Since how many seconds.
    pub seconds: f64,
}

/// Watches until `stop` returns true, or `time` has passed. `live` gets, once a second, the waits of that moment.
///
/// # Errors
/// Where the database can't be asked.
pub fn watch(url: &str, time: Duration, mut live: impl FnMut(&[Now]), stop: impl Fn() -> bool) -> Result<Watched> {
    let mut client = connect(&address(url)?, |_| {}).doing("connecting")?;
    let sees: bool = client
        .query_one("select pg_catalog.pg_has_role('pg_monitor', 'usage') or (select rolsuper from pg_catalog.pg_roles where rolname = current_user)", &[])
        .doing("asking what may be seen")?
        .get(0);
    let mut sampler = Sampler::new(client)?;
    let pid = sampler.own_pid()?;
    let (started, cost) = (Instant::now(), cpu_s(pid));
    let (mut roles, mut applications) = (Ledger::new(), Ledger::new());
    let mut statements = BTreeMap::new();
    let mut told = Instant::now();
    while started.elapsed() < time && !stop() {
        let sample = sampler.sample()?;
        roles.observe(&sample, &sampler);
        applications.observe(&sample, &names(&sampler));
        if told.elapsed() >= Duration::from_secs(1) {
            told = Instant::now();
            let now = now(&sample, &sampler);
            live(&now);
            if !now.is_empty() {
                let pids = sample.waiters.keys().flat_map(|pid| sample.roots(*pid)).collect::<Vec<_>>();
                for (pid, statement) in sampler.statements(&pids)? {
                    // An idle session may have released its lock since the sample: its statement seen before is more useful. It counts
                    // if there is no other, because a session can hold advisory locks while idle.
                    if statement.state == "idle" {
                        statements.entry(pid).or_insert(statement);
                    } else {
                        statements.insert(pid, statement);
                    }
                }
            }
        }
        // Jittered, so that it doesn't resonate with a load of fixed rate.
        std::thread::sleep(Duration::from_millis(rand::rng().random_range(GAP_MS / 2..=GAP_MS * 3 / 2)));
    }
    let seconds = started.elapsed().as_secs_f64();
    roles.finish();
    applications.finish();
    Ok(Watched {
        version: 1,
        seconds,
        samples: roles.samples(),
        by_role: roles.entries(),
        by_application: applications.entries(),
        short_waits_seconds: roles.short_wait_remainder_s(),
        statements: statements.into_values().collect::<std::collections::BTreeSet<_>>().into_iter().collect(),
        own_cost_percent: (cpu_s(pid) - cost) / seconds.max(0.001) * 100.0,
        blind: (!sees).then(|| {
            "this login is not a member of pg_monitor: of other roles it sees neither statements nor when a wait began"
                .to_owned()
        }),
    })
}

/// Processes by application; those without one by their role.
fn names(sampler: &Sampler) -> BTreeMap<i32, String> {
    let named = sampler.backends().iter().map(|(pid, backend)| {
        let name =
            if backend.application.is_empty() { format!("({})", backend.role) } else { backend.application.clone() };
        (*pid, name)
    });
    named.collect()
}

fn now(sample: &Sample, sampler: &Sampler) -> Vec<Now> {
    let who = |pid: i32| {
        sampler.backends().get(&pid).map_or_else(
            || (format!("pid {pid}"), String::new()),
            |backend| (backend.role.clone(), backend.application.clone()),
        )
    };
    let waiting = sample.waiters.values().filter(|waiter| !waiter.blockers.is_empty());
    let lines = waiting.map(|waiter| Now {
        waiting: who(waiter.pid),
        direct: who(waiter.blockers[0]),
        root: sample.roots(waiter.pid).first().map_or_else(Default::default, |pid| who(*pid)),
        cause: cause(sample.cause(waiter)),
        seconds: waiter.wait_start_us.map_or(0.0, |start| (sample.at_us - start) as f64 / 1e6),
    });
    lines.collect()
}

/// A cause as JSON names it.
#[must_use]
pub fn cause(cause: Cause) -> String {
    serde_json::to_value(cause).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Processor seconds of this process and of its backend.
fn cpu_s(backend: i32) -> f64 {
    let of = |path: String| -> f64 {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let Some((_, rest)) = text.rsplit_once(')') else {
            return 0.0;
        };
        let ticks = |at: usize| {
            rest.split_ascii_whitespace().nth(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default()
        };
        (ticks(11) + ticks(12)) / 100.0
    };
    let process = of("/proc/self/stat".to_owned());
    // The process id of another machine may belong to any process here.
    let path = format!("/proc/{backend}/stat");
    let ours = std::fs::read_to_string(&path).is_ok_and(|text| text.contains("(postgres)"));
    process + if ours { of(path) } else { 0.0 }
}
