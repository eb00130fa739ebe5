//! The services' processes: starting them, waiting until they are ready, seeing them die, stopping them.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::follower::Follower;
use super::once;
use super::patience::Patience;
use super::process::{Plan, Process, READY_WITHIN};
use super::services::{self, Kind, Service};
use crate::Failure;

/// How often everything is looked at.
pub const TICK: Duration = Duration::from_millis(100);

/// How long a data set may take through the log.
const TOLD_WITHIN: Duration = Duration::from_secs(600);

/// All processes that are supervised.
pub struct Supervisor {
    entries: Vec<Entry>,
    logs: bool,
}

struct Entry {
    plan: Plan,
    kind: Kind,
    /// It starts when those of a lower number are ready.
    wave: u8,
    url: String,
    process: Option<Process>,
    follower: Option<Follower>,
}

impl Supervisor {
    /// With nothing to supervise yet; `logs`: what they log is shown.
    pub fn new(logs: bool) -> Self {
        Self { entries: Vec::new(), logs }
    }

    /// A service to supervise; its log of an earlier run is put aside.
    pub fn add(
        &mut self,
        service: &Service,
        folder: &Path,
        env: Vec<(String, String)>,
        log: PathBuf,
        url: &str,
    ) -> Result<(), Failure> {
        if log.exists() {
            let aside = std::fs::rename(&log, log.with_extension("log.old"));
            aside.map_err(|error| Failure::could_not_run(format!("{} can't be moved: {error}.", log.display())))?;
        }
        let args = service.args.iter().map(|argument| (*argument).to_owned()).collect();
        let plan = Plan { name: service.name, binary: folder.join(service.package), args, env, log };
        let (kind, wave, url) = (service.kind, service.wave, url.to_owned());
        self.entries.push(Entry { plan, kind, wave, url, process: None, follower: None });
        Ok(())
    }

    /// How a service is started.
    pub fn plan(&self, name: &str) -> Option<&Plan> {
        self.entries.iter().find(|entry| entry.plan.name == name).map(|entry| &entry.plan)
    }

    /// Starts what doesn't run, each when those are ready that it needs. How long each may take is known here; the patience says what
    /// ends all of it.
    pub fn start_all(&mut self, patience: &Patience) -> Result<(), Failure> {
        if let Some(kafka) = self.plan(services::NODE) {
            once::node(kafka, patience)?;
        }
        let waves = self.entries.iter().map(|entry| entry.wave + 1).max().unwrap_or_default();
        // Where there is a log, its parts are ready when all has come through it.
        let within = if waves > 1 { TOLD_WITHIN } else { READY_WITHIN };
        for wave in 0..waves {
            self.start_wave(wave, &patience.again(within))?;
            if let (0, Some(relay)) = (wave, self.plan(services::FIRST_RELAY)) {
                once::topics(relay, patience)?;
            }
        }
        Ok(())
    }

    /// All of a wave at once.
    fn start_wave(&mut self, wave: u8, patience: &Patience) -> Result<(), Failure> {
        for entry in self.entries.iter_mut().filter(|entry| entry.wave == wave) {
            entry.start(self.logs)?;
        }
        let mut entries = self.entries.iter_mut().filter(|entry| entry.wave == wave);
        entries.try_for_each(|entry| entry.wait_ready(patience))
    }

    /// Starts one that isn't running and waits until it is ready.
    pub fn start(&mut self, name: &str, patience: &Patience) -> Result<(), Failure> {
        let logs = self.logs;
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.plan.name == name) else {
            return Err(Failure::usage(format!("Unknown service {name}.")));
        };
        entry.start(logs)?;
        entry.wait_ready(patience)
    }

    /// Other values for some of its settings, from its next start on.
    pub fn set_environment(&mut self, name: &str, settings: Vec<(String, String)>) {
        for entry in self.entries.iter_mut().filter(|entry| entry.plan.name == name) {
            let changed = |variable: &String| settings.iter().any(|(name, _)| name == variable);
            entry.plan.env.retain(|(variable, _)| !changed(variable));
            entry.plan.env.extend(settings.iter().cloned());
        }
    }

    /// Stops one.
    pub fn stop(&mut self, name: &str) {
        let found = self.entries.iter_mut().find(|entry| entry.plan.name == name);
        drop(found.and_then(|entry| entry.process.take()));
    }

    /// Asks all, then waits for all: as long as the slowest takes. The log ends last, for who reads or writes it would complain.
    pub fn stop_all(&mut self) {
        self.stop_those(|_| true);
    }

    /// The same of those that hold the product's data or move them.
    pub fn stop_data(&mut self) {
        self.stop_those(Kind::has_data);
    }

    fn stop_those(&mut self, wanted: impl Fn(Kind) -> bool) {
        for log in [false, true] {
            let those =
                self.entries.iter_mut().filter(|entry| wanted(entry.kind) && (entry.kind == Kind::Broker) == log);
            let running: Vec<Process> = those.filter_map(|entry| entry.process.take()).collect();
            running.iter().for_each(Process::ask_to_end);
            running.into_iter().for_each(Process::wait);
        }
        self.entries.iter_mut().for_each(Entry::show_log);
    }

    /// The process id of one that runs.
    pub fn process_id(&self, name: &str) -> Option<u32> {
        let entry = self.entries.iter().find(|entry| entry.plan.name == name)?;
        entry.process.as_ref().map(Process::id)
    }

    /// Those that have died since the last look: name, how, last lines of the log.
    pub fn died(&mut self) -> Vec<(&'static str, ExitStatus, String)> {
        let mut died = Vec::new();
        for entry in &mut self.entries {
            entry.show_log();
            if let Some((status, last_lines)) = entry.end() {
                entry.process = None;
                died.push((entry.plan.name, status, last_lines));
            }
        }
        died
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop_all();
    }
}

impl Entry {
    /// Unless it runs.
    fn start(&mut self, logs: bool) -> Result<(), Failure> {
        if self.process.as_mut().is_some_and(|process| process.ended().is_none()) {
            return Ok(());
        }
        let (name, log) = (self.plan.name, self.plan.log.clone());
        self.follower = self.follower.take().or_else(|| logs.then(|| Follower::new(name, log)));
        self.process = Some(self.plan.start()?);
        Ok(())
    }

    fn show_log(&mut self) {
        if let Some(follower) = &mut self.follower {
            follower.show();
        }
    }

    fn end(&mut self) -> Option<(ExitStatus, String)> {
        let process = self.process.as_mut()?;
        let status = process.ended()?;
        Some((status, process.last_lines()))
    }

    fn wait_ready(&mut self, patience: &Patience) -> Result<(), Failure> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        // Kafka speaks no HTTP: somebody must listen there.
        let path = if self.kind == Kind::Broker { "" } else { "/readyz" };
        let url = format!("{}{path}", self.url);
        let done = process.wait_ready(self.plan.name, &url, patience, || {
            if let Some(follower) = &mut self.follower {
                follower.show();
            }
        });
        if done.is_err() && process.ended().is_some() {
            // That it died is told by this error.
            self.process = None;
        }
        done
    }
}
