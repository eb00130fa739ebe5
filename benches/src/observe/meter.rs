//! What everybody used of processors, buffers and log, window by window, and so whose use made others wait.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use postgres::Client;

use super::Watch;
use super::apportion::ByParty;
use super::cpu::{CpuTimes, busy_s, schedstat, threads};
use super::statements;
use super::states::{Activity, States};
use crate::Failure;
use crate::result::{DRIVER, Resource, RoleCost};

/// Everything on the machine that is none of ours.
pub const FOREIGN: &str = "others";

/// Reads everybody's use at each window's end.
pub struct Meter {
    backends: BTreeMap<i32, Times>,
    processes: Vec<(String, u32, CpuTimes)>,
    own_s: CpuTimes,
    busy_s: f64,
    statements: BTreeMap<String, RoleCost>,
    watch: Watch,
}

/// A backend's processor times at the window's start and now.
struct Times {
    party: String,
    before: CpuTimes,
    now: CpuTimes,
}

impl Meter {
    pub fn start(processes: &[(String, u32)], watch: &Watch, client: &mut Client) -> Result<Self, Failure> {
        Ok(Self {
            backends: BTreeMap::new(),
            processes: processes.iter().map(|(name, pid)| (name.clone(), *pid, threads(*pid))).collect(),
            own_s: threads(std::process::id()),
            busy_s: busy_s(),
            statements: statements::read(client, &watch.names)?,
            watch: watch.clone(),
        })
    }

    /// Notes a backend's times: the first time it is seen, and then when a window ends. Reading all of them with every sample
    /// would be most of what watching costs.
    pub fn follow(&mut self, pid: i32, party: impl FnOnce() -> String, ends: bool) {
        let known = self.backends.get_mut(&pid);
        if known.is_some() && !ends || !self.watch.here {
            return;
        }
        let Some(now) = schedstat(pid) else {
            return;
        };
        match known {
            Some(times) => times.now = now,
            None => {
                let party = party();
                let first = Times { party, before: now, now };
                self.backends.insert(pid, first);
            }
        }
    }

    /// Ends a window: adds it up, blames, begins the next one. `sessions` is the mean number of active ones by wait class.
    pub fn window(
        &mut self,
        sessions: &Activity,
        length: Duration,
        client: &mut Client,
        states: &mut States,
    ) -> Result<(), Failure> {
        let backends = self.backends();
        for (party, used) in &backends {
            add(states.backends.entry(party.clone()).or_default(), *used);
        }
        let parties = self.parties(backends.clone(), states);
        let cpu = |times: &BTreeMap<String, CpuTimes>| -> ByParty {
            let of = |(name, (on, _)): (&String, &CpuTimes)| (name.clone(), *on);
            times.iter().map(of).collect()
        };
        let queued = parties.iter().map(|(name, times)| (name.clone(), times.1));
        let blame = &mut states.apportioned;
        blame.window(Resource::RunQueue, &queued.collect(), &cpu(&parties));
        let waits = |class| waits(sessions, class, length);
        // A lightweight lock is held by a backend, never by a service's own process.
        blame.window(Resource::LightweightLock, &waits("LWLock"), &cpu(&backends));
        let (wal, buffers) = self.statements(client)?;
        blame.window(Resource::Wal, &waits("WAL"), &wal);
        blame.window(Resource::DataIo, &waits("IO"), &buffers);
        Ok(())
    }

    /// What each party's backends used in this window.
    fn backends(&mut self) -> BTreeMap<String, CpuTimes> {
        let mut sums: BTreeMap<String, CpuTimes> = BTreeMap::new();
        for one in self.backends.values_mut() {
            add(sums.entry(one.party.clone()).or_default(), minus(one.now, one.before));
            one.before = one.now;
        }
        sums
    }

    /// Adds the services' processes, this one and the rest of the machine to `parties`.
    fn parties(&mut self, mut parties: BTreeMap<String, CpuTimes>, states: &mut States) -> BTreeMap<String, CpuTimes> {
        // What began meanwhile has used nothing before.
        let later = std::mem::take(&mut *self.watch.later.lock().unwrap_or_else(PoisonError::into_inner));
        self.processes.extend(later.into_iter().map(|(name, pid)| (name, pid, (0.0, 0.0))));
        for (name, pid, before) in &mut self.processes {
            let now = threads(*pid);
            let used = minus(now, *before);
            *before = now;
            add(parties.entry(name.clone()).or_default(), used);
            add(states.processes.entry(name.clone()).or_default(), used);
        }
        let own = threads(std::process::id());
        parties.insert(DRIVER.into(), minus(own, self.own_s));
        self.own_s = own;
        let busy = busy_s();
        let known: f64 = parties.values().map(|(cpu, _)| cpu).sum();
        parties.insert(FOREIGN.into(), ((busy - self.busy_s - known).max(0.0), 0.0));
        self.busy_s = busy;
        parties
    }

    /// (bytes of log, buffers read and dirtied) by party in this window.
    fn statements(&mut self, client: &mut Client) -> Result<(ByParty, ByParty), Failure> {
        let now = statements::read(client, &self.watch.names)?;
        let (mut wal, mut buffers) = (ByParty::new(), ByParty::new());
        for (party, cost) in &now {
            let before = self.statements.get(party).cloned().unwrap_or_default();
            wal.insert(party.clone(), cost.wal_bytes - before.wal_bytes);
            let touched = |cost: &RoleCost| (cost.blocks_read + cost.blocks_dirtied) as f64;
            buffers.insert(party.clone(), touched(cost) - touched(&before));
        }
        self.statements = now;
        Ok((wal, buffers))
    }
}

/// Session seconds of a wait class in a window, by party.
fn waits(sessions: &Activity, class: &str, length: Duration) -> ByParty {
    let seconds = |(party, classes): (&String, &BTreeMap<String, f64>)| {
        Some((party.clone(), classes.get(class)? * length.as_secs_f64()))
    };
    sessions.iter().filter_map(seconds).collect()
}

/// Threads that ended in between took their times with them, so a difference may be below 0.
fn minus(now: CpuTimes, before: CpuTimes) -> CpuTimes {
    ((now.0 - before.0).max(0.0), (now.1 - before.1).max(0.0))
}

fn add(sum: &mut CpuTimes, times: CpuTimes) {
    sum.0 += times.0;
    sum.1 += times.1;
}
